"""The rows of a run as they are before anything has happened: who waits for whom, in which order.

It must not change a row later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .progress import Progress
from .run_state import ALONE
from .triggers import trigger_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import RunStarted
    from .run_task import RunTask


def make_rows(event: RunStarted) -> list[Progress]:
    """One row for each task. An id given twice, an unknown trigger, or tasks that wait for each other: ValueError."""
    limits = {tag for tag, _ in event.limits}
    rows = [
        Progress(
            task=task,
            position=position,
            root=position,
            trigger=trigger_named(task.trigger),
            forced=task.id in event.forced,
            resumed=task.id in event.resumed,
            limited=_limited(task, limits) if limits or task.alone else (),
        )
        for position, task in enumerate(event.tasks)
    ]
    tasks = {row.task.id: row for row in rows}
    if len(tasks) != len(rows):
        twice = next(row.task.id for row in rows if tasks[row.task.id] is not row)
        raise ValueError(f"The task {twice!r} is twice in one run.")
    for row in rows:
        if row.task.upstream:
            row.inputs = tuple([tasks[above] for above in dict.fromkeys(row.task.upstream) if above in tasks])
            row.unmet = len(row.inputs)
            along = row.task.along if row.task.mapped else ()
            row.paired = tuple([above for above in row.inputs if above.task.id in along and above.task.mapped])
            for above in row.inputs:
                below = above.followers if above.task.id in along and above.task.mapped else above.dependants
                below.append(row)
    _refuse_cycles(rows)
    _find_roots(rows)
    return rows


def _limited(task: RunTask, limits: set[str]) -> tuple[str, ...]:
    return (*((ALONE,) if task.alone else ()), *sorted(limits.intersection(task.tags)))


def _find_roots(rows: Sequence[Progress]) -> None:
    """Children of a chain of maps take their turns at the place of the first map of the chain."""
    for row in rows:
        stack = [row]
        while stack:
            above = stack.pop()
            for follower in above.followers:
                if above.root < follower.root:
                    follower.root = above.root
                    stack.append(follower)


def _refuse_cycles(rows: Sequence[Progress]) -> None:
    if all(above.position < row.position for row in rows for above in row.inputs):
        return
    unmet = [row.unmet for row in rows]
    stack = [row for row in rows if not row.inputs]
    while stack:
        done = stack.pop()
        for row in (*done.dependants, *done.followers):
            unmet[row.position] -= 1
            if unmet[row.position] == 0:
                stack.append(row)
    left = [row for row in rows if unmet[row.position]]
    if not left:
        return
    row = left[0]
    # Every task that is left has an input that is left, so going up must come back to one seen before.
    path: list[Progress] = []
    seen: set[int] = set()
    while row.position not in seen:
        seen.add(row.position)
        path.append(row)
        row = next(above for above in row.inputs if unmet[above.position])
    circle = [*path[path.index(row) :], row][::-1]
    raise ValueError(f"{' → '.join(row.title for row in circle)}: tasks that wait for each other.")
