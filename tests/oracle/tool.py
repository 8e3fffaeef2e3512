"""Plays any notebooks with a task header over every code cell, and prints what differs from plain runs."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from prefect_jupyter.oracle.plain import PlainRunError

from .cells import read, some_edit
from .scenarios import Phase, play_all

_LINE = "{:<34.34} {:>5} {:>5} {:>5} {:>5} {:>8} {:>6} {:>6}"


def main(arguments: list[str] | None = None) -> int:
    """Print a table for each notebook; the exit status is 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK", help=".ipynb or .percent")
    parser.add_argument("--style", choices=("magic", "comment", "both"), default="both")
    parser.add_argument("--beside", action="store_true", help="copy the files beside the notebook for it to read")
    parser.add_argument("--details", type=int, default=10, help="how many findings to print for each phase")
    options = parser.parse_args(arguments)
    wrong = 0
    for path in options.notebooks:
        wrong += report(path, options.style, options.details, beside=options.beside)
    return 1 if wrong else 0


def report(path: Path, style: str, details: int, *, beside: bool) -> int:
    """Play one notebook and print its table; returns the number of findings."""
    notebook = read(path)
    notebook = replace(notebook, edit=some_edit(notebook))
    print(f"\n{notebook.name}: {len(notebook.cells)} code cells, edit {_short(notebook.edit)}")
    print(_LINE.format("phase", "tasks", "fresh", "equal", "diff", "executed", "cached", "failed"))
    started_s = time.monotonic()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        place = Path(folder)
        if beside:
            for kernel_place in ("live", "plains"):
                shutil.copytree(path.parent, place / kernel_place / "work", ignore=shutil.ignore_patterns("*.ipynb"))
        try:
            for phase in play_all(notebook, place, style=style):
                wrong += len(phase.findings)
                _print_phase(phase, details)
        except (AssertionError, PlainRunError) as error:
            wrong += 1
            print(f"  stopped: {error}")
    print(f"  {wrong} findings, {time.monotonic() - started_s:.0f} s")
    return wrong


def _short(edit: tuple[str, str, str] | None) -> str:
    """Which cell is edited and how: only the lines that differ."""
    if edit is None:
        return "none"
    cell_id, old, new = edit
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    return f"[{cell_id}] " + "; ".join(f"{one.strip()} => {other.strip()}" for one, other in pairs if one != other)


def _print_phase(phase: Phase, details: int) -> None:
    counts = phase.counts
    numbers = (counts.get("executed", 0), counts.get("cached", 0), counts.get("failed", 0))
    print(_LINE.format(phase.name, phase.tasks, phase.fresh, phase.equal, phase.tasks - phase.equal, *numbers))
    for cell, note in phase.executed.items():
        print(f"    executed {cell}" + (f": {note}" if note else ""))
    for finding in phase.findings[:details]:
        print("    " + finding)
    if len(phase.findings) > details:
        print(f"    … and {len(phase.findings) - details} more")


if __name__ == "__main__":
    sys.exit(main())
