"""Where every task of one run stands; `apply` is the only place that changes it.

It must not decide what happens next: `scheduler.step` does.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from .events import ChildrenMoved, Event, RetriesDue, RunEnded, RunStarted, TaskMapped, TaskMoved
from .progress import Progress
from .run_children import map_task, move_children
from .run_rows import make_rows
from .run_state import (
    NO_CHILD,
    Run,
    Turn,
    line_up,
    occupy,
    one_less,
    open_row,
    tidy,
    tidy_waiting,
    vacate,
    waits,
    went_on,
)
from .states import ACTIVE, TERMINAL, TRANSITIONS, State

__all__ = ["Run", "Turn", "apply"]


def apply(run: Run, event: Event) -> Run:
    """`run` after `event`: the same object. A move that the table of transitions forbids: ValueError."""
    if isinstance(event, TaskMoved):
        _move(run, event)
    elif isinstance(event, ChildrenMoved):
        move_children(run, event)
    elif isinstance(event, RetriesDue):
        _make_due(run, event)
    elif isinstance(event, TaskMapped):
        map_task(run, event)
    elif isinstance(event, RunStarted):
        _start(run, event)
    else:
        ended: RunEnded = event
        run.ended_s = ended.at
        run.state = ended.state
    return run


def _start(run: Run, event: RunStarted) -> None:
    rows = make_rows(event)
    run.rows = rows
    run.tasks = {row.task.id: row for row in rows}
    run.slots = event.slots
    run.limits = dict(event.limits)
    run.cancel_timeout_s = event.cancel_timeout_s
    run.started_s = event.at
    run.state = State.Running
    for row in rows:
        if row.unmet == 0:
            open_row(run, row)


def _move(run: Run, event: TaskMoved) -> None:
    row = run.tasks[event.task]
    old, new = row.state, event.state
    if new not in TRANSITIONS[old]:
        raise ValueError(f"{event.task!r} cannot go from {old.name} to {new.name}.")
    row.state = new
    row.attempt = event.attempt
    row.note = event.note
    row.due_s = event.due_s
    if event.reference:
        row.reference = event.reference
    if new is State.Running:
        _begin(run, row, event.at)
    elif new is State.Cancelling:
        _give_up_at(run, row, run.cancel_timeout_s, event.at)
    elif old in ACTIVE:
        _leave(run, row, event.at)
    if new in TERMINAL:
        row.ended_s = event.at
        row.cause = event.cause
        run.finished += 1
        _release(run, row)
    elif new is State.Retrying:
        row.failures += 1
        row.due_s = event.at if event.due_s is None else event.due_s
        heappush(run.waiting, (row.due_s, row.position, NO_CHILD))
    elif new is State.Looped:
        row.failures = 0
        row.loop += 1
        line_up(run, row)
    elif new is State.Resume:
        row.resumed = True
        if row.unmet == 0:
            open_row(run, row)
    went_on(run)
    tidy(run, row)


def _begin(run: Run, row: Progress, at: float) -> None:
    row.started_s = at
    row.ended_s = None
    if row.task.mapped:
        run.expanding += 1
        return
    occupy(run, row)
    _give_up_at(run, row, row.task.timeout_s, at)


def _leave(run: Run, row: Progress, at: float) -> None:
    row.ended_s = at
    row.deadline_s = None
    if not row.task.mapped:
        vacate(run, row)
    elif row.children is None:
        run.expanding -= 1


def _give_up_at(run: Run, row: Progress, after_s: float | None, at: float) -> None:
    row.deadline_s = None
    if after_s is not None and row.children is None:
        row.deadline_s = at + after_s
        heappush(run.deadlines, (row.deadline_s, row.position, row.attempt))


def _release(run: Run, row: Progress) -> None:
    plain = row.is_plain
    below = row.dependants if row.children is not None else [*row.dependants, *row.followers]
    for dependant in below:
        if not plain:
            dependant.marred = True
        one_less(run, dependant)


def _make_due(run: Run, event: RetriesDue) -> None:
    hastened = [turn for turn in run.waiting if run.rows[turn[1]].task.id in event.tasks] if event.tasks else []
    if hastened:
        run.waiting = [turn for turn in run.waiting if run.rows[turn[1]].task.id not in event.tasks]
        heapify(run.waiting)
    while run.waiting and run.waiting[0][0] <= event.at:
        hastened.append(heappop(run.waiting))
    for turn in hastened:
        if waits(run, turn):
            _, position, child = turn
            row = run.rows[position]
            if row.children is None:
                row.due_s = None
                line_up(run, row)
            else:
                del row.children.due[child]
                line_up(run, row, child, child + 1)
    tidy_waiting(run)
