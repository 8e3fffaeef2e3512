"""What a run would do, why, and how long it would take, before anything runs.

It must not find out what is fresh: verdicts are given to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rebuilder import Reason, Verdict
from .run_task import RunTask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .graph import Graph

_LEFT_ALONE = frozenset({"fresh", "accepted", "pinned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A task that runs. When not `sure`, it runs only if what is made above it comes out different.

    `expected_s` is how long it took before, None when that is not known.
    """

    task: str
    reasons: tuple[Reason, ...]
    sure: bool = True
    forced: bool = False
    expected_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tasks that may run, in document order; no others will.

    `expected_s` is the sum of the known times; `untimed` tasks are not in it. `kept` are the tasks that were
    asked about, or are needed, and stay as they are.
    """

    tasks: tuple[Planned, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(planned.task for planned in self.tasks)

    @property
    def expected_s(self) -> float:
        return sum(planned.expected_s for planned in self.tasks if planned.expected_s is not None)

    @property
    def untimed(self) -> int:
        return sum(planned.expected_s is None for planned in self.tasks)


def make_plan(
    graph: Graph,
    verdicts: Mapping[str, Verdict],
    expected_s: Mapping[str, float],
    *,
    targets: Iterable[str] | None = None,
    forced: Collection[str] = frozenset(),
) -> Plan:
    """What bringing `targets` up to date takes (None: every task), with `forced` ones run in any case.

    `targets` and `forced` are ids of cells; what they need through plain cells counts too. A task without a
    verdict has never run.
    """
    wanted = set(graph.tasks)
    if targets is not None:
        asked = {*targets, *forced}
        wanted = asked.union(graph.ancestors(asked))
    tasks: dict[str, Planned] = {}
    kept: list[str] = []
    for task in graph.tasks:
        if task not in wanted:
            continue
        verdict = verdicts.get(task) or Verdict("stale", (Reason("not run yet", task),))
        reasons = () if verdict.kind in _LEFT_ALONE else verdict.reasons or (Reason(verdict.kind, task),)
        sure = bool(reasons)
        if task in forced:
            reasons, sure = (Reason("forced", task), *reasons), True
        elif not reasons and verdict.is_fresh:
            reasons = _changes_above(graph, task, tasks)
        if reasons:
            tasks[task] = Planned(
                task=task, reasons=reasons, sure=sure, forced=task in forced, expected_s=expected_s.get(task)
            )
        else:
            kept.append(task)
    return Plan(tasks=tuple(tasks.values()), kept=tuple(kept))


def _changes_above(graph: Graph, task: str, planned: Collection[str]) -> tuple[Reason, ...]:
    return tuple(
        Reason(f"`{graph.names[above]}` runs first and may change what this reads", above)
        for above in graph.task_upstream(task)
        if above in planned
    )


def run_tasks(graph: Graph, task_ids: Collection[str]) -> tuple[RunTask, ...]:
    """The tasks among `task_ids` as a run takes them, in document order.

    A task waits for those of the same run that it needs, be it through tasks that are not in this run.
    """
    needs: dict[str, tuple[str, ...]] = {}
    run: list[RunTask] = []
    for task in graph.tasks:
        upstream: dict[str, None] = {}
        for above in graph.task_upstream(task):
            upstream.update(dict.fromkeys((above,) if above in task_ids else needs[above]))
        needs[task] = tuple(upstream)
        options = graph.cell(task).options
        if task in task_ids and options is not None:
            run.append(RunTask(task, needs[task], options.trigger, options.retry, graph.names[task]))
    return tuple(run)
