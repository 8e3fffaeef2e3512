"""What happens next in a run: signals in, events and actions out.

It must not change a run except by applying events, nor read a clock or throw dice: both come with the signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .actions import Action, Expand, Interrupt, InterruptChildren, Submit, SubmitChildren, WakeAt
from .events import ChildrenMoved, Emit, Event, RetriesDue, RunEnded, RunStarted, TaskMapped, TaskMoved
from .mapping import chunk_of, indices, note_of
from .refusals import child_refusal, refusal
from .requests import carry_out
from .run import Run, Turn, apply
from .signals import Begin, ChildrenEnded, Ended, Expanded, Signal, Tick
from .states import ACTIVE, FAILED, State

if TYPE_CHECKING:
    from .progress import Progress

_TRIED_AGAIN = FAILED - {State.TriggerFailed}
_GOES_ON = frozenset({State.Paused, State.Looped})


def step(run: Run, signal: Signal) -> tuple[list[Event], list[Action]]:
    """Take in `signal`, apply what follows from it, and tell it.

    A late or repeated report of an attempt that is not the present one changes nothing.
    """
    events: list[Event] = []
    actions: list[Action] = []

    def emit(event: Event) -> None:
        apply(run, event)
        events.append(event)

    if isinstance(signal, Ended):
        _ended(run, signal, emit)
    elif isinstance(signal, ChildrenEnded):
        _children_ended(run, signal, emit)
    elif isinstance(signal, Begin):
        if run.started_s is not None:
            raise ValueError("This run has begun already; a new run needs a new Run.")
        emit(RunStarted(*signal))
    elif isinstance(signal, Expanded):
        _expanded(run, signal, emit)
    elif isinstance(signal, Tick):
        _give_up(run, signal.at, emit, actions)
    else:
        carry_out(run, signal, emit, actions)
    if run.is_under_way:
        _advance(run, signal.at, emit, actions)
    return events, actions


# --- reports


def _ended(run: Run, signal: Ended, emit: Emit) -> None:
    row = run.tasks.get(signal.task)
    if row is None or row.attempt != signal.attempt or row.state not in ACTIVE or row.children is not None:
        return
    state, due_s = _what_follows(row, row.state, row.failures, signal)
    emit(TaskMoved(signal.at, signal.task, state, row.attempt, signal.note, due_s, "", signal.reference))


def _what_follows(
    row: Progress, now: State, failures: int, signal: Ended | ChildrenEnded
) -> tuple[State, float | None]:
    """The state after an attempt of something that is `now` active and failed so often before, and when it is due."""
    state = signal.state
    if now is State.Cancelling:
        return (State.Cancelled if state in _GOES_ON else state), None
    if state in _TRIED_AGAIN:
        retry = row.task.retry
        if failures < retry.retries if signal.retry is None else signal.retry:
            delay_s = retry.delay_before_s(failures + 2, signal.chance) if signal.delay_s is None else signal.delay_s
            return State.Retrying, signal.at + delay_s
    return state, None


def _children_ended(run: Run, signal: ChildrenEnded, emit: Emit) -> None:
    row = run.tasks.get(signal.task)
    children = row.children if row is not None else None
    if row is None or children is None or signal.lot not in run.lots:
        return
    for now in (State.Running, State.Cancelling):
        still = children.belonging_to(signal.lot, signal.children, now)
        # Those that have failed equally often fare alike.
        groups: dict[tuple[State, float | None], list[int]] = {}
        known: dict[int, tuple[State, float | None]] = {}
        for child in still:
            failures = children.failures[child]
            if failures not in known:
                known[failures] = _what_follows(row, now, failures, signal)
            groups.setdefault(known[failures], []).append(child)
        for (state, due_s), group in groups.items():
            emit(
                ChildrenMoved(
                    signal.at, signal.task, indices(group), state, signal.lot, signal.note, due_s, "", signal.reference
                )
            )


def _expanded(run: Run, signal: Expanded, emit: Emit) -> None:
    row = run.tasks.get(signal.task)
    if row is None or row.attempt != signal.attempt or row.state not in ACTIVE or row.children is not None:
        return
    if row.state is State.Cancelling:
        emit(TaskMoved(signal.at, signal.task, State.Cancelled, row.attempt, "cancelled"))
        return
    counts = [above.children.count for above in row.paired if above.children is not None]
    if signal.total is not None:
        counts.append(signal.total)
    if not counts:
        raise ValueError(f"{signal.task!r} follows no mapped task, so it must be told how many elements there are.")
    count = min(counts)
    chunk = chunk_of(count) if signal.chunk is None else signal.chunk
    notes = tuple((child, note) for child, note in signal.notes if child < count)
    emit(TaskMapped(signal.at, signal.task, count, chunk, signal.states[:count], notes))


def _give_up(run: Run, at: float, emit: Emit, actions: list[Action]) -> None:
    """What should have ended by itself by now is told to stop, and no longer waited for."""
    while run.deadlines and run.deadlines[0][0] <= at:
        _, position, number = run.deadlines[0]
        row = run.rows[position]
        task = row.task.id
        late = f"timed out after {row.task.timeout_s:g} s" if row.task.timeout_s is not None else ""
        stuck = "did not stop; it may still be running"
        if row.children is None:
            running = row.state is State.Running
            state = State.TimedOut if running else State.Cancelled
            _ended(run, Ended(at, task, number, state, late if running else stuck), emit)
            actions.append(Interrupt(task, number))
        else:
            everyone = range(row.children.count)
            for now, state, note in (
                (State.Running, State.TimedOut, late),
                (State.Cancelling, State.Cancelled, stuck),
            ):
                left = row.children.belonging_to(number, everyone, now)
                if left:
                    _children_ended(run, ChildrenEnded(at, task, number, indices(left), state, note), emit)
            actions.append(InterruptChildren(task, number))


# --- going on


def _advance(run: Run, at: float, emit: Emit, actions: list[Action]) -> None:
    while run.refused or run.complete:
        if run.refused:
            _refuse(run, at, emit)
        else:
            _complete(run.rows[run.complete[0]], at, emit)
    if run.waiting and run.waiting[0][0] <= at:
        emit(RetriesDue(at))
    while (turn := run.next_turn) is not None:
        _begin(run, turn, at, emit, actions)
    if run.waiting or run.deadlines:
        actions.append(WakeAt(min(times[0][0] for times in (run.waiting, run.deadlines) if times)))
    elif run.active == 0 and run.expanding == 0 and not run.is_anything_ready:
        emit(RunEnded(at, _outcome(run)))


def _begin(run: Run, turn: Turn, at: float, emit: Emit, actions: list[Action]) -> None:
    _, first, position, stop = turn
    row = run.rows[position]
    task = row.task.id
    if row.children is not None:
        children = indices([child for child in range(first, stop) if row.children.may_start(child)])
        lot = run.last_lot + 1
        emit(ChildrenMoved(at, task, children, State.Running, lot))
        actions.append(SubmitChildren(task, lot, children, row.forced))
        return
    attempt = row.attempt + 1
    emit(TaskMoved(at, task, State.Running, attempt))
    actions.append((Expand if row.task.mapped else Submit)(task, attempt, row.forced))


def _refuse(run: Run, at: float, emit: Emit) -> None:
    position, child = run.refused[0]
    row = run.rows[position]
    if child < 0 or row.children is None:
        state, note, cause = refusal(row, run)
        emit(TaskMoved(at, row.task.id, state, row.attempt, note, None, cause))
        return
    groups: dict[tuple[State, str, str], list[int]] = {}
    for child in sorted({child for other, child in run.refused if other == position and child >= 0}):
        if row.children.state(child) in (State.Pending, State.Resume):
            groups.setdefault(child_refusal(row, child, run), []).append(child)
    for (state, note, cause), group in groups.items():
        emit(ChildrenMoved(at, row.task.id, indices(group), state, 0, note, None, cause))


def _complete(row: Progress, at: float, emit: Emit) -> None:
    """All children of `row` have ended: it is Mapped, however they ended, unless some were stopped."""
    assert row.children is not None
    state = State.Cancelled if row.children.number(State.Cancelled) else State.Mapped
    emit(TaskMoved(at, row.task.id, state, row.attempt, note_of(row.children)))


def _outcome(run: Run) -> State:
    if run.finished < len(run.rows):
        return State.Paused
    states = {row.state for row in run.rows}
    if states & FAILED or any(row.children is not None and row.children.failed for row in run.rows):
        return State.Failed
    return State.Cancelled if State.Cancelled in states else State.Success
