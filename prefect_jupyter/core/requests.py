"""What a person asks of a run that is under way: to stop, to wait, to go on; and what the loss of its world means.

It must not start anything: what may start is the scheduler's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .actions import Action, Interrupt, InterruptChildren
from .events import ChildrenMoved, Emit, RetriesDue, TaskMoved
from .mapping import indices
from .signals import Cancel, Lost, Pause, Resumed, RetryNow
from .states import ACTIVE, STOPPABLE, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .mapping import Children
    from .progress import Progress
    from .run import Run

_PAUSABLE = STOPPABLE - {State.Paused}

Request: TypeAlias = "Cancel | Pause | Resumed | RetryNow | Lost"


def carry_out(run: Run, request: Request, emit: Emit, actions: list[Action]) -> None:
    if isinstance(request, Cancel):
        for row in _chosen(run, request.tasks):
            _cancel(row, request.at, emit, actions)
    elif isinstance(request, Pause):
        for row in _chosen(run, request.tasks):
            _pause(row, request.at, emit)
    elif isinstance(request, Resumed):
        for row in _chosen(run, request.tasks):
            _resume(row, request, emit)
    elif isinstance(request, RetryNow):
        if any(_has_retries(run.tasks[task]) for task in request.tasks if task in run.tasks):
            emit(RetriesDue(request.at, request.tasks))
    else:
        lost: Lost = request
        for row in run.rows:
            _lose(row, lost, emit)


def _chosen(run: Run, tasks: frozenset[str] | None) -> Iterable[Progress]:
    if tasks is None:
        return run.rows
    return sorted((run.tasks[task] for task in tasks if task in run.tasks), key=lambda row: row.position)


def _cancel(row: Progress, at: float, emit: Emit, actions: list[Action]) -> None:
    task = row.task.id
    if row.children is not None and row.state in ACTIVE:
        waiting = row.children.stoppable()
        if waiting:
            emit(ChildrenMoved(at, task, indices(waiting), State.Cancelled, 0, "cancelled"))
        for lot, running in _by_lot(row.children, State.Running).items():
            emit(ChildrenMoved(at, task, indices(running), State.Cancelling, lot))
            actions.append(InterruptChildren(task, lot))
    if row.state in STOPPABLE:
        emit(TaskMoved(at, task, State.Cancelled, row.attempt, "cancelled"))
    elif row.state is State.Running:
        emit(TaskMoved(at, task, State.Cancelling, row.attempt))
        if row.children is None:
            actions.append(Interrupt(task, row.attempt))


def _by_lot(children: Children, *states: State) -> dict[int, list[int]]:
    lots: dict[int, list[int]] = {}
    for child in children.in_states(*states):
        lots.setdefault(children.lots[child], []).append(child)
    return lots


def _pause(row: Progress, at: float, emit: Emit) -> None:
    if row.children is not None and row.state is State.Running:
        waiting = row.children.in_states(*_PAUSABLE)
        if waiting:
            emit(ChildrenMoved(at, row.task.id, indices(waiting), State.Paused, 0, "paused"))
    elif row.state in _PAUSABLE:
        emit(TaskMoved(at, row.task.id, State.Paused, row.attempt, "paused"))


def _resume(row: Progress, request: Resumed, emit: Emit) -> None:
    task = row.task.id
    if row.children is not None and row.state in ACTIVE:
        paused = row.children.in_states(State.Paused)
        if paused:
            emit(
                ChildrenMoved(
                    request.at, task, indices(paused), State.Resume, 0, "resumed", None, "", request.reference
                )
            )
    elif row.state is State.Paused:
        emit(TaskMoved(request.at, task, State.Resume, row.attempt, "", None, "", request.reference))


def _has_retries(row: Progress) -> bool:
    return row.due_s is not None if row.children is None else bool(row.children.due)


def _lose(row: Progress, request: Lost, emit: Emit) -> None:
    at, task = request.at, row.task.id
    if row.children is not None and row.state in ACTIVE:
        for lot, running in _by_lot(row.children, *ACTIVE).items():
            emit(ChildrenMoved(at, task, indices(running), State.Crashed, lot, request.note))
        waiting = row.children.stoppable()
        if waiting:
            emit(ChildrenMoved(at, task, indices(waiting), State.Cancelled, 0, request.note))
    elif row.state in ACTIVE:
        emit(TaskMoved(at, task, State.Crashed, row.attempt, request.note))
    elif row.state in STOPPABLE:
        emit(TaskMoved(at, task, State.Cancelled, row.attempt, request.note))
