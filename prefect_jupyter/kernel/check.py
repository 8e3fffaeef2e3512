"""`%flow check`: holds what fresh tasks show against a plain run of the whole notebook in a kernel of its own.

It must not ask the engine what would be right: the plain run is the judge.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.decisions import KINDS
from ..oracle.compare import Difference, Place, differences, unstable
from ..oracle.plain import PlainCell, run_plainly
from .wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Session

TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a plain run says: the differences by task, and how much was compared.

    `decided` are the tasks whose result a person accepted or pinned, in words, and whether they show the same.
    """

    differences: tuple[Difference, ...]
    compared: int
    unstable: int
    unchecked: tuple[str, ...] = ()
    decided: tuple[tuple[str, bool], ...] = ()

    def __bool__(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        tasks = counted(self.compared, "task")
        if self.differences:
            lines = [f"{counted(len(self.differences), 'difference')} in {tasks}:"]
            lines += [f"  {difference}" for difference in self.differences]
        else:
            shows = "shows" if self.compared == 1 else "show"
            lines = [f"Nothing differs: {tasks} {shows} what a plain run from the top shows."]
        if self.unstable:
            lines.append(f"{self.unstable} outputs differ from one plain run to the next, and were not compared.")
        for said, is_same in self.decided:
            shows = "shows what a plain run shows" if is_same else "shows something else than a plain run"
            lines.append(f"{said} {shows}.")
        if self.unchecked:
            lines.append(f"Not fresh, so not compared: {', '.join(self.unchecked)}.")
        return "\n".join(lines)

    __repr__ = __str__


def check(session: Session, on_progress: Callable[[str, int, int], None] | None = None) -> Check:
    """Runs every code cell of the document plainly and compares what fresh tasks show with that.

    Where something differs a second plain run tells which outputs no two runs agree on.
    """
    document = session.document
    cells = [PlainCell(cell, document.texts[cell]) for cell in document.order]
    verdicts = {task: session.standing.verdict(task) for task in session.standing.graph.names}
    ran = session.runner.results
    skipped = session.standing.skips.keys()  # they show that they were, which a plain run cannot
    fresh = [task for task, verdict in verdicts.items() if verdict.is_fresh and task in ran.keys() - skipped]
    decided = [task for task, verdict in verdicts.items() if verdict.kind in KINDS and task in ran]
    shown = {task: ran[task].displays for task in (*fresh, *decided)}
    first = run_plainly(cells, os.getcwd(), TIMEOUT_S, on_progress)
    plain = {result.id: result for result in first}

    def compared(tasks: list[str], ignore: frozenset[Place]) -> list[Difference]:
        return [
            difference
            for task in tasks
            for difference in differences(plain[task].outputs, shown[task], cell=task, ignore=ignore)
        ]

    found, shaky = compared([*fresh, *decided], frozenset()), frozenset[Place]()
    if found:
        shaky = unstable(first, run_plainly(cells, os.getcwd(), TIMEOUT_S, on_progress))
    name = session.standing.name
    differing = {difference.cell for difference in compared(decided, shaky)}
    return Check(
        differences=tuple(replace(each, cell=name(each.cell)) for each in compared(fresh, shaky)),
        compared=len(fresh),
        unstable=len(shaky),
        unchecked=tuple(name(task) for task in verdicts if task not in shown and task not in skipped),
        decided=tuple((f"`{name(task)}` ({verdicts[task].reason})", task not in differing) for task in decided),
    )
