"""Runs tasks one after the other on the calling thread, and tells what happens as it happens.

It knows no cells, values or stores: how a task is executed is given to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..core.actions import Submit, WakeAt
from ..core.run import Run
from ..core.run_task import RunTask
from ..core.scheduler import step
from ..core.signals import Begin, Cancel, Ended, Resumed, Tick
from ..core.states import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ..core.actions import Action
    from ..core.events import Event
    from ..core.signals import Signal

__all__ = ["Engine", "Outcome", "OutcomeKind", "RunTask"]

OutcomeKind: TypeAlias = Literal[
    "success", "cached", "failed", "timed_out", "cancelled", "skipped", "crashed", "paused"
]

_STATES: dict[OutcomeKind, State] = {
    "success": State.Success,
    "cached": State.Cached,
    "failed": State.Failed,
    "timed_out": State.TimedOut,
    "cancelled": State.Cancelled,
    "skipped": State.Skipped,
    "crashed": State.Crashed,
    "paused": State.Paused,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended, with one line for people.

    `retry` says whether a failure is tried again: None as the task's options say, False never, True whatever
    the limit.
    """

    kind: OutcomeKind
    note: str = ""
    retry: bool | None = None


class Engine:
    """One run at a time. `clock` gives seconds and `sleep` waits for seconds of the same clock.

    `execute(task, attempt)` may answer at once or with an awaitable; a user's failing code is an outcome, so
    an exception that leaves it is a defect of ours: the task is Crashed, and others go on. A KeyboardInterrupt or
    CancelledError that leaves it cancels the whole run and then leaves `run`. `listen` gets every event in order,
    on the calling thread.
    """

    def __init__(
        self,
        execute: Callable[[str, int], Outcome | Awaitable[Outcome]],
        clock: Callable[[], float],
        listen: Callable[[Event], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._execute = execute
        self._clock = clock
        self._listen = listen
        self._sleep = sleep
        self._requests: deque[Cancel | Resumed] = deque()
        self._todo: deque[Submit] = deque()
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
    ) -> Run:
        """Run `tasks`, and start those that could start at the same time in their order here.

        `forced` marks tasks that run even when they are fresh; `resumed` ones do not stop at `manual_only`. The
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
            self._report(Begin(self._clock(), tuple(tasks), frozenset(forced), frozenset(resumed)))
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

    def resume(self, tasks: Iterable[str]) -> None:
        """Let paused `tasks` of the run under way go on. From any thread."""
        self._request(Resumed(self._clock(), frozenset(tasks)))

    def _request(self, request: Cancel | Resumed) -> None:
        self._requests.append(request)
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._attend)
            except RuntimeError:  # The loop has just closed, and the run with it.
                return

    def _attend(self) -> None:
        """While the run awaits something: take requests in at once, and stop sleeping if there is work now."""
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
            if isinstance(action, Submit):
                self._todo.append(action)
            elif isinstance(action, WakeAt):
                self._wake_at = action.at

    async def _go_on(self, run: Run) -> None:
        requests, todo, clock = self._requests, self._todo, self._clock
        while True:
            if requests:
                self._take_requests()
            if todo:
                submit = todo.popleft()
                task, attempt = submit.task, submit.attempt
                if run.tasks[task].state is State.Running:
                    outcome = self._attempt(task, attempt)
                    if not isinstance(outcome, Outcome):
                        outcome = await self._awaited(task, attempt, outcome)
                else:
                    outcome = Outcome("cancelled", "cancelled")
                if requests:
                    self._take_requests()
                self._report(Ended(clock(), task, attempt, _STATES[outcome.kind], outcome.note, outcome.retry))
            elif not run.is_under_way:
                return
            else:
                await self._wait(run)

    def _attempt(self, task: str, attempt: int) -> Outcome | Awaitable[Outcome]:
        self.executing = (task, attempt)
        try:
            return self._execute(task, attempt)
        except Exception as error:
            return _crash(error)
        finally:
            self.executing = None

    async def _awaited(self, task: str, attempt: int, outcome: Awaitable[Outcome]) -> Outcome:
        self.executing = (task, attempt)
        try:
            return await outcome
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
        if delay_s > 0:
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
