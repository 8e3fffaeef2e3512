"""One start of a task's body: which one it is, and what it meets beyond its inputs.

It must not run the body or know where its outputs go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.cells import Cell
from ..core.graph import Graph
from ..core.progress import Progress
from ..core.states import SUCCESSFUL
from ..runtime.context import during
from ..runtime.pickles import Unstorable
from ..runtime.signals import SKIP, TRIGGERFAIL
from .endings import ChildrenFailed
from .user_namespace import UNCHANGEABLE, UserNamespace

_MAY_GO_ON = ("LOOP", "RETRY", "PAUSE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """`number` counts every start of the task in its run from 1, `tries` those since the last turn of its loop.

    `handed` is the value that the turn before, or a person, handed to this one. `failed` are the tasks above that
    did not succeed, with the exceptions that stand for them; `is_marred` also counts children of mapped tasks.
    """

    number: int = 1
    tries: int = 1
    loop: int = 1
    handed: object = None
    is_resumed: bool = False
    failed: Mapping[str, BaseException] = field(default_factory=dict)
    is_marred: bool = False

    def context(self, name: str) -> Any:
        """For the time of the body: what `context` says."""
        facts: dict[str, Any] = {"task_name": name, "task_run_count": self.tries, "task_loop_count": self.loop}
        if self.loop > 1:
            facts["task_loop_result"] = self.handed
        elif self.is_resumed:
            facts |= {"resume": True, "resume_value": self.handed}
        return during(**facts)


def failed_above(row: Progress, error_of: Callable[[str], BaseException | None]) -> dict[str, BaseException]:
    """The tasks above `row` that did not succeed, each with its own exception or one that says why it did not run."""
    return {
        above.task.id: error_of(above.task.id) or TRIGGERFAIL(above.note)
        for above in row.inputs
        if above.state not in SUCCESSFUL and above.children is None
    }


def bind_failures(cell: Cell, graph: Graph, namespace: UserNamespace, start: Start) -> None:
    """Binds each name that a failed task above should have made to its exception, until the names are put right."""
    for name in graph.reads(cell.id) if start.failed else ():
        error = start.failed.get(graph.writer(cell.id, name) or "")
        if error is not None and not isinstance(error, ChildrenFailed):  # its lists have the exceptions in them
            namespace.stand_in(name, error)


def keep_for_another_try(cell: Cell, namespace: UserNamespace, inputs: Iterable[str]) -> None:
    """Stores what the text of `cell` changes in place, where nothing else could put it back for another attempt."""
    retries = cell.options is not None and cell.options.retry.retries > 0
    if not retries and not any(word in cell.source for word in _MAY_GO_ON):
        return
    for name in cell.in_place.intersection(inputs):
        version = namespace.bound.get(name)
        value = namespace.values.get(name)
        if version is None or version.reference is not None or isinstance(value, UNCHANGEABLE):
            continue
        for group in namespace.sharing([name]):
            try:
                reference = namespace.keep(group)
            except Unstorable:
                continue
            for member in group:
                namespace.bound[member].reference, namespace.bound[member].group = reference, group


def unmet_condition(condition: str, values: dict[str, Any]) -> SKIP | Exception | None:
    """Why a task with `--when condition` does not run: it is false, or evaluating it raised."""
    try:
        holds = bool(eval(compile(condition, "<--when>", "eval"), values))
    except Exception as error:
        return error
    return None if holds else SKIP(f"`{condition}` is false")
