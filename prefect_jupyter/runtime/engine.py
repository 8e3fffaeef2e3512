"""Runs tasks from the calling thread, one after the other or some at once, and tells what happens as it happens.

It knows no cells, values or stores: how a task is executed is given to it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..core.actions import Expand, Submit, SubmitChildren, WakeAt
from ..core.mapping import indices
from ..core.run import Run
from ..core.run_task import RunTask
from ..core.scheduler import step
from ..core.signals import Begin, Cancel, ChildrenEnded, Ended, Expanded, Pause, Resumed, RetryNow, Tick
from ..core.states import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from ..core.actions import Action
    from ..core.events import Event
    from ..core.signals import Signal

__all__ = ["Elements", "Engine", "Outcome", "OutcomeKind", "RunTask"]

OutcomeKind: TypeAlias = Literal[
    "success", "cached", "failed", "timed_out", "cancelled", "skipped", "crashed", "paused", "looped",
    "trigger_failed", "invalid",
]  # fmt: skip

_STATES: dict[OutcomeKind, State] = {
    "success": State.Success,
    "cached": State.Cached,
    "failed": State.Failed,
    "timed_out": State.TimedOut,
    "cancelled": State.Cancelled,
    "skipped": State.Skipped,
    "crashed": State.Crashed,
    "paused": State.Paused,
    "looped": State.Looped,
    "trigger_failed": State.TriggerFailed,
    "invalid": State.ValidationFailed,
}

# How long children that have ended wait to be told together.
_TELL_AFTER_S = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended, with one line for people.

    `retry` says whether a failure is tried again: None as the task's options say, False never, True whatever
    the limit. `delay_s` takes the place of the delay that the options say. `reference` finds the value that a
    loop hands on.
    """

    kind: OutcomeKind
    note: str = ""
    retry: bool | None = None
    delay_s: float | None = None
    reference: str = ""

    @property
    def state(self) -> State:
        return _STATES[self.kind]


@dataclass(frozen=True, slots=True)
class Elements:
    """What a mapped task maps over; the fields are those of the signal `Expanded`."""

    total: int | None
    states: bytes = b""
    notes: tuple[tuple[int, str], ...] = ()


Execute: TypeAlias = "Callable[[str, int], Outcome | Awaitable[Outcome]]"
Expansion: TypeAlias = "Callable[[str, int], Elements | Outcome | Awaitable[Elements | Outcome]]"
_Answer: TypeAlias = "Outcome | Elements"
Requested: TypeAlias = "Cancel | Pause | Resumed | RetryNow"


async def _one_after_the_other(_attempts: Sequence[tuple[str, int]]) -> Mapping[str, Outcome]:
    return {}


def _nothing_is_mapped(task: str, _number: int) -> Outcome:
    return Outcome("failed", f"{task!r} is mapped, and nobody knows over what.", retry=False)


class Engine:
    """One run at a time. `clock` gives seconds and `sleep` waits for seconds of the same clock.

    `execute(task, attempt)`, `expand(task, attempt)` of mapped tasks and `execute_child(task, child)` may answer
    at once or with an awaitable; a user's failing code is an outcome, so an exception that leaves them is a defect
    of ours: the task is Crashed, and others go on. A KeyboardInterrupt or CancelledError that leaves them cancels
    the whole run and then leaves `run`. `listen` gets every event in order, on the calling thread. `chance` gives
    random numbers from 0 to 1. `block` waits where there is no event loop, and hears nothing meanwhile.
    `ahead` is told which attempts have started at once, before they are executed one by one: it may do their work
    beforehand, calls `attend` meanwhile, and returns how those ended that need not be executed any more.
    """

    def __init__(
        self,
        execute: Execute,
        clock: Callable[[], float],
        listen: Callable[[Event], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        expand: Expansion = _nothing_is_mapped,
        execute_child: Execute = _nothing_is_mapped,
        chance: Callable[[], float] | None = None,
        block: Callable[[float], None] = time.sleep,
        ahead: Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[str, Outcome]]] = _one_after_the_other,
    ) -> None:
        self._ahead = ahead
        self._block = block
        self._execute = execute
        self._expand = expand
        self._execute_child = execute_child
        # not the generator that the user's code draws from
        self._chance = chance or random.Random().random
        self._clock = clock
        self._listen = listen
        self._sleep = sleep
        self._requests: deque[Requested] = deque()
        self._todo: deque[Submit | Expand | SubmitChildren] = deque()
        self._wake_at: float | None = None
        self._sleeping: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.current: Run | None = None
        """The run that is under way, None between runs. To be read on the calling thread only."""
        self.executing: tuple[str, int] | None = None
        """The task and attempt that `execute` is working on: what an interruption would hit now."""

    async def run(
        self,
        tasks: Sequence[RunTask],
        forced: Iterable[str] = (),
        resumed: Iterable[str] = (),
        limits: Iterable[tuple[str, int]] = (),
        slots: int = 1,
    ) -> Run:
        """Run `tasks`, at most `slots` at once, and start those that could start at the same time in their order here.

        `forced` marks tasks that run even when they are fresh; `resumed` ones do not stop to ask a person. The
        run ends when nothing more can run; tasks that wait for a person are left Paused. Tasks that wait for each
        other, an unknown trigger or an id given twice: ValueError, and nothing has run.
        """
        if self.current is not None:
            raise RuntimeError("A run is under way; wait for it or cancel it before another one starts.")
        run = self.current = Run()
        self._requests.clear()
        self._todo.clear()
        self._wake_at = None
        self._loop = _running_loop()
        try:
            self._report(
                Begin(self._clock(), tuple(tasks), frozenset(forced), frozenset(resumed), slots, tuple(limits))
            )
            await self._go_on(run)
        except BaseException:
            self._abandon(run)
            raise
        finally:
            self.current = None
            self._loop = None
        return run

    def cancel(self, tasks: Iterable[str] | None = None) -> None:
        """Ask that `tasks`, or all, stop. From any thread.

        No attempt of theirs starts any more. One that is executing is not interrupted: whoever cancels does that,
        guarded by `executing`.
        """
        self._request(Cancel(self._clock(), None if tasks is None else frozenset(tasks)))

    def pause(self, tasks: Iterable[str] | None = None) -> None:
        """Keep `tasks`, or all, of the run under way from starting until they are resumed. From any thread."""
        self._request(Pause(self._clock(), None if tasks is None else frozenset(tasks)))

    def resume(self, tasks: Iterable[str], reference: str = "") -> None:
        """Let paused `tasks` of the run under way go on, with the value that `reference` finds. From any thread."""
        self._request(Resumed(self._clock(), frozenset(tasks), reference))

    def retry_now(self, tasks: Iterable[str]) -> None:
        """Let the retries of `tasks` start although they are not due. From any thread."""
        self._request(RetryNow(self._clock(), frozenset(tasks)))

    def _request(self, request: Requested) -> None:
        self._requests.append(request)
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self.attend)
            except RuntimeError:  # The loop has just closed, and the run with it.
                return

    def attend(self) -> None:
        """While the run waits for something: take requests in at once, and stop sleeping if there is work now."""
        if self.current is not None and self._requests:
            self._take_requests()
            if self._sleeping is not None:
                self._sleeping.cancel()

    def _take_requests(self) -> None:
        while self._requests:
            self._report(self._requests.popleft())

    def _report(self, signal: Signal) -> None:
        run = self.current
        if run is None:
            return
        events, actions = step(run, signal)
        listen = self._listen
        for event in events:
            listen(event)
        if actions:
            self._note(actions)

    def _note(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, (Submit, Expand, SubmitChildren)):
                self._todo.append(action)
            elif isinstance(action, WakeAt):
                self._wake_at = action.at

    async def _go_on(self, run: Run) -> None:
        requests, todo = self._requests, self._todo
        while True:
            if requests:
                self._take_requests()
            if todo:
                work = todo.popleft()
                if isinstance(work, SubmitChildren):
                    await self._perform_children(run, work)
                elif isinstance(work, Submit) and todo and isinstance(todo[0], Submit):
                    await self._perform_together(run, work)
                else:
                    await self._perform(run, work)
            elif not run.is_under_way:
                return
            else:
                await self._wait(run)

    async def _perform_together(self, run: Run, first: Submit) -> None:
        """What starts only when the first of these has ended was not under way beside them."""
        todo, together = self._todo, [first]
        while todo and isinstance(todo[0], Submit):
            together.append(todo.popleft())  # type: ignore[arg-type]
        known = await self._ahead([(work.task, work.attempt) for work in together])
        for work in together:
            if self._requests:
                self._take_requests()
            await self._perform(run, work, known.get(work.task))

    async def _perform(self, run: Run, work: Submit | Expand, known: Outcome | None = None) -> None:
        task, attempt = work.task, work.attempt
        ended: Outcome | Elements = known or Outcome("cancelled", "cancelled")
        if known is None and run.tasks[task].state is State.Running:
            answer = self._attempt(self._execute if isinstance(work, Submit) else self._expand, task, attempt)
            ended = await self._awaited(task, attempt, answer)
        if self._requests:
            self._take_requests()
        if isinstance(ended, Elements):
            self._report(Expanded(self._clock(), task, attempt, ended.total, None, ended.states, ended.notes))
        else:
            self._report(
                Ended(
                    self._clock(), task, attempt, ended.state, ended.note, ended.retry, ended.delay_s,
                    self._chance(), ended.reference,
                )
            )  # fmt: skip

    async def _perform_children(self, run: Run, work: SubmitChildren) -> None:
        """One child after the other; those that end alike within a moment are told together."""
        task, clock = work.task, self._clock
        children = run.tasks[task].children
        assert children is not None
        alike: Outcome | None = None
        ended: list[int] = []

        def tell() -> None:
            if alike is not None and ended:
                self._report(
                    ChildrenEnded(
                        clock(), task, work.lot, indices(ended), alike.state, alike.note, alike.retry,
                        alike.delay_s, self._chance(), alike.reference,
                    )
                )  # fmt: skip
                ended.clear()

        told_s = clock()
        try:
            for child in work.children:
                if self._requests:
                    tell()
                    self._take_requests()
                if children.state(child) is State.Running:
                    answer = self._attempt(self._execute_child, task, child)
                    outcome = await self._awaited(task, child, answer)
                else:
                    outcome = Outcome("cancelled", "cancelled")
                assert isinstance(outcome, Outcome)
                if outcome != alike or clock() - told_s > _TELL_AFTER_S:
                    tell()
                    told_s = clock()
                alike = outcome
                ended.append(child)
        finally:
            tell()

    def _attempt(self, execute: Execute | Expansion, task: str, number: int) -> _Answer | Awaitable[_Answer]:
        self.executing = (task, number)
        try:
            return execute(task, number)
        except Exception as error:
            return _crash(error)
        finally:
            self.executing = None

    async def _awaited(self, task: str, number: int, answer: _Answer | Awaitable[_Answer]) -> _Answer:
        if isinstance(answer, (Outcome, Elements)):
            return answer
        self.executing = (task, number)
        try:
            return await answer
        except Exception as error:
            return _crash(error)
        finally:
            self.executing = None

    async def _wait(self, run: Run) -> None:
        """Nothing can start before the next retry is due, or somebody asks for something."""
        due = self._wake_at
        if due is None:
            raise RuntimeError(f"The run has stopped with {len(run.rows) - run.finished} tasks left.")
        delay_s = due - self._clock()
        if delay_s > 0 and self._loop is None:
            self._block(delay_s)
        elif delay_s > 0:
            self._sleeping = asyncio.ensure_future(self._sleep(delay_s))
            try:
                await asyncio.wait([self._sleeping])
            finally:
                self._sleeping.cancel()
                self._sleeping = None
        self._report(Tick(self._clock()))

    def _abandon(self, run: Run) -> None:
        """The calling thread is being interrupted: every task that started still gets its terminal state."""
        if not run.is_under_way:
            return
        now = self._clock()
        self._report(Cancel(now))
        for row in run.rows:
            children = row.children
            for child in children.in_states(State.Cancelling) if children is not None else ():
                lot = children.lots[child] if children is not None else 0
                self._report(ChildrenEnded(now, row.task.id, lot, (child,), State.Cancelled, "interrupted"))
            if row.state is State.Cancelling:
                self._report(Ended(now, row.task.id, row.attempt, State.Cancelled, "interrupted"))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """None when a coroutine is driven by hand, as IPython drives a cell that awaits nothing."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _crash(error: Exception) -> Outcome:
    return Outcome("crashed", f"{type(error).__name__}: {error}", retry=False)
