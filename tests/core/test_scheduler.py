from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import pytest

from prefect_jupyter.core.actions import Action, Interrupt, Submit, WakeAt
from prefect_jupyter.core.events import Event, RetriesDue, RunEnded, RunStarted, TaskMoved
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.scheduler import step
from prefect_jupyter.core.signals import Begin, Cancel, Ended, Lost, Pause, Resumed, RetryNow, Signal, Tick
from prefect_jupyter.core.states import State
from prefect_jupyter.core.tasks import Retry


class World:
    """Sends signals to one run, keeps what came of them, and turns it into short lines."""

    def __init__(
        self,
        *tasks: RunTask,
        slots: int = 1,
        forced: Iterable[str] = (),
        resumed: Iterable[str] = (),
        limits: Sequence[tuple[str, int]] = (),
        cancel_timeout_s: float | None = None,
    ) -> None:
        self.now = 0.0
        self.run = Run()
        self.events: list[Event] = []
        self.actions: list[Action] = []
        self.begun = self.send(
            Begin(self.now, tasks, frozenset(forced), frozenset(resumed), slots, tuple(limits), cancel_timeout_s)
        )

    def send(self, signal: Signal) -> list[str]:
        events, self.actions = step(self.run, signal)
        self.events += events
        assert reduce(apply, self.events, Run()) == self.run
        return [line(event) for event in events if not isinstance(event, RunStarted)]

    def end(self, task: str, state: State = State.Success, note: str = "", retry: bool | None = None) -> list[str]:
        return self.send(Ended(self.now, task, self.run.tasks[task].attempt, state, note, retry))

    def fail(self, task: str) -> list[str]:
        return self.end(task, State.Failed, "ValueError: no")

    def cancel(self, *tasks: str) -> list[str]:
        return self.send(Cancel(self.now, frozenset(tasks) or None))

    def tick(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.send(Tick(self.now))


def line(event: Event) -> str:
    if isinstance(event, TaskMoved):
        return f"{event.task} {event.state.name}" + (f": {event.note}" if event.note else "")
    if isinstance(event, RunEnded):
        return f"run {event.state.name}"
    return type(event).__name__


def chain(*ids: str) -> list[RunTask]:
    return [RunTask(task, (above,) if above else ()) for above, task in zip(("", *ids), ids, strict=False)]


def named(task: RunTask, name: str) -> RunTask:
    return RunTask(task.id, task.upstream, task.trigger, task.retry, name)


def test_a_chain_runs_from_the_top() -> None:
    world = World(*chain("a", "b"))
    assert world.begun == ["a Running"]
    assert world.actions == [Submit("a", 1)]
    assert world.end("a") == ["a Success", "b Running"]
    assert world.end("b", State.Cached, "cached · saved 48 s") == ["b Cached: cached · saved 48 s", "run Success"]
    assert world.actions == []


def test_a_run_of_nothing_ends_at_once() -> None:
    assert World().begun == ["run Success"]


def test_ready_tasks_start_in_document_order() -> None:
    world = World(RunTask("a"), RunTask("b", ("a",)), RunTask("c"), RunTask("d", ("a",)))
    assert world.begun == ["a Running"]
    assert world.end("a") == ["a Success", "b Running"]
    assert world.end("b") == ["b Success", "c Running"]
    assert world.end("c") == ["c Success", "d Running"]


def test_no_more_tasks_run_at_once_than_there_are_slots() -> None:
    world = World(RunTask("a"), RunTask("b"), RunTask("c"), slots=2)
    assert world.begun == ["a Running", "b Running"]
    assert world.end("b") == ["b Success", "c Running"]


def test_upstream_tasks_of_other_runs_count_as_done() -> None:
    assert World(RunTask("b", ("a",))).begun == ["b Running"]


def test_an_upstream_task_named_twice_is_waited_for_once() -> None:
    world = World(RunTask("a"), RunTask("b", ("a", "a")))
    assert world.end("a") == ["a Success", "b Running"]


def test_tasks_may_come_before_what_they_wait_for() -> None:
    world = World(RunTask("b", ("a",)), RunTask("a"))
    assert world.begun == ["a Running"]
    assert world.end("a") == ["a Success", "b Running"]


def test_tasks_that_wait_for_each_other_are_refused_with_their_path() -> None:
    run = Run()
    tasks = (RunTask("d", ("a",)), RunTask("a", ("c",)), RunTask("b", ("a",)), RunTask("c", ("b",), name="third"))
    with pytest.raises(ValueError, match=r"^a → b → third → a: tasks that wait for each other\.$"):
        step(run, Begin(0, tasks))
    assert run == Run()


def test_one_task_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' is twice"):
        World(RunTask("a"), RunTask("a"))


def test_an_unknown_trigger_is_refused() -> None:
    with pytest.raises(ValueError, match="'sometimes' is not a trigger"):
        World(RunTask("a", trigger="sometimes"))


def test_a_run_begins_once() -> None:
    world = World(RunTask("a"))
    with pytest.raises(ValueError, match="has begun already"):
        world.send(Begin(0.0, ()))


def test_forced_tasks_are_submitted_as_such() -> None:
    world = World(RunTask("a"), RunTask("b"), slots=2, forced=["b"])
    assert world.actions == [Submit("a", 1, False), Submit("b", 1, True)]


# Failure


def test_what_needs_a_failed_task_does_not_run_and_names_it_at_any_depth() -> None:
    a, b, c = chain("a", "b", "c")
    world = World(named(a, "clean"), b, c, RunTask("d"))
    assert world.fail("a") == [
        "a Failed: ValueError: no",
        "b TriggerFailed: not run: `clean` failed",
        "c TriggerFailed: not run: `clean` failed",
        "d Running",
    ]
    assert world.end("d") == ["d Success", "run Failed"]
    assert world.run.tasks["c"].cause == "a"


def test_dependants_hear_of_a_failure_at_once_while_others_run() -> None:
    world = World(*chain("a", "b"), RunTask("c"), slots=2)
    assert world.fail("a") == ["a Failed: ValueError: no", "b TriggerFailed: not run: `a` failed"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.Failed, "failed"),
        (State.TimedOut, "timed out"),
        (State.Crashed, "crashed"),
        (State.ValidationFailed, "failed"),
        (State.TriggerFailed, "did not run"),
        (State.Cancelled, "was cancelled"),
    ],
)
def test_the_note_says_what_became_of_the_task_above(state: State, said: str) -> None:
    world = World(*chain("a", "b"))
    assert world.end("a", state)[1] == f"b TriggerFailed: not run: `a` {said}"


def test_of_several_failed_tasks_the_first_is_named() -> None:
    world = World(RunTask("a"), RunTask("b"), RunTask("c", ("b", "a")), slots=2)
    world.fail("b")
    assert world.fail("a")[1] == "c TriggerFailed: not run: `a` failed"


def test_a_trigger_that_is_not_met_says_what_it_wants() -> None:
    world = World(RunTask("a"), RunTask("alarm", ("a",), "any_failed"), RunTask("after", ("alarm",)))
    assert world.end("a") == [
        "a Success",
        "alarm TriggerFailed: not run: its trigger any_failed wants an input to fail",
        "after TriggerFailed: not run: `alarm` did not run",
        "run Failed",
    ]


def test_a_trigger_can_accept_a_failure() -> None:
    world = World(RunTask("a"), RunTask("alarm", ("a",), "any_failed"), RunTask("tidy", ("alarm",), "always_run"))
    assert world.fail("a") == ["a Failed: ValueError: no", "alarm Running"]
    assert world.fail("alarm")[1] == "tidy Running"


def test_a_task_waits_for_what_it_may_not_need_however_that_ends() -> None:
    world = World(RunTask("a"), RunTask("b"), RunTask("look", ("a", "b"), loosely=("a",)))
    assert world.fail("a") == ["a Failed: ValueError: no", "b Running"]
    assert world.end("b")[1] == "look Running"


def test_a_skip_is_handed_down_before_triggers_are_asked() -> None:
    world = World(*chain("a", "b", "c"), RunTask("d", ("c",), "always_run"))
    assert world.end("a", State.Skipped, "skipped: --when was false") == [
        "a Skipped: skipped: --when was false",
        "b Skipped: skipped: `a` was skipped",
        "c Skipped: skipped: `a` was skipped",
        "d Skipped: skipped: `a` was skipped",
        "run Success",
    ]


def test_a_task_can_refuse_to_be_skipped_with_its_upstream() -> None:
    world = World(RunTask("a"), RunTask("b", ("a",), skip_on_upstream_skip=False))
    assert world.end("a", State.Skipped)[1] == "b Running"


def test_not_all_skipped_skips_only_when_all_are() -> None:
    merge = RunTask("merge", ("a", "b"), "not_all_skipped", skip_on_upstream_skip=False)
    world = World(RunTask("a"), RunTask("b"), merge)
    world.end("a", State.Skipped)
    assert world.end("b", State.Skipped) == ["b Skipped", "merge Skipped: skipped: `a` was skipped", "run Success"]
    world = World(RunTask("a"), RunTask("b"), merge)
    world.end("a", State.Skipped)
    assert world.end("b") == ["b Success", "merge Running"]


# Retries


def retried(task: str, retries: int = 1, *delays_s: float, upstream: Sequence[str] = ()) -> RunTask:
    return RunTask(task, tuple(upstream), retry=Retry(retries=retries, delays_s=delays_s or (0.0,)))


def test_a_failed_task_is_tried_again_after_its_own_delay() -> None:
    world = World(retried("a", 2, 1.0, 5.0))
    assert world.fail("a") == ["a Retrying: ValueError: no"]
    assert world.actions == [WakeAt(1.0)]
    assert world.tick(0.5) == []
    assert world.tick(0.5) == ["RetriesDue", "a Running"]
    assert world.actions == [Submit("a", 2)]
    assert world.fail("a") == ["a Retrying: ValueError: no"]
    assert world.actions == [WakeAt(6.0)]
    assert world.tick(5.0) == ["RetriesDue", "a Running"]
    assert world.fail("a") == ["a Failed: ValueError: no", "run Failed"]


def test_others_go_first_while_a_retry_waits() -> None:
    world = World(retried("a", 1, 10.0), RunTask("b"), RunTask("c", ("a",)))
    assert world.fail("a") == ["a Retrying: ValueError: no", "b Running"]
    assert world.actions == [Submit("b", 1), WakeAt(10.0)]
    assert world.end("b") == ["b Success"]
    assert world.tick(10.0) == ["RetriesDue", "a Running"]
    assert world.end("a") == ["a Success", "c Running"]


def test_a_retry_without_a_delay_runs_in_its_place() -> None:
    world = World(retried("a"), RunTask("b"))
    assert world.fail("a") == ["a Retrying: ValueError: no", "RetriesDue", "a Running"]


def test_retries_that_are_due_together_run_in_document_order() -> None:
    world = World(retried("a", 1, 5.0), retried("b", 1, 1.0), slots=2)
    world.fail("a")
    world.fail("b")
    assert world.tick(9.0) == ["RetriesDue", "a Running", "b Running"]


@pytest.mark.parametrize("state", [State.TriggerFailed, State.Cancelled, State.Skipped, State.Success])
def test_only_failures_are_tried_again(state: State) -> None:
    assert World(retried("a")).end("a", state)[0] == f"a {state.name}"


@pytest.mark.parametrize("state", [State.Failed, State.TimedOut, State.Crashed, State.ValidationFailed])
def test_every_kind_of_failure_is_tried_again(state: State) -> None:
    assert World(retried("a")).end("a", state)[0] == "a Retrying"


def test_a_report_can_rule_a_retry_out_or_ask_for_one_beyond_the_limit() -> None:
    assert World(retried("a")).end("a", State.Failed, retry=False) == ["a Failed", "run Failed"]
    assert World(RunTask("a")).end("a", State.Failed, retry=True)[0] == "a Retrying"


def test_delays_beyond_those_that_were_written_grow_by_the_backoff() -> None:
    retry = Retry(retries=5, delays_s=(1.0, 4.0), backoff=3.0)
    assert [retry.delay_before_s(attempt) for attempt in (2, 3, 4, 5)] == [1.0, 4.0, 12.0, 36.0]
    assert Retry(retries=9, backoff=1e300, delays_s=(1.0,)).delay_before_s(9) == 365 * 86_400
    assert Retry(retries=9, backoff=2.0).delay_before_s(9) == 0.0


def test_jitter_makes_a_delay_longer_or_shorter_by_its_part() -> None:
    retry = Retry(retries=1, delays_s=(10.0,), jitter=0.2)
    assert [retry.delay_before_s(2, chance) for chance in (0.0, 0.5, 1.0)] == [8.0, 10.0, 12.0]
    world = World(RunTask("a", retry=retry))
    world.send(Ended(0.0, "a", 1, State.Failed, chance=1.0))
    assert world.actions == [WakeAt(12.0)]


def test_a_retry_can_be_for_some_exceptions_only() -> None:
    assert Retry().is_for(("ValueError", "Exception"))
    assert Retry(only_on=("OSError",)).is_for(("TimeoutError", "OSError", "Exception"))
    assert not Retry(only_on=("OSError",)).is_for(("ValueError", "Exception"))


def test_a_report_can_say_when_it_wants_to_be_tried_again() -> None:
    world = World(retried("a", 1, 60.0))
    world.send(Ended(0.0, "a", 1, State.Failed, retry=True, delay_s=2.0))
    assert world.actions == [WakeAt(2.0)]


def test_a_retry_that_waits_can_be_hastened() -> None:
    world = World(retried("a", 1, 60.0), retried("b", 1, 90.0), slots=2)
    world.fail("a")
    world.fail("b")
    assert world.send(RetryNow(1.0, frozenset({"b", "z"}))) == ["RetriesDue", "b Running"]
    assert world.actions == [Submit("b", 2), WakeAt(60.0)]
    assert world.send(RetryNow(1.0, frozenset({"b"}))) == []
    assert world.tick(60.0) == ["RetriesDue", "a Running"]


def test_a_hastened_retry_that_finds_no_slot_starts_when_there_is_one() -> None:
    world = World(retried("a", 1, 60.0), RunTask("b"), RunTask("c"))
    world.fail("a")
    assert world.send(RetryNow(1.0, frozenset({"a"}))) == ["RetriesDue"]
    assert world.end("b") == ["b Success", "a Running"]


# Loops


def test_a_loop_goes_on_in_its_place_and_counts_its_turns() -> None:
    world = World(RunTask("a"), RunTask("b"))
    assert world.send(Ended(0.0, "a", 1, State.Looped, reference="v1")) == ["a Looped", "a Running"]
    row = world.run.tasks["a"]
    assert (row.loop, row.attempt, row.reference) == (2, 2, "v1")
    assert world.end("a") == ["a Success", "b Running"]


def test_each_turn_of_a_loop_has_its_own_retries() -> None:
    world = World(retried("a"))
    world.fail("a")
    world.end("a", State.Looped)
    assert world.fail("a")[0] == "a Retrying: ValueError: no"
    assert world.run.tasks["a"].loop == 2
    assert world.fail("a")[0] == "a Failed: ValueError: no"


def test_a_loop_that_is_being_cancelled_ends() -> None:
    world = World(RunTask("a"))
    world.cancel()
    assert world.end("a", State.Looped) == ["a Cancelled", "run Cancelled"]


# Time


def test_an_attempt_that_takes_too_long_is_given_up_and_tried_again() -> None:
    world = World(RunTask("a", retry=Retry(retries=1), timeout_s=5.0))
    assert world.actions == [Submit("a", 1), WakeAt(5.0)]
    assert world.tick(4.9) == []
    assert world.tick(0.1)[:1] == ["a Retrying: timed out after 5 s"]
    assert world.actions[:2] == [Interrupt("a", 1), Submit("a", 2)]
    assert world.send(Ended(5.0, "a", 1, State.Success)) == []
    assert world.tick(5.0) == ["a TimedOut: timed out after 5 s", "run Failed"]


def test_an_attempt_that_ends_in_time_is_not_given_up() -> None:
    world = World(RunTask("a", timeout_s=5.0), RunTask("b"))
    world.end("a")
    assert world.actions == [Submit("b", 1)]
    assert world.tick(9.0) == []


def test_a_cancelled_attempt_that_does_not_stop_is_given_up() -> None:
    world = World(RunTask("a"), cancel_timeout_s=2.0)
    assert world.cancel() == ["a Cancelling"]
    assert world.actions == [Interrupt("a", 1), WakeAt(2.0)]
    assert world.tick(2.0) == ["a Cancelled: did not stop; it may still be running", "run Cancelled"]


# Limits


def test_a_tag_limits_how_many_tasks_run_at_once() -> None:
    a, b = (RunTask(task, tags=("db",)) for task in "ab")
    world = World(a, b, RunTask("c"), slots=9, limits=[("db", 1)])
    assert world.begun == ["a Running", "c Running"]
    assert world.end("c") == ["c Success"]
    assert world.end("a") == ["a Success", "b Running"]


def test_a_task_waits_for_all_of_its_limits() -> None:
    tasks = (RunTask("a", tags=("x",)), RunTask("b", tags=("y",)), RunTask("c", tags=("x", "y")))
    world = World(*tasks, slots=9, limits=[("x", 1), ("y", 1)])
    assert world.end("a") == ["a Success"]
    assert world.end("b") == ["b Success", "c Running"]


def test_a_task_that_waits_for_its_retry_takes_no_part_of_a_limit() -> None:
    a = RunTask("a", retry=Retry(retries=1, delays_s=(9.0,)), tags=("db",))
    world = World(a, RunTask("b", tags=("db",)), slots=9, limits=[("db", 1)])
    assert world.fail("a") == ["a Retrying: ValueError: no", "b Running"]


# Reports that come late or twice


def test_a_report_of_another_attempt_changes_nothing() -> None:
    world = World(retried("a"))
    world.fail("a")
    assert world.send(Ended(0.0, "a", 1, State.Success)) == []
    assert world.run.tasks["a"].state is State.Running
    assert world.end("a") == ["a Success", "run Success"]


def test_a_report_that_comes_twice_changes_nothing() -> None:
    world = World(*chain("a", "b"))
    world.end("a")
    assert world.send(Ended(0.0, "a", 1, State.Failed)) == []


def test_a_report_of_an_unknown_or_unstarted_task_changes_nothing() -> None:
    world = World(*chain("a", "b"))
    assert world.send(Ended(0.0, "z", 1, State.Success)) == []
    assert world.send(Ended(0.0, "b", 0, State.Success)) == []


def test_nothing_that_comes_after_the_end_changes_a_run() -> None:
    world = World(RunTask("a"))
    world.end("a")
    assert world.end("a", State.Failed) == []
    assert world.cancel() == []
    assert world.tick(5.0) == []


# Cancelling


def test_cancelling_all_stops_what_runs_and_starts_nothing() -> None:
    world = World(*chain("a", "b"), RunTask("c"))
    assert world.cancel() == ["a Cancelling", "b Cancelled: cancelled", "c Cancelled: cancelled"]
    assert world.actions == [Interrupt("a", 1)]
    assert world.end("a", State.Cancelled) == ["a Cancelled", "run Cancelled"]


def test_cancelling_twice_is_cancelling_once() -> None:
    world = World(RunTask("a"))
    world.cancel()
    assert world.cancel() == []
    assert world.actions == []


def test_cancelling_one_task_spares_the_others() -> None:
    world = World(RunTask("a"), *chain("b", "c"), RunTask("d"))
    assert world.cancel("b", "z") == ["b Cancelled: cancelled", "c TriggerFailed: not run: `b` was cancelled"]
    assert world.end("a") == ["a Success", "d Running"]


def test_a_cancelled_task_that_succeeds_before_it_is_stopped_has_succeeded() -> None:
    world = World(*chain("a", "b"))
    world.cancel("a")
    assert world.end("a") == ["a Success", "b Running"]


@pytest.mark.parametrize("state", [State.Failed, State.Cancelled, State.Crashed, State.TriggerFailed])
def test_a_task_that_is_being_cancelled_is_not_tried_again(state: State) -> None:
    world = World(retried("a"))
    world.cancel()
    assert world.end("a", state, retry=True)[0] == f"a {state.name}"


def test_a_task_cannot_pause_while_it_is_being_cancelled() -> None:
    world = World(RunTask("a"))
    world.cancel()
    assert world.end("a", State.Paused) == ["a Cancelled", "run Cancelled"]


def test_a_retry_that_waits_can_be_cancelled() -> None:
    world = World(retried("a", 1, 5.0))
    world.fail("a")
    assert world.cancel("a") == ["a Cancelled: cancelled", "run Cancelled"]
    assert world.actions == []


def test_a_cancelled_retry_does_not_disturb_the_others() -> None:
    world = World(retried("a", 1, 1.0), retried("b", 1, 2.0), slots=2)
    world.fail("a")
    world.fail("b")
    world.cancel("a")
    assert world.actions == [WakeAt(2.0)]
    assert world.tick(2.0) == ["RetriesDue", "b Running"]


# Waiting for a person


def test_manual_only_waits_for_a_person_and_the_run_ends_without_it() -> None:
    world = World(RunTask("a"), RunTask("ship", ("a",), "manual_only"), RunTask("tell", ("ship",)))
    assert world.end("a") == ["a Success", "ship Paused: waits: its trigger wants a person to resume it", "run Paused"]
    assert world.send(Resumed(1.0, frozenset({"ship", "tell"}))) == ["ship Resume", "ship Running"]
    assert world.end("ship") == ["ship Success", "tell Running"]
    assert world.end("tell") == ["tell Success", "run Success"]


def test_a_task_resumed_beforehand_does_not_pause() -> None:
    assert World(RunTask("ship", trigger="manual_only"), resumed=["ship"]).begun == ["ship Running"]


def test_a_paused_task_can_be_cancelled() -> None:
    world = World(RunTask("ship", trigger="manual_only"), RunTask("tell", ("ship",)))
    assert world.begun[-1] == "run Paused"
    assert world.cancel("ship") == [
        "ship Cancelled: cancelled",
        "tell TriggerFailed: not run: `ship` was cancelled",
        "run Failed",
    ]


def test_a_running_task_can_pause_itself() -> None:
    world = World(RunTask("a"))
    assert world.end("a", State.Paused, "waits for input") == ["a Paused: waits for input", "run Paused"]
    assert world.send(Resumed(1.0, frozenset({"a"}))) == ["a Resume", "a Running"]


def test_a_pause_uses_up_no_retry() -> None:
    world = World(retried("a"))
    world.end("a", State.Paused)
    world.send(Resumed(1.0, frozenset({"a"})))
    assert world.fail("a")[0] == "a Retrying: ValueError: no"


def test_a_task_can_ask_a_person_before_it_starts_and_only_if_it_would_start() -> None:
    ship = RunTask("ship", ("a",), pause=True)
    world = World(RunTask("a"), ship)
    assert world.end("a") == ["a Success", "ship Paused: waits for a person: resume it", "run Paused"]
    assert world.send(Resumed(1.0, frozenset({"ship"}), "v1")) == ["ship Resume", "ship Running"]
    assert world.run.tasks["ship"].reference == "v1"
    assert World(RunTask("a"), ship).fail("a")[1] == "ship TriggerFailed: not run: `a` failed"


def test_a_person_can_keep_tasks_from_starting() -> None:
    world = World(*chain("a", "b"), RunTask("c"))
    assert world.send(Pause(0.0, frozenset({"a", "b"}))) == ["b Paused: paused"]
    assert world.end("a") == ["a Success", "c Running"]
    assert world.end("c") == ["c Success", "run Paused"]
    assert world.send(Resumed(1.0, frozenset({"b"}))) == ["b Resume", "b Running"]


def test_a_task_resumed_too_early_waits_for_what_is_above_it() -> None:
    world = World(*chain("a", "b"))
    world.send(Pause(0.0, frozenset({"b"})))
    assert world.send(Resumed(0.0, frozenset({"b"}))) == ["b Resume"]
    assert world.fail("a")[1] == "b TriggerFailed: not run: `a` failed"


def test_a_retry_that_waits_can_be_paused() -> None:
    world = World(retried("a", 1, 5.0))
    world.fail("a")
    assert world.send(Pause(1.0)) == ["a Paused: paused", "run Paused"]
    assert world.tick(9.0) == []
    assert world.send(Resumed(9.0, frozenset({"a"}))) == ["a Resume", "a Running"]


# Loss


def test_what_ran_when_the_kernel_died_has_crashed_and_nothing_more_runs() -> None:
    world = World(*chain("a", "b"), RunTask("c"))
    assert world.send(Lost(9.0, "the kernel died")) == [
        "a Crashed: the kernel died",
        "b Cancelled: the kernel died",
        "c Cancelled: the kernel died",
        "run Failed",
    ]


# Facts


def test_an_illegal_move_is_refused() -> None:
    world = World(RunTask("a"))
    world.end("a")
    with pytest.raises(ValueError, match="'a' cannot go from Success to Running"):
        apply(world.run, TaskMoved(1.0, "a", State.Running, 2))


def test_times_of_a_task_are_those_of_its_last_attempt() -> None:
    world = World(retried("a", 1, 2.0))
    world.now = 1.0
    world.fail("a")
    assert (world.run.tasks["a"].started_s, world.run.tasks["a"].ended_s) == (0.0, 1.0)
    world.tick(2.0)
    assert (world.run.tasks["a"].started_s, world.run.tasks["a"].ended_s) == (3.0, None)
    world.now = 7.0
    world.end("a")
    assert (world.run.tasks["a"].started_s, world.run.tasks["a"].ended_s, world.run.ended_s) == (3.0, 7.0, 7.0)


def test_a_chain_of_ten_thousand_fails_without_recursion() -> None:
    run = Run()
    step(run, Begin(0.0, tuple(chain(*(f"t{i}" for i in range(10_000))))))
    events, _ = step(run, Ended(0.0, "t0", 1, State.Failed))
    moved = [event for event in events if isinstance(event, TaskMoved)]
    assert [event.state for event in moved[1:]] == [State.TriggerFailed] * 9_999
    assert moved[-1].cause == "t0"
    assert not any(isinstance(event, RetriesDue) for event in events)
