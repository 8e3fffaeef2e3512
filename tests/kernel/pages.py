"""A small notebook in a real kernel whose cells are edited and run by name."""

from __future__ import annotations

from typing import Any

from tests.oracle.kernels import LiveKernel


class Page:
    """`cells` in order; the page tells the kernel of each edit. One scratch cell stands at the end."""

    def __init__(self, kernel: LiveKernel, cells: dict[str, str]) -> None:
        self.kernel = kernel
        self.cells = {**cells, "scratch": ""}
        self.tell()

    def tell(self) -> None:
        self.kernel.command("document", order=[*self.cells], sources=self.cells)

    def edit(self, cell: str, source: str) -> None:
        self.cells[cell] = source
        self.tell()

    def run(self, *cells: str) -> str:
        """Runs cells as they are written, all but the scratch cell when none is named, and returns what they show."""
        return "".join(said(self.kernel.run_cell(cell, self.cells[cell])) for cell in cells or [*self.cells][:-1])

    def flow(self, words: str) -> str:
        return said(self.kernel.run_cell("scratch", f"%flow {words}")).strip()

    def verdicts(self) -> dict[str, str]:
        return dict(self.kernel.session("verdicts()"))

    def counts(self) -> dict[str, int]:
        return dict(self.kernel.session("counts()"))

    def restart(self) -> None:
        self.kernel.restart()
        self.tell()

    def row(self, task: str) -> Any:
        asked = "{session}.view().tasks()"
        return self.kernel.asked(f"{{n.name: [r.state, r.verdict, r.note, r.reason] for n, r in {asked}}}[{task!r}]")


def said(outputs: list[dict[str, Any]]) -> str:
    """What outputs say, as text."""
    return "".join(
        f"{output['ename']}: {output['evalue']}\n"
        if output["output_type"] == "error"
        else str(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for output in outputs
    )


def line(output: dict[str, Any]) -> str:
    """One output in short: what it prints, the error that it tells, or the value that it shows."""
    if output["output_type"] == "stream":
        return str(output["text"]).strip()
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return str(output["data"]["text/plain"])
