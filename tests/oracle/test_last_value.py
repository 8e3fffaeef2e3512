from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import OracleCell, OracleNotebook
from .play import Player, play

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = OracleNotebook(
    "last-value",
    (
        OracleCell("base", "%%task base\nbase = 5"),
        OracleCell("first", "%%task first\n3 + 4"),
        OracleCell("reader", "%%task reader\ngot = _ * base"),
        OracleCell("other", "%%task other\n'something else'"),
        OracleCell("uses", "%%task uses\nprint(got)"),
    ),
)


def test_a_task_that_a_button_runs_reads_the_value_that_is_shown_above_it(tmp_path: Path) -> None:
    def edit(player: Player) -> None:
        player.edit("base", "base = 5", "base = 6")

    def press(player: Player) -> None:
        player.press("run")

    result = play(NOTEBOOK, tmp_path, [Player.run_all, edit, press])
    assert result.outputs["uses"] == [{"output_type": "stream", "name": "stdout", "text": "42\n"}]
