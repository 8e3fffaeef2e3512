"""What happens next in a run: signals in, events and actions out.

It must not change a run except by applying events, nor read a clock: time comes with the signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .actions import Action, Interrupt, Submit, WakeAt
from .events import Event, RetriesDue, RunEnded, RunStarted, TaskMoved
from .run import Progress, Run, apply
from .signals import Begin, Cancel, Ended, Resumed, Signal, Tick
from .states import ACTIVE, FAILED, SUCCESSFUL, WAITING, State
from .triggers import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRIED_AGAIN = FAILED - {State.TriggerFailed}
_SAID = {
    State.TimedOut: "timed out",
    State.Crashed: "crashed",
    State.Cancelled: "was cancelled",
    State.TriggerFailed: "did not run",
}


def step(run: Run, signal: Signal) -> tuple[list[Event], list[Action]]:
    """Take in `signal`, apply what follows from it, and tell it.

    A late or repeated report of an attempt that is not the present one changes nothing.
    """
    events: list[Event] = []
    actions: list[Action] = []
    if isinstance(signal, Ended):
        _ended(run, signal, events)
    elif isinstance(signal, Begin):
        if run.started_s is not None:
            raise ValueError("This run has begun already; a new run needs a new Run.")
        _emit(run, events, RunStarted(*signal))
    elif isinstance(signal, Cancel):
        _cancel(run, signal, events, actions)
    elif isinstance(signal, Resumed):
        _resume(run, signal, events)
    else:
        _: Tick = signal
    if run.is_under_way:
        _advance(run, signal.at, events, actions)
    return events, actions


def _emit(run: Run, events: list[Event], event: Event) -> None:
    apply(run, event)
    events.append(event)


def _ended(run: Run, signal: Ended, events: list[Event]) -> None:
    row = run.tasks.get(signal.task)
    if row is None or row.attempt != signal.attempt or row.state not in ACTIVE:
        return
    if signal.state in _TRIED_AGAIN and row.state is State.Running:
        retry = row.task.retry
        again = row.attempt <= retry.retries if signal.retry is None else signal.retry
        if again:
            due_s = signal.at + retry.delay_before_s(row.attempt + 1)
            _emit(run, events, TaskMoved(signal.at, signal.task, State.Retrying, row.attempt, signal.note, due_s))
            return
    state = signal.state
    if state is State.Paused and row.state is State.Cancelling:
        state = State.Cancelled
    _emit(run, events, TaskMoved(signal.at, signal.task, state, row.attempt, signal.note))


def _cancel(run: Run, signal: Cancel, events: list[Event], actions: list[Action]) -> None:
    rows: Iterable[Progress] = run.rows
    if signal.tasks is not None:
        rows = sorted((run.tasks[task] for task in signal.tasks if task in run.tasks), key=lambda row: row.position)
    for row in rows:
        if row.state in WAITING:
            _emit(run, events, TaskMoved(signal.at, row.task.id, State.Cancelled, row.attempt, "cancelled"))
        elif row.state is State.Running:
            _emit(run, events, TaskMoved(signal.at, row.task.id, State.Cancelling, row.attempt))
            actions.append(Interrupt(row.task.id, row.attempt))


def _resume(run: Run, signal: Resumed, events: list[Event]) -> None:
    for row in run.rows:
        if row.task.id in signal.tasks and row.state is State.Paused:
            _emit(run, events, TaskMoved(signal.at, row.task.id, State.Resume, row.attempt))


def _advance(run: Run, at: float, events: list[Event], actions: list[Action]) -> None:
    while run.refused:
        _emit(run, events, _refusal(run.rows[run.refused[0]], run, at))
    if run.waiting and run.waiting[0][0] <= at:
        _emit(run, events, RetriesDue(at))
    while run.ready and run.active < run.slots:
        row = run.rows[run.ready[0]]
        attempt = row.attempt + 1
        _emit(run, events, TaskMoved(at, row.task.id, State.Running, attempt))
        actions.append(Submit(row.task.id, attempt, row.forced))
    if run.waiting:
        actions.append(WakeAt(run.waiting[0][0]))
    elif run.active == 0 and not run.ready:
        _emit(run, events, RunEnded(at, _outcome(run)))


def _refusal(row: Progress, run: Run, at: float) -> TaskMoved:
    """The move of a task whose inputs have all finished and that must not run."""
    answer = row.answer()
    if answer is Answer.PAUSE:
        return TaskMoved(at, row.task.id, State.Paused, row.attempt, f"waits: its trigger wants {row.trigger.wants}")
    if answer is Answer.SKIP:
        root = _root(next(above for above in row.inputs if above.state is State.Skipped), run)
        note = f"skipped: `{root.task.name or root.task.id}` was skipped"
        return TaskMoved(at, row.task.id, State.Skipped, row.attempt, note, None, root.task.id)
    blamed = [above for above in row.inputs if above.state not in SUCCESSFUL]
    if blamed and row.trigger.name in ("all_successful", "not_all_skipped"):
        root = _root(min(blamed, key=lambda above: above.position), run)
        note = f"not run: `{root.task.name or root.task.id}` {_SAID.get(root.state, 'failed')}"
        return TaskMoved(at, row.task.id, State.TriggerFailed, row.attempt, note, None, root.task.id)
    note = f"not run: its trigger {row.trigger.name} wants {row.trigger.wants}"
    return TaskMoved(at, row.task.id, State.TriggerFailed, row.attempt, note)


def _root(row: Progress, run: Run) -> Progress:
    return run.tasks[row.cause] if row.cause else row


def _outcome(run: Run) -> State:
    if run.finished < len(run.rows):
        return State.Paused
    states = {row.state for row in run.rows}
    if states & FAILED:
        return State.Failed
    return State.Cancelled if State.Cancelled in states else State.Success
