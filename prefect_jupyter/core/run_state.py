"""The data of one run, and its indexes: what may start, must not, waits, or takes too long.

It must not know events: `run.apply` turns them into changes here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias

from .progress import Progress
from .states import ACTIVE, State
from .triggers import Answer

Turn: TypeAlias = "tuple[int, int, int, int]"
"""What may start, in the order of starting: position of its root, first child, its own position, child to stop
before. A task that is no child has -1 for both. A child of a chain of maps thus goes before the next one above."""

NO_CHILD = -1
ALONE = ""
"""The limited tag of tasks beside which no other one runs; no tag of a person is empty."""


@dataclass(slots=True)
class Lot:
    """Children of the task at `position` that started together; `left` of them have not ended."""

    position: int
    left: int
    deadline_s: float | None = None


@dataclass(slots=True)
class Run:
    """`rows` are in the order of the document, `tasks` finds them by id; `finished` counts terminal ones.

    `active` attempts and lots take slots, `expanding` mapped tasks do not know their children yet. Indexes, kept
    by `run.apply`: `ready` holds what may start, by the limited tags that it counts for; `refused` the (position,
    child) of those whose inputs are all finished but that must not run; `waiting` the due times of retries;
    `deadlines` the times at which an attempt or a lot is given up; `complete` mapped tasks whose children have
    all ended. The first entry of each is always valid; entries behind it may be of tasks that have moved on.
    """

    rows: list[Progress] = field(default_factory=list, repr=False)
    tasks: dict[str, Progress] = field(default_factory=dict, compare=False, repr=False)
    slots: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    cancel_timeout_s: float | None = None
    active: int = 0
    expanding: int = 0
    finished: int = 0
    started_s: float | None = None
    ended_s: float | None = None
    state: State = State.Pending
    ready: dict[tuple[str, ...], list[Turn]] = field(default_factory=dict)
    refused: list[tuple[int, int]] = field(default_factory=list)
    waiting: list[tuple[float, int, int]] = field(default_factory=list)
    deadlines: list[tuple[float, int, int]] = field(default_factory=list)
    complete: list[int] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    last_lot: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.state is State.Running

    @property
    def next_turn(self) -> Turn | None:
        """What starts next, None while nothing may: no slot is free, a limit is reached, or nothing is ready."""
        if self.active >= self.slots or self.busy.get(ALONE):
            return None
        best: Turn | None = None
        for tags, turns in self.ready.items():
            if turns and (best is None or turns[0] < best) and (not tags or self._have_room(tags)):
                best = turns[0]
        return best

    def _have_room(self, tags: tuple[str, ...]) -> bool:
        return all(not self.active if tag == ALONE else self.busy.get(tag, 0) < self.limits[tag] for tag in tags)

    @property
    def is_anything_ready(self) -> bool:
        return any(self.ready.values())


# --- what may start


def open_row(run: Run, row: Progress) -> None:
    """All that `row` waits for has finished: it may start, or must be told that it does not."""
    surely = row.trigger.passes_success and not row.marred and not row.task.pause
    if surely or row.answer() is Answer.RUN:
        line_up(run, row)
    else:
        heappush(run.refused, (row.position, NO_CHILD))


def line_up(run: Run, row: Progress, first: int = NO_CHILD, stop: int = NO_CHILD) -> None:
    heappush(run.ready.setdefault(row.limited, []), (row.root, first, row.position, stop))


def occupy(run: Run, row: Progress) -> None:
    run.active += 1
    for tag in row.limited:
        run.busy[tag] = run.busy.get(tag, 0) + 1


def vacate(run: Run, row: Progress) -> None:
    run.active -= 1
    for tag in row.limited:
        run.busy[tag] -= 1


def one_less(run: Run, dependant: Progress) -> None:
    dependant.unmet -= 1
    if dependant.unmet == 0 and dependant.state in (State.Pending, State.Resume):
        open_row(run, dependant)


def went_on(run: Run) -> None:
    """A run that ended with tasks that wait for a person goes on when one of them moves."""
    run.state = State.Running
    run.ended_s = None


# --- indexes


def tidy(run: Run, row: Progress) -> None:
    """`row`, or children of it, have moved: the first entry of each index is made valid again."""
    turns = run.ready.get(row.limited)
    while turns and not may_start(run, turns[0]):
        heappop(turns)
    while run.refused and not is_refused(run, run.refused[0]):
        heappop(run.refused)
    while run.complete and run.rows[run.complete[0]].state not in ACTIVE:
        heappop(run.complete)
    while run.deadlines and not runs_until(run, run.deadlines[0]):
        heappop(run.deadlines)
    if run.waiting:
        tidy_waiting(run)


def tidy_waiting(run: Run) -> None:
    while run.waiting and not waits(run, run.waiting[0]):
        heappop(run.waiting)


def may_start(run: Run, turn: Turn) -> bool:
    _, first, position, stop = turn
    row = run.rows[position]
    if first == NO_CHILD or row.children is None:
        return row.may_start
    return any(map(row.children.may_start, range(first, stop)))


def is_refused(run: Run, entry: tuple[int, int]) -> bool:
    position, child = entry
    row = run.rows[position]
    state = row.state if child == NO_CHILD or row.children is None else row.children.state(child)
    return state in (State.Pending, State.Resume)


def waits(run: Run, entry: tuple[float, int, int]) -> bool:
    due_s, position, child = entry
    row = run.rows[position]
    if row.children is None or child == NO_CHILD:
        return row.state is State.Retrying and row.due_s == due_s
    return row.children.state(child) is State.Retrying and row.children.due.get(child) == due_s


def runs_until(run: Run, entry: tuple[float, int, int]) -> bool:
    deadline_s, position, number = entry
    row = run.rows[position]
    if row.children is None:
        return row.state in ACTIVE and row.attempt == number and row.deadline_s == deadline_s
    lot = run.lots.get(number)
    return lot is not None and lot.deadline_s == deadline_s
