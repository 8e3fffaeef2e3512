"""Notebooks whose tasks all ask for threads: what is fresh equals a plain run, as without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from .cells import OracleNotebook, notebooks, tasked
from .kernels import LiveKernel
from .play import Player
from .scenarios import Plains, judged

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("aliasing", "groupby_report", "in_place", "own_functions", "random_state", "warnings_logging")


def on_threads(notebook: OracleNotebook) -> OracleNotebook:
    cells = []
    for cell in tasked(notebook, style="magic").cells:
        first, newline, rest = cell.source.partition("\n")
        is_task = first.startswith("%%task")
        cells.append(replace(cell, source=f"{first} --on threads{newline}{rest}") if is_task else cell)
    return replace(notebook, cells=tuple(cells))


@pytest.mark.parametrize("notebook", [n for n in notebooks() if n.name in NAMES], ids=lambda notebook: notebook.name)
def test_in_threads_what_is_fresh_equals_a_plain_run(notebook: OracleNotebook, tmp_path: Path) -> None:
    threaded = on_threads(notebook)
    plains = Plains(tmp_path / "plains")
    with LiveKernel(tmp_path / "live") as kernel:
        player = Player(threaded, kernel)
        player.run_all()
        player.press("rerun")
        found = judged("all at once", player, plains, complete=True).findings
    assert not found, "\n".join(found)
