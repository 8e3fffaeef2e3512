"""What facts about a mapped task and its children change in a run.

It must not be called but by `run.apply`.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING

from .events import ChildrenMoved, TaskMapped
from .mapping import Children, Indices, runs
from .progress import Progress
from .run_state import Lot, Run, line_up, occupy, one_less, tidy, vacate, went_on
from .states import TERMINAL, State
from .triggers import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence


def map_task(run: Run, event: TaskMapped) -> None:
    row = run.tasks[event.task]
    children = row.children = Children.new(event.total, event.chunk, event.states)
    children.notes.update(event.notes)
    run.expanding -= 1
    row.deadline_s = None
    for above in row.paired:
        if above.children is not None:
            for child in above.children.unfinished():
                if child < event.total:
                    children.unmet[child] += 1
    new = [child for child in children.in_states(State.Pending) if not children.unmet[child]]
    _open_children(run, row, new)
    for follower in row.followers:
        one_less(run, follower)
    if children.finished == children.count:
        heappush(run.complete, row.position)
    went_on(run)


def _open_children(run: Run, row: Progress, opened: Sequence[int]) -> None:
    children = row.children
    if children is None or not opened:
        return
    able: list[int] = []
    for child, answer in row.answers(opened):
        if answer is Answer.RUN:
            able.append(child)
        else:
            heappush(run.refused, (row.position, child))
    for first, stop in runs(able, children.chunk):
        line_up(run, row, first, stop)


def move_children(run: Run, event: ChildrenMoved) -> None:
    row = run.tasks[event.task]
    children = row.children
    if children is None:
        raise ValueError(f"{event.task!r} has no children yet.")
    new = event.state
    children.move(event.children, new, event.lot)
    if event.note:
        children.notes.update(dict.fromkeys(event.children, event.note))
    if event.cause:
        children.causes.update(dict.fromkeys(event.children, event.cause))
    if event.reference:
        children.references.update(dict.fromkeys(event.children, event.reference))
    if new is State.Running:
        _begin_lot(run, row, event)
    elif new is State.Cancelling:
        _give_up_lot_at(run, row, event.lot, run.cancel_timeout_s, event.at)
    elif event.lot:
        _leave_lot(run, row, event.lot, len(event.children))
    if new in TERMINAL:
        _release_children(run, row, event.children)
    elif new is State.Retrying:
        _wait(run, row, children, event)
    elif new is State.Looped:
        for child in event.children:
            children.failures[child] = 0
            children.loops[child] = children.loops.get(child, 0) + 1
            line_up(run, row, child, child + 1)
    elif new is State.Resume:
        _open_children(run, row, [child for child in event.children if not children.unmet[child]])
    if children.finished == children.count:
        heappush(run.complete, row.position)
    went_on(run)
    tidy(run, row)


def _wait(run: Run, row: Progress, children: Children, event: ChildrenMoved) -> None:
    due_s = event.at if event.due_s is None else event.due_s
    for child in event.children:
        children.failures[child] += 1
        children.due[child] = due_s
        heappush(run.waiting, (due_s, row.position, child))


def _begin_lot(run: Run, row: Progress, event: ChildrenMoved) -> None:
    run.lots[event.lot] = Lot(row.position, len(event.children))
    run.last_lot = event.lot
    occupy(run, row)
    if row.task.timeout_s is not None:
        _give_up_lot_at(run, row, event.lot, row.task.timeout_s * len(event.children), event.at)


def _leave_lot(run: Run, row: Progress, number: int, count: int) -> None:
    lot = run.lots[number]
    lot.left -= count
    if lot.left == 0:
        del run.lots[number]
        vacate(run, row)


def _give_up_lot_at(run: Run, row: Progress, number: int, after_s: float | None, at: float) -> None:
    lot = run.lots[number]
    lot.deadline_s = None if after_s is None else at + after_s
    if lot.deadline_s is not None:
        heappush(run.deadlines, (lot.deadline_s, row.position, number))


def _release_children(run: Run, row: Progress, ended: Indices) -> None:
    for follower in row.followers:
        children = follower.children
        if children is None:
            continue
        unmet, opened = children.unmet, []
        for child in ended:
            if child < children.count:
                unmet[child] -= 1
                if unmet[child] == 0 and children.state(child) in (State.Pending, State.Resume):
                    opened.append(child)
        _open_children(run, follower, opened)
