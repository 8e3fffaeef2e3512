"""A notebook as a person has it in front of them: cells in order, run and edited in a real kernel."""

from __future__ import annotations

import time
from pathlib import Path

from tests.oracle.kernels import LiveKernel

TICK_NS = 10_000_000


class Page:
    """The cells of one notebook in one kernel. `show` replaces them all."""

    def __init__(self, kernel: LiveKernel) -> None:
        self.kernel = kernel
        self.cells: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        return self.kernel.work

    def show(self, **cells: str) -> None:
        self.cells = dict(cells)
        self._send()

    def edit(self, **cells: str) -> None:
        """Another text in these cells; new ones stand at the end. Nothing runs."""
        self.cells |= cells
        self._send()

    def _send(self) -> None:
        self.kernel.command("document", order=list(self.cells), sources=self.cells)

    def run(self, *cells: str) -> str:
        """Runs these cells, or all; returns what they show that is not a plain value, as text."""
        shown: list[str] = []
        for cell in cells or self.cells:
            outputs = self.kernel.run_cell(cell, self.cells[cell])
            shown += [str(output.get("text") or output.get("evalue") or "") for output in outputs]
        return "".join(shown)

    def run_edited(self, **cells: str) -> str:
        self.edit(**cells)
        return self.run(*cells)

    def restart(self) -> None:
        self.kernel.restart()
        self._send()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        # Nobody runs a cell within the same tick of the clock, which no later write could be told from.
        while time.time_ns() - path.stat().st_ctime_ns < 2 * TICK_NS:
            time.sleep(TICK_NS / 1e9)

    def verdicts(self) -> dict[str, str]:
        found: dict[str, str] = self.kernel.session("verdicts()")
        return found

    def stale(self) -> set[str]:
        """The tasks that are not fresh."""
        return {name for name, verdict in self.verdicts().items() if verdict != "fresh"}

    def why(self, task: str) -> str:
        return str(self.kernel.session(f"why({task!r})"))

    def executed(self) -> int:
        return int(self.kernel.session("counts()")["executed"])

    def values(self, *names: str) -> list[str]:
        """What a cell at the end of the page would read under these names, as text."""
        found = self.kernel.values(names, self.cells).texts
        self._send()
        return [found[name] for name in names]

    def notices(self) -> list[str]:
        """What the kernel has told this page beside the rows, so far."""
        self._send()
        return self.kernel.notices
