from __future__ import annotations

from functools import reduce

import pytest

from prefect_jupyter.core.actions import Action, Expand, InterruptChildren, SubmitChildren, WakeAt
from prefect_jupyter.core.events import ChildrenMoved, Event, RunEnded, TaskMapped, TaskMoved
from prefect_jupyter.core.mapping import Children, chunk_of, indices, note_of, runs
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.scheduler import step
from prefect_jupyter.core.signals import (
    Begin,
    Cancel,
    ChildrenEnded,
    Ended,
    Expanded,
    Pause,
    Resumed,
    RetryNow,
    Signal,
    Tick,
)
from prefect_jupyter.core.states import State
from prefect_jupyter.core.tasks import Retry

EACH = RunTask("each", mapped=True)
THEN = RunTask("then", ("each",), mapped=True, along=("each",))
ALL = RunTask("all", ("each",))


class World:
    """Sends signals to one run, keeps what came of them, and turns it into short lines."""

    def __init__(self, *tasks: RunTask, slots: int = 1, limits: tuple[tuple[str, int], ...] = ()) -> None:
        self.now = 0.0
        self.run = Run()
        self.events: list[Event] = []
        self.actions: list[Action] = []
        self.begun = self.send(Begin(self.now, tasks, slots=slots, limits=limits, cancel_timeout_s=5.0))

    def send(self, signal: Signal) -> list[str]:
        events, self.actions = step(self.run, signal)
        self.events += events
        assert reduce(apply, self.events, Run()) == self.run
        return [line(event) for event in events if isinstance(event, (TaskMoved, ChildrenMoved, TaskMapped, RunEnded))]

    def expand(self, task: str, total: int | None, states: bytes = b"", chunk: int | None = None) -> list[str]:
        return self.send(Expanded(self.now, task, self.run.tasks[task].attempt, total, chunk, states))

    def end(self, task: str, *children: int, state: State = State.Success, note: str = "") -> list[str]:
        held = self.run.tasks[task].children
        assert held is not None
        return self.send(ChildrenEnded(self.now, task, held.lots[children[0]], indices(children), state, note))

    def tick(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.send(Tick(self.now))


def line(event: Event) -> str:
    if isinstance(event, TaskMapped):
        return f"{event.task} × {event.total}"
    if isinstance(event, RunEnded):
        return f"run {event.state.name}"
    assert isinstance(event, (TaskMoved, ChildrenMoved))
    which = f"{list(event.children)}" if isinstance(event, ChildrenMoved) else ""
    return f"{event.task}{which} {event.state.name}" + (f": {event.note}" if event.note else "")


def test_a_mapped_task_runs_once_for_each_element_and_is_mapped_when_all_have_ended() -> None:
    world = World(EACH, ALL)
    assert world.begun == ["each Running"]
    assert world.actions == [Expand("each", 1)]
    assert world.expand("each", 2) == ["each × 2", "each[0] Running"]
    assert world.actions == [SubmitChildren("each", 1, range(1))]
    assert world.end("each", 0) == ["each[0] Success", "each[1] Running"]
    assert world.end("each", 1) == ["each[1] Success", "each Mapped", "all Running"]


def test_an_empty_list_is_mapped_and_its_reader_runs() -> None:
    world = World(EACH, ALL)
    assert world.expand("each", 0) == ["each × 0", "each Mapped", "all Running"]


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        ("all_successful", "all Running"),
        ("all_failed", "all Running"),
        ("all_finished", "all Running"),
        ("any_successful", "all TriggerFailed: not run: its trigger any_successful wants an input to succeed"),
        ("any_failed", "all TriggerFailed: not run: its trigger any_failed wants an input to fail"),
        (
            "some_failed(at_least=1)",
            "all TriggerFailed: not run: its trigger some_failed wants at least 1 of its inputs to fail",
        ),
        ("some_successful(at_most=1)", "all Running"),
        ("not_all_skipped", "all Skipped: skipped: there is nothing above it"),
        ("manual_only", "all Paused: waits: its trigger wants a person to resume it"),
    ],
)
def test_of_no_children_all_have_ended_every_way_and_none_has(trigger: str, told: str) -> None:
    world = World(EACH, RunTask("all", ("each",), trigger))
    assert world.expand("each", 0)[2] == told


def test_a_map_over_a_map_goes_depth_first_and_child_by_child() -> None:
    world = World(EACH, THEN)
    # the second one asks what it maps over as soon as the first one knows
    assert world.expand("each", 2) == ["each × 2", "then Running", "each[0] Running"]
    assert world.expand("then", None) == ["then × 2"]
    assert world.end("each", 0) == ["each[0] Success", "then[0] Running"]
    assert world.end("then", 0) == ["then[0] Success", "each[1] Running"]
    assert world.end("each", 1) == ["each[1] Success", "each Mapped", "then[1] Running"]


def test_a_child_does_not_wait_for_other_children_above() -> None:
    world = World(EACH, THEN, slots=2)
    world.expand("each", 3)
    world.expand("then", None)
    assert world.end("each", 1) == ["each[1] Success", "then[1] Running"]
    assert world.end("each", 0) == ["each[0] Success", "then[0] Running"]


def test_several_mapped_inputs_stop_at_the_shortest() -> None:
    left, right = RunTask("left", mapped=True), RunTask("right", mapped=True)
    both = RunTask("both", ("left", "right"), mapped=True, along=("left", "right"))
    world = World(left, right, both, slots=9)
    world.expand("left", 3)
    assert "both Running" in world.expand("right", 2)
    assert world.expand("both", 5) == ["both × 2"]
    world.end("left", 0)
    assert world.end("right", 0) == ["right[0] Success", "both[0] Running"]


def test_a_failed_child_leaves_its_parent_mapped_and_fails_what_reads_all() -> None:
    world = World(EACH, ALL, RunTask("after", ("all",)))
    world.expand("each", 2)
    world.end("each", 0, state=State.Failed, note="ValueError: no")
    assert world.end("each", 1) == [
        "each[1] Success",
        "each Mapped: 1 of 2 failed: ValueError: no",
        "all TriggerFailed: not run: `each` failed for 1 of 2",
        "after TriggerFailed: not run: `each` failed for 1 of 2",
        "run Failed",
    ]


def test_what_accepts_failures_runs_after_failed_children() -> None:
    world = World(EACH, RunTask("all", ("each",), "all_finished"))
    world.expand("each", 1)
    assert world.end("each", 0, state=State.Failed)[-1] == "all Running"


def test_a_failed_child_stops_only_the_child_below_it() -> None:
    world = World(EACH, THEN, slots=9)
    world.expand("each", 2)
    world.expand("then", None)
    assert world.end("each", 0, state=State.TimedOut) == [
        "each[0] TimedOut",
        "then[0] TriggerFailed: not run: `each` timed out for this element",
    ]
    assert world.end("each", 1) == ["each[1] Success", "each Mapped: 1 of 2 failed", "then[1] Running"]


def test_a_skipped_child_skips_the_child_below_it_and_what_reads_all() -> None:
    world = World(EACH, THEN, ALL, slots=9)
    world.expand("each", 2)
    world.expand("then", None)
    assert world.end("each", 0, state=State.Skipped) == [
        "each[0] Skipped",
        "then[0] Skipped: skipped: `each` was skipped",
    ]
    assert world.end("each", 1)[1:3] == ["each Mapped: 1 skipped", "all Skipped: skipped: `each` was skipped"]


def test_only_the_failed_child_is_tried_again() -> None:
    world = World(RunTask("each", mapped=True, retry=Retry(retries=1, delays_s=(4.0,))))
    world.expand("each", 2)
    assert world.end("each", 0, state=State.Failed) == ["each[0] Retrying", "each[1] Running"]
    assert world.actions[-1] == WakeAt(4.0)
    assert world.end("each", 1) == ["each[1] Success"]
    assert world.tick(4.0) == ["each[0] Running"]
    assert world.end("each", 0, state=State.Failed)[0] == "each[0] Failed"


def test_a_waiting_child_can_be_hastened() -> None:
    world = World(RunTask("each", mapped=True, retry=Retry(retries=1, delays_s=(400.0,))))
    world.expand("each", 1)
    world.end("each", 0, state=State.Failed)
    assert world.send(RetryNow(1.0, frozenset({"each"}))) == ["each[0] Running"]
    assert world.tick(400.0) == []


def test_children_that_have_ended_before_do_not_run() -> None:
    world = World(EACH, ALL)
    done = bytes((State.Cached, State.Pending, State.Success))
    assert world.expand("each", 3, done) == ["each × 3", "each[1] Running"]
    assert world.end("each", 1)[1] == "each Mapped: 1 cached"


def test_states_that_do_not_fit_the_children_are_refused() -> None:
    for states in (bytes(2), bytes((0, 0, State.Running))):
        with pytest.raises(ValueError, match="3 children need as many states"):
            World(EACH).expand("each", 3, states)


def test_a_mapped_task_that_follows_no_other_must_be_told_its_number() -> None:
    with pytest.raises(ValueError, match="must be told how many"):
        World(EACH).expand("each", None)


def test_what_cannot_be_mapped_fails() -> None:
    world = World(EACH, ALL)
    told = world.send(Ended(0.0, "each", 1, State.Failed, "TypeError: 'int' object is not iterable", retry=False))
    assert told[0] == "each Failed: TypeError: 'int' object is not iterable"
    assert told[1] == "all TriggerFailed: not run: `each` failed"


def test_many_children_start_in_chunks_and_report_in_parts() -> None:
    world = World(EACH)
    assert world.expand("each", 5, chunk=2) == ["each × 5", "each[0, 1] Running"]
    assert world.end("each", 0, state=State.Failed) == ["each[0] Failed"]
    assert world.end("each", 1) == ["each[1] Success", "each[2, 3] Running"]
    assert [chunk_of(1), chunk_of(1000), chunk_of(100_000)] == [1, 1, 100]


def test_a_lot_is_one_of_a_limited_number() -> None:
    limited = RunTask("each", mapped=True, tags=("db",))
    world = World(limited, RunTask("other", tags=("db",)), RunTask("free"), slots=9, limits=(("db", 2),))
    assert world.begun == ["each Running", "other Running", "free Running"]
    assert world.expand("each", 3) == ["each × 3", "each[0] Running"]
    assert world.end("each", 0) == ["each[0] Success", "each[1] Running"]


def test_cancelling_stops_children_that_run_and_those_that_wait() -> None:
    world = World(EACH, ALL)
    world.expand("each", 3)
    assert world.send(Cancel(0.0, frozenset({"each"}))) == [
        "each[1, 2] Cancelled: cancelled",
        "each[0] Cancelling",
        "each Cancelling",
    ]
    assert world.actions == [InterruptChildren("each", 1), WakeAt(5.0)]
    assert world.end("each", 0) == [
        "each[0] Success",
        "each Cancelled: 2 cancelled",
        "all TriggerFailed: not run: `each` was cancelled",
        "run Failed",
    ]


def test_a_child_that_does_not_stop_is_given_up() -> None:
    world = World(EACH)
    world.expand("each", 1)
    world.send(Cancel(0.0))
    assert world.tick(5.0)[0] == "each[0] Cancelled: did not stop; it may still be running"
    assert world.end("each", 0) == []


def test_children_can_be_paused_and_resumed() -> None:
    world = World(EACH)
    world.expand("each", 3)
    assert world.send(Pause(0.0)) == ["each[1, 2] Paused: paused"]
    assert world.end("each", 0) == ["each[0] Success", "run Paused"]
    assert world.send(Resumed(0.0, frozenset({"each"}))) == ["each[1, 2] Resume: resumed", "each[1] Running"]
    assert world.end("each", 1) == ["each[1] Success", "each[2] Running"]


def test_a_child_loops_by_itself() -> None:
    world = World(EACH)
    world.expand("each", 1)
    held = world.run.tasks["each"].children
    assert held is not None
    assert world.send(ChildrenEnded(0.0, "each", 1, (0,), State.Looped, reference="v1")) == [
        "each[0] Looped",
        "each[0] Running",
    ]
    assert (held.loops, held.references) == ({0: 1}, {0: "v1"})


def test_the_reasons_of_failures_are_told_together() -> None:
    children = Children.new(9, 1, bytes([State.Failed] * 6 + [State.Success] * 3))
    for child, note in enumerate(("a", "b", "a", "c", "d", "a")):
        children.notes[child] = note
    assert note_of(children) == "6 of 9 failed: 3 × a · 1 × b · 1 × c · 1 other reasons"


def test_numbers_in_a_row_are_a_range_and_are_cut_at_chunks() -> None:
    assert indices([3, 4, 5]) == range(3, 6)
    assert indices([3, 5]) == (3, 5)
    assert list(runs([0, 1, 2, 3, 5, 6, 8], 3)) == [(0, 3), (3, 4), (5, 6), (6, 7), (8, 9)]


def test_a_hundred_thousand_children_are_a_few_thousand_facts_and_a_few_bytes_each() -> None:
    world = World.__new__(World)
    world.run = Run()
    facts = 0
    step(world.run, Begin(0.0, (EACH,)))
    events, actions = step(world.run, Expanded(0.0, "each", 1, 100_000))
    while actions:
        (submit,) = actions
        assert isinstance(submit, SubmitChildren)
        events, actions = step(world.run, ChildrenEnded(0.0, "each", submit.lot, submit.children, State.Success))
        facts += len(events)
    assert facts < 3000
    assert world.run.state is State.Success
    children = world.run.tasks["each"].children
    assert children is not None
    arrays = (children.unmet, children.attempts, children.failures, children.lots)
    assert len(children.states) + sum(len(held) * held.itemsize for held in arrays) < 20 * 100_000
    assert [children.due, children.notes, children.loops, children.references] == [{}, {}, {}, {}]
