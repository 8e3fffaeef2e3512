from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence

import pytest

from prefect_jupyter.core.events import Event, RunEnded, TaskMoved
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.core.states import TERMINAL, State
from prefect_jupyter.core.tasks import Retry
from prefect_jupyter.runtime.engine import Elements, Engine, Outcome, OutcomeKind, RunTask

OK = Outcome("success")
NO = Outcome("failed", "ValueError: no")


class Bench:
    """An engine with a clock that stands still but for sleeps, and a log of what was executed and heard."""

    def __init__(self, execute: Callable[[str, int], Outcome | Awaitable[Outcome]] | None = None) -> None:
        self.now = 100.0
        self.executed: list[tuple[str, int]] = []
        self.heard: list[Event] = []
        self.slept: list[float] = []
        self.body = execute or (lambda task, attempt: OK)
        self.engine = Engine(self.execute, lambda: self.now, self.heard.append, self.sleep)

    def execute(self, task: str, attempt: int) -> Outcome | Awaitable[Outcome]:
        self.executed.append((task, attempt))
        assert self.engine.executing == (task, attempt)
        return self.body(task, attempt)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def run(self, *tasks: RunTask, forced: Iterable[str] = (), resumed: Iterable[str] = ()) -> Run:
        return asyncio.run(self.engine.run(tasks, forced, resumed))

    @property
    def lines(self) -> list[str]:
        return [f"{event.task} {event.state.name}" for event in self.heard if isinstance(event, TaskMoved)]


def test_tasks_run_in_order_on_the_calling_thread() -> None:
    threads = set()

    def execute(task: str, attempt: int) -> Outcome:
        threads.add(threading.current_thread())
        return Outcome("cached", "cached · saved 48 s") if task == "b" else OK

    bench = Bench(execute)
    run = bench.run(RunTask("a"), RunTask("b", ("a",)), RunTask("c", ("b",)))
    assert bench.executed == [("a", 1), ("b", 1), ("c", 1)]
    assert bench.lines == ["a Running", "a Success", "b Running", "b Cached", "c Running", "c Success"]
    assert threads == {threading.current_thread()}
    assert run.state is State.Success
    assert run.tasks["b"].note == "cached · saved 48 s"
    assert bench.engine.current is None
    assert bench.engine.executing is None


def test_the_events_that_were_heard_rebuild_the_run() -> None:
    bench = Bench(lambda task, attempt: NO if attempt == 1 else OK)
    run = bench.run(RunTask("a", retry=Retry(retries=1, delays_s=(5.0,))), RunTask("b"), RunTask("c", ("b",)))
    folded = Run()
    for event in bench.heard:
        apply(folded, event)
    assert folded == run
    assert isinstance(bench.heard[-1], RunEnded)


def test_no_event_loop_is_needed_when_nothing_is_awaited() -> None:
    bench = Bench()
    coroutine = bench.engine.run([RunTask("a"), RunTask("b", ("a",))])
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value.state is State.Success


def test_a_state_is_heard_before_the_work_of_it_begins() -> None:
    bench = Bench()
    bench.body = lambda task, attempt: OK if bench.lines[-1] == f"{task} Running" else NO
    assert bench.run(RunTask("a"), RunTask("b")).state is State.Success


def test_an_awaitable_outcome_is_awaited() -> None:
    bench = Bench()

    async def later(task: str, attempt: int) -> Outcome:
        await asyncio.sleep(0)
        assert bench.engine.executing == (task, attempt)
        return OK

    bench.body = later
    assert bench.run(RunTask("a"), RunTask("b", ("a",))).state is State.Success


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("success", State.Success),
        ("cached", State.Cached),
        ("failed", State.Failed),
        ("timed_out", State.TimedOut),
        ("cancelled", State.Cancelled),
        ("skipped", State.Skipped),
        ("crashed", State.Crashed),
        ("paused", State.Paused),
    ],
)
def test_every_kind_of_outcome_is_a_state(kind: OutcomeKind, state: State) -> None:
    run = Bench(lambda task, attempt: Outcome(kind, "note")).run(RunTask("a"))
    assert (run.tasks["a"].state, run.tasks["a"].note) == (state, "note")


def test_a_failure_spares_what_does_not_need_it() -> None:
    bench = Bench(lambda task, attempt: NO if task == "a" else OK)
    run = bench.run(RunTask("a", name="clean"), RunTask("b", ("a",)), RunTask("c"))
    assert bench.executed == [("a", 1), ("c", 1)]
    assert run.tasks["b"].note == "not run: `clean` failed"
    assert run.state is State.Failed


def test_other_tasks_run_while_a_retry_waits() -> None:
    bench = Bench(lambda task, attempt: NO if attempt == 1 and task == "a" else OK)
    run = bench.run(RunTask("a", retry=Retry(retries=1, delays_s=(5.0,))), RunTask("b"), RunTask("c", ("a",)))
    assert bench.executed == [("a", 1), ("b", 1), ("a", 2), ("c", 1)]
    assert bench.slept == [5.0]
    assert run.state is State.Success


def test_an_attempt_is_made_once_more_than_there_are_retries() -> None:
    bench = Bench(lambda task, attempt: NO)
    bench.run(RunTask("a", retry=Retry(retries=2, delays_s=(1.0, 3.0))))
    assert bench.executed == [("a", 1), ("a", 2), ("a", 3)]
    assert bench.slept == [1.0, 3.0]


def test_an_outcome_can_rule_a_retry_out() -> None:
    bench = Bench(lambda task, attempt: Outcome("failed", "TypeError", retry=False))
    bench.run(RunTask("a", retry=Retry(retries=2)))
    assert bench.executed == [("a", 1)]


def test_an_exception_of_ours_is_a_crash_that_is_not_tried_again() -> None:
    def execute(task: str, attempt: int) -> Outcome:
        if task == "a":
            raise RuntimeError("store is gone")
        return OK

    bench = Bench(execute)
    run = bench.run(RunTask("a", retry=Retry(retries=3)), RunTask("b"))
    assert run.tasks["a"].state is State.Crashed
    assert run.tasks["a"].note == "RuntimeError: store is gone"
    assert run.tasks["b"].state is State.Success


def test_an_awaited_exception_of_ours_is_a_crash() -> None:
    async def execute(task: str, attempt: int) -> Outcome:
        raise RuntimeError("store is gone")

    assert Bench(execute).run(RunTask("a")).tasks["a"].state is State.Crashed


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interruption_that_is_not_an_outcome_ends_the_run_in_order(error: type[BaseException]) -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        raise error

    bench.body = execute
    coroutine = bench.engine.run([RunTask("a"), RunTask("b", ("a",)), RunTask("c")])
    with pytest.raises(error):
        coroutine.send(None)
    assert bench.lines == ["a Running", "a Cancelling", "b Cancelled", "c Cancelled", "a Cancelled"]
    assert isinstance(bench.heard[-1], RunEnded)
    bench.body = lambda task, attempt: OK
    assert bench.run(RunTask("a")).state is State.Success


def test_a_cancel_from_another_thread_starts_nothing_more() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        thread = threading.Thread(target=bench.engine.cancel)
        thread.start()
        thread.join()
        return Outcome("cancelled", "interrupted")

    bench.body = execute
    run = bench.run(RunTask("a"), RunTask("b"), RunTask("c", ("a",)))
    assert bench.executed == [("a", 1)]
    assert bench.lines == ["a Running", "a Cancelling", "b Cancelled", "c Cancelled", "a Cancelled"]
    assert run.state is State.Cancelled


def test_a_task_that_succeeds_in_spite_of_a_cancel_has_succeeded() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        bench.engine.cancel()
        return OK

    bench.body = execute
    run = bench.run(RunTask("a"), RunTask("b"))
    assert [row.state for row in run.rows] == [State.Success, State.Cancelled]


def test_a_failure_after_a_cancel_is_not_tried_again() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        bench.engine.cancel()
        return NO

    bench.body = execute
    assert bench.run(RunTask("a", retry=Retry(retries=5))).tasks["a"].state is State.Failed
    assert bench.executed == [("a", 1)]


def test_cancelling_some_tasks_spares_the_others() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        bench.engine.cancel(["b"])
        return OK

    bench.body = execute
    run = bench.run(RunTask("a"), RunTask("b"), RunTask("c", ("b",)), RunTask("d"))
    assert bench.executed == [("a", 1), ("d", 1)]
    assert run.tasks["c"].note == "not run: `b` was cancelled"


def test_a_cancel_that_a_listener_sends_when_a_task_is_about_to_start_is_in_time() -> None:
    bench = Bench()

    def listen(event: Event) -> None:
        bench.heard.append(event)
        if isinstance(event, TaskMoved) and event.task == "b" and event.state is State.Running:
            bench.engine.cancel(["b"])

    bench.engine = Engine(bench.execute, lambda: bench.now, listen, bench.sleep)
    run = bench.run(RunTask("a"), RunTask("b"), RunTask("c"))
    assert bench.executed == [("a", 1), ("c", 1)]
    assert run.tasks["b"].state is State.Cancelled


def test_a_cancel_ends_the_sleep_before_a_retry() -> None:
    bench = Bench(lambda task, attempt: NO)
    woken = []

    async def sleep(seconds: float) -> None:
        threading.Thread(target=bench.engine.cancel).start()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            woken.append(seconds)
            raise

    bench.engine = Engine(bench.execute, lambda: bench.now, bench.heard.append, sleep)
    run = bench.run(RunTask("a", retry=Retry(retries=1, delays_s=(3600.0,))))
    assert woken == [3600.0]
    assert run.tasks["a"].state is State.Cancelled


def test_a_cancel_is_heard_while_a_task_is_awaited() -> None:
    bench = Bench()

    async def execute(task: str, attempt: int) -> Outcome:
        bench.engine.cancel()
        while "a Cancelling" not in bench.lines:
            await asyncio.sleep(0)
        return Outcome("cancelled")

    bench.body = execute
    assert bench.run(RunTask("a"), RunTask("b")).state is State.Cancelled
    assert bench.lines == ["a Running", "a Cancelling", "b Cancelled", "a Cancelled"]


def test_a_cancel_between_runs_does_not_touch_the_next_one() -> None:
    bench = Bench()
    bench.engine.cancel()
    assert bench.run(RunTask("a")).state is State.Success


def test_one_run_at_a_time() -> None:
    bench = Bench()

    async def execute(task: str, attempt: int) -> Outcome:
        with pytest.raises(RuntimeError, match="A run is under way"):
            await bench.engine.run([RunTask("z")])
        return OK

    bench.body = execute
    assert bench.run(RunTask("a")).state is State.Success


def test_forced_tasks_are_marked_where_execution_can_see_it() -> None:
    bench = Bench()
    forced = {}

    def execute(task: str, attempt: int) -> Outcome:
        assert bench.engine.current is not None
        forced[task] = bench.engine.current.tasks[task].forced
        return OK

    bench.body = execute
    bench.run(RunTask("a"), RunTask("b"), forced=["b"])
    assert forced == {"a": False, "b": True}


def test_tasks_that_wait_for_a_person_are_left_paused_until_resumed() -> None:
    bench = Bench()
    tasks = [RunTask("a"), RunTask("ship", ("a",), "manual_only"), RunTask("tell", ("ship",))]
    run = bench.run(*tasks)
    assert [row.state for row in run.rows] == [State.Success, State.Paused, State.Pending]
    assert bench.run(*tasks, resumed=["ship"]).state is State.Success


def test_a_paused_task_can_be_resumed_while_others_run() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        if task == "a":
            bench.engine.resume(["ship"])
        return OK

    bench.body = execute
    run = bench.run(RunTask("ship", trigger="manual_only"), RunTask("a"))
    assert bench.executed == [("a", 1), ("ship", 1)]
    assert run.state is State.Success


def test_a_run_that_cannot_begin_runs_nothing_and_leaves_the_engine_free() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="wait for each other"):
        bench.run(RunTask("a", ("b",)), RunTask("b", ("a",)))
    assert bench.heard == []
    assert bench.run(RunTask("a")).state is State.Success


def test_a_chain_of_ten_thousand_tasks_runs_without_recursion() -> None:
    bench = Bench()
    run = bench.run(*(RunTask(f"t{i}", (f"t{i - 1}",) if i else ()) for i in range(10_000)))
    assert len(bench.executed) == 10_000
    assert {row.state for row in run.rows} <= TERMINAL


# Mapped tasks, loops, pauses


def mapped(
    body: Callable[[str, int], Outcome | Awaitable[Outcome]], elements: Elements | Outcome, *tasks: RunTask
) -> tuple[Bench, Run]:
    bench = Bench()
    bench.engine = Engine(
        bench.execute, lambda: bench.now, bench.heard.append, bench.sleep,
        expand=lambda task, attempt: elements, execute_child=body, chance=lambda: 0.5,
    )  # fmt: skip
    return bench, bench.run(*tasks)


def test_the_children_of_a_mapped_task_run_one_after_the_other() -> None:
    ran: list[int] = []

    def body(task: str, child: int) -> Outcome:
        ran.append(child)
        return OK

    _, run = mapped(body, Elements(3), RunTask("each", mapped=True), RunTask("all", ("each",)))
    assert ran == [0, 1, 2]
    assert [row.state for row in run.rows] == [State.Mapped, State.Success]


def test_awaited_children_and_children_that_have_ended_before() -> None:
    ran: list[int] = []

    async def body(task: str, child: int) -> Outcome:
        await asyncio.sleep(0)
        ran.append(child)
        return NO

    before = Elements(3, bytes((State.Success, State.Pending, State.Failed)), ((2, "OSError: gone"),))
    _, run = mapped(body, before, RunTask("each", mapped=True))
    assert ran == [1]
    assert run.rows[0].note == "2 of 3 failed: 1 × ValueError: no · 1 × OSError: gone"
    assert run.state is State.Failed


def test_a_mapped_task_without_elements_fails_as_it_says() -> None:
    _, run = mapped(lambda task, child: OK, Outcome("failed", "TypeError: no", retry=False), RunTask("e", mapped=True))
    assert (run.rows[0].state, run.rows[0].note) == (State.Failed, "TypeError: no")
    assert Bench().run(RunTask("e", mapped=True)).rows[0].note == "'e' is mapped, and nobody knows over what."


def test_a_failed_child_is_tried_again_after_its_delay() -> None:
    tries: list[int] = []

    def body(task: str, child: int) -> Outcome:
        tries.append(child)
        return NO if tries == [0] else OK

    task = RunTask("each", mapped=True, retry=Retry(retries=1, delays_s=(5.0,)))
    bench, run = mapped(body, Elements(2), task)
    assert (tries, bench.slept) == ([0, 1, 0], [5.0])
    assert run.rows[0].state is State.Mapped


def test_an_interruption_of_a_child_ends_the_run_and_keeps_what_had_ended() -> None:
    def body(task: str, child: int) -> Outcome:
        if child == 2:
            raise KeyboardInterrupt
        return OK

    bench = Bench()
    bench.engine = Engine(
        bench.execute, lambda: bench.now, bench.heard.append, bench.sleep,
        expand=lambda task, attempt: Elements(4), execute_child=body,
    )  # fmt: skip
    coroutine = bench.engine.run([RunTask("each", mapped=True)])
    with pytest.raises(KeyboardInterrupt):
        coroutine.send(None)
    folded = Run()
    for event in bench.heard:
        apply(folded, event)
    children = folded.rows[0].children
    assert children is not None
    assert [children.state(child) for child in range(4)] == [State.Success] * 2 + [State.Cancelled] * 2
    assert folded.rows[0].state is State.Cancelled


def test_a_cancel_between_two_children_is_in_time() -> None:
    ran: list[int] = []
    bench = Bench()

    def body(task: str, child: int) -> Outcome:
        ran.append(child)
        bench.engine.cancel()
        return OK

    bench.engine = Engine(
        bench.execute, lambda: bench.now, bench.heard.append, bench.sleep,
        expand=lambda task, attempt: Elements(3), execute_child=body,
    )  # fmt: skip
    run = bench.run(RunTask("each", mapped=True))
    assert ran == [0]
    assert run.rows[0].state is State.Cancelled


def test_a_loop_hands_on_what_finds_its_result() -> None:
    bench = Bench(lambda task, attempt: Outcome("looped", reference=f"turn {attempt}") if attempt < 3 else OK)
    run = bench.run(RunTask("a"))
    assert (run.rows[0].loop, run.rows[0].reference) == (3, "turn 2")


def test_a_retry_can_be_hastened_while_it_waits() -> None:
    bench = Bench(lambda task, attempt: NO if attempt == 1 else OK)

    async def sleep(seconds: float) -> None:
        threading.Thread(target=bench.engine.retry_now, args=(["a"],)).start()
        await asyncio.get_running_loop().create_future()

    bench.engine = Engine(bench.execute, lambda: bench.now, bench.heard.append, sleep)
    assert bench.run(RunTask("a", retry=Retry(retries=1, delays_s=(3600.0,)))).state is State.Success


def test_a_pause_keeps_what_has_not_started_from_starting() -> None:
    bench = Bench()

    def execute(task: str, attempt: int) -> Outcome:
        bench.engine.pause()
        return OK

    bench.body = execute
    run = bench.run(RunTask("a"), RunTask("b"))
    assert [row.state for row in run.rows] == [State.Success, State.Paused]
    assert run.state is State.Paused


def test_without_an_event_loop_a_retry_is_waited_for_all_the_same() -> None:
    bench = Bench(lambda task, attempt: NO if attempt == 1 else OK)
    blocked: list[float] = []

    def block(seconds: float) -> None:
        blocked.append(seconds)
        bench.now += seconds

    bench.engine = Engine(bench.execute, lambda: bench.now, bench.heard.append, bench.sleep, block=block)
    coroutine = bench.engine.run([RunTask("a", retry=Retry(retries=1, delays_s=(2.0,)))])
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value.state is State.Success
    assert blocked == [2.0]


def test_attempts_that_start_at_once_may_go_ahead_together_within_slots_and_limits() -> None:
    bench = Bench()
    together: list[list[str]] = []

    async def ahead(attempts: Sequence[tuple[str, int]]) -> dict[str, Outcome]:
        together.append([task for task, _ in attempts])
        return {"stopped": Outcome("cancelled", "it still runs")} if "stopped" in together[-1] else {}

    bench.engine = Engine(bench.execute, lambda: bench.now, bench.heard.append, bench.sleep, ahead=ahead)
    tasks = [
        RunTask("main", alone=True),
        RunTask("db1", tags=("db",)),
        RunTask("db2", tags=("db",)),
        RunTask("stopped"),
        RunTask("late", ("db1",)),
        RunTask("end", alone=True),
    ]
    run = asyncio.run(bench.engine.run(tasks, limits=[("db", 1)], slots=3))
    assert together == [["db1", "stopped"], ["db2", "late"]]
    assert [task for task, _ in bench.executed] == ["main", "db1", "db2", "late", "end"]
    assert run.tasks["stopped"].note == "it still runs"
    assert bench.lines.index("end Running") > bench.lines.index("late Success")
