"""Where every task of one run stands; `apply` is the only place that changes it.

It must not decide what happens next: `scheduler.step` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from .events import Event, RetriesDue, RunEnded, RunStarted, TaskMoved
from .states import ACTIVE, TERMINAL, TRANSITIONS, WAITING, State
from .triggers import Answer, Trigger, trigger_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .run_task import RunTask

_PLAIN_SUCCESS = frozenset({State.Success, State.Cached, State.Mapped})


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one task has come. Times are seconds of the signals' clock.

    `unmet` counts the tasks upstream that have not finished. `marred` says that one of them finished otherwise
    than by plain success. `cause` is the task at the root of this one's not running, "" when it is its own.
    """

    task: RunTask
    position: int
    trigger: Trigger
    forced: bool = False
    resumed: bool = False
    inputs: tuple[Progress, ...] = field(default=(), repr=False, compare=False)
    dependants: list[Progress] = field(default_factory=list, repr=False, compare=False)
    unmet: int = 0
    marred: bool = False
    state: State = State.Pending
    attempt: int = 0
    started_s: float | None = None
    ended_s: float | None = None
    due_s: float | None = None
    note: str = ""
    cause: str = ""

    def answer(self) -> Answer:
        """What the finished tasks upstream mean for this one: the skip check first, then the trigger."""
        states = [row.state for row in self.inputs]
        if self.task.skip_on_upstream_skip and State.Skipped in states:
            return Answer.SKIP
        answer = self.trigger.check(states)
        return Answer.RUN if answer is Answer.PAUSE and self.resumed else answer


@dataclass(slots=True)
class Run:
    """`rows` are in the order of the document, `tasks` finds them by id; `finished` counts terminal ones.

    Indexes, kept by `apply`: `ready` holds the positions of tasks that may start, `refused` those whose inputs
    are all finished but that must not run, `waiting` the due times and positions of retries. The first entry of
    each is always valid; entries behind it may be of tasks that have moved on.
    """

    rows: list[Progress] = field(default_factory=list, repr=False)
    tasks: dict[str, Progress] = field(default_factory=dict, compare=False, repr=False)
    slots: int = 1
    active: int = 0
    finished: int = 0
    started_s: float | None = None
    ended_s: float | None = None
    state: State = State.Pending
    ready: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    waiting: list[tuple[float, int]] = field(default_factory=list)

    @property
    def is_under_way(self) -> bool:
        return self.state is State.Running


def apply(run: Run, event: Event) -> Run:
    """`run` after `event`: the same object. A move that the table of transitions forbids: ValueError."""
    if isinstance(event, TaskMoved):
        _move(run, event)
    elif isinstance(event, RetriesDue):
        while run.waiting and run.waiting[0][0] <= event.at:
            heappush(run.ready, heappop(run.waiting)[1])
            _drop_stale_retries(run)
    elif isinstance(event, RunStarted):
        _start(run, event)
    else:
        ended: RunEnded = event
        run.ended_s = ended.at
        run.state = ended.state
    return run


def _start(run: Run, event: RunStarted) -> None:
    rows = _rows(event)
    run.rows = rows
    run.tasks = {row.task.id: row for row in rows}
    run.slots = event.slots
    run.started_s = event.at
    run.state = State.Running
    for row in rows:
        if row.unmet == 0:
            _open(run, row)


def _rows(event: RunStarted) -> list[Progress]:
    rows = [
        Progress(
            task=task,
            position=position,
            trigger=trigger_named(task.trigger),
            forced=task.id in event.forced,
            resumed=task.id in event.resumed,
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
            for above in row.inputs:
                above.dependants.append(row)
    _refuse_cycles(rows)
    return rows


def _refuse_cycles(rows: Sequence[Progress]) -> None:
    if all(above.position < row.position for row in rows for above in row.inputs):
        return
    unmet = [row.unmet for row in rows]
    stack = [row for row in rows if not row.inputs]
    while stack:
        for row in stack.pop().dependants:
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
    raise ValueError(f"{' → '.join(row.task.name or row.task.id for row in circle)}: tasks that wait for each other.")


def _open(run: Run, row: Progress) -> None:
    """All that `row` waits for has finished: it may start, or must be told that it does not."""
    runs = (row.trigger.passes_success and not row.marred) or row.answer() is Answer.RUN
    heappush(run.ready if runs else run.refused, row.position)


def _move(run: Run, event: TaskMoved) -> None:
    row = run.tasks[event.task]
    old, new = row.state, event.state
    if new not in TRANSITIONS[old]:
        raise ValueError(f"{event.task!r} cannot go from {old.name} to {new.name}.")
    row.state = new
    row.attempt = event.attempt
    row.note = event.note
    row.due_s = event.due_s
    if new is State.Running:
        row.started_s = event.at
        row.ended_s = None
        run.active += 1
    elif old in ACTIVE and new not in ACTIVE:
        run.active -= 1
        row.ended_s = event.at
    if new in TERMINAL:
        row.ended_s = event.at
        row.cause = event.cause
        run.finished += 1
        _release(run, row)
    elif new is State.Retrying and event.due_s is not None:
        heappush(run.waiting, (event.due_s, row.position))
    elif new is State.Resume:
        heappush(run.ready, row.position)
    # A run that ended with tasks that wait for a person goes on when one of them moves.
    run.state = State.Running
    run.ended_s = None
    if old in WAITING:
        _drop_stale(run, old)


def _release(run: Run, row: Progress) -> None:
    plain = row.state in _PLAIN_SUCCESS
    for dependant in row.dependants:
        dependant.unmet -= 1
        if not plain:
            dependant.marred = True
        if dependant.unmet == 0 and dependant.state is State.Pending:
            _open(run, dependant)


def _drop_stale(run: Run, old: State) -> None:
    """A task has left `old`, a state of waiting: drop it, and others that left before it, from the indexes."""
    rows = run.rows
    while run.ready and rows[run.ready[0]].state not in WAITING:
        heappop(run.ready)
    while run.refused and rows[run.refused[0]].state is not State.Pending:
        heappop(run.refused)
    if old is State.Retrying:
        _drop_stale_retries(run)


def _drop_stale_retries(run: Run) -> None:
    while run.waiting and run.rows[run.waiting[0][1]].state is not State.Retrying:
        heappop(run.waiting)
