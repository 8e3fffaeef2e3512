"""How long a body may take, and how it is stopped: by a signal on the main thread, by cancelling what it awaits.

It must not stop anything but the code that runs under it; what holds the interpreter is stopped when it lets go.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from IPython.core.interactiveshell import ExecutionResult

# Code that swallows the exception is told again after this time.
_AGAIN_S = 1.0


class TimedOut(BaseException):
    """A task took longer than its header allows. Not an Exception, so that `except Exception` does not swallow it."""

    late_s = 0.0
    """How long after its time was up it went on."""


@dataclass(slots=True)
class Limit:
    """One body under a limit. `is_over` when its time was up before it had ended, at `over_s` of `time.monotonic`."""

    seconds: float
    over_s: float | None = None

    @property
    def is_over(self) -> bool:
        return self.over_s is not None

    @property
    def late_s(self) -> float:
        """How long after its time was up the body went on."""
        return 0.0 if self.over_s is None else time.monotonic() - self.over_s

    def error(self) -> TimedOut:
        return TimedOut(f"it took longer than {self.seconds:g} s (`--timeout`)")


@contextmanager
def time_limit(seconds: float, *, awaits: bool) -> Iterator[Limit]:
    """Stops what runs in this block after `seconds`. `awaits`: it runs in the event loop and has to be cancelled there.

    Off the main thread, and where there is no such signal, nothing can be stopped.
    """
    limit = Limit(seconds)
    if awaits:
        with _cancelling(limit):
            yield limit
    elif threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _alarmed(limit):
            yield limit
    else:
        yield limit


@contextmanager
def _alarmed(limit: Limit) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        __tracebackhide__ = True  # the traceback ends in the task's own code
        if limit.over_s is None:
            limit.over_s = time.monotonic()
        raise limit.error()

    previous = signal.signal(signal.SIGALRM, stop)
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, limit.seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _cancelling(limit: Limit) -> Iterator[None]:
    task = asyncio.current_task()

    def stop() -> None:
        limit.over_s = time.monotonic()
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(limit.seconds, stop)
    try:
        yield
    finally:
        timer.cancel()
        if limit.is_over and task is not None and sys.version_info >= (3, 11):
            task.uncancel()


Run = Callable[[str], Awaitable[ExecutionResult]]


def limited(run: Run, seconds: float, *, awaits: bool) -> Run:
    """`run` with a limit: where the time is up its result has `TimedOut` for an error, which knows how late it was."""

    async def run_limited(transformed: str) -> ExecutionResult:
        if not transformed:
            return await run(transformed)
        try:
            with time_limit(seconds, awaits=awaits) as limit:
                result = await run(transformed)
        except TimedOut as error:  # the body had just ended, and the shell was at work
            result = ExecutionResult(None)
            result.error_in_exec = error
        if limit.is_over and isinstance(result.error_in_exec, asyncio.CancelledError):
            result.error_in_exec = limit.error()
        if isinstance(result.error_in_exec, TimedOut):
            result.error_in_exec.late_s = limit.late_s
        return result

    return run_limited
