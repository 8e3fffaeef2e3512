"""How a body's end is told to the engine: success, a failure that is tried again or not, or what a signal asked for.

It must not run anything or show anything.
"""

from __future__ import annotations

import asyncio

from ..core.tasks import Retry
from ..runtime.engine import Outcome
from ..runtime.signals import LOOP, PAUSE, RETRY, SKIP, TRIGGERFAIL, VALIDATIONFAIL, PrefectStateSignal
from .outputs import safe_text
from .time_limit import TimedOut
from .wording import duration

INTERRUPTED = (KeyboardInterrupt, asyncio.CancelledError)
GOES_ON = (LOOP, RETRY, PAUSE)
"""Signals after which the body runs again in the same run, at once or later."""


class ChildrenFailed(Exception):  # noqa: N818 - its name is what a person reads
    """Some children of a mapped task have failed: how many and why is its text."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31m{self}\x1b[0m"]


def first_line(error: BaseException) -> str:
    """An exception in one line, as Python names it."""
    text = safe_text(error).partition("\n")[0]
    if isinstance(error, (PrefectStateSignal, ChildrenFailed)):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}"


def kinds(error: BaseException) -> tuple[str, ...]:
    """The names by which `--retry-on` may know an exception: of its class and the bases, with and without module."""
    names: list[str] = []
    for base in (TimeoutError, *type(error).__mro__) if isinstance(error, TimedOut) else type(error).__mro__:
        names += (base.__name__, f"{base.__module__}.{base.__qualname__}")
    return tuple(names)


def outcome_of(error: BaseException, retry: Retry, *, reference: str = "") -> Outcome:
    """What the engine is told of a body that raised `error`. `reference` finds the result that a loop hands on."""
    note = first_line(error)
    if isinstance(error, INTERRUPTED):
        return Outcome("cancelled", "interrupted")
    if isinstance(error, SKIP):
        return Outcome("skipped", f"skipped: {safe_text(error) or 'it raised SKIP'}")
    if isinstance(error, PAUSE):
        return Outcome("paused", safe_text(error) or "waits for a person: resume it")
    if isinstance(error, LOOP):
        return Outcome("looped", safe_text(error), reference=reference)
    if isinstance(error, RETRY):
        return Outcome("failed", safe_text(error) or "it raised RETRY", retry=True, delay_s=error.delay_s)
    if isinstance(error, TRIGGERFAIL):
        return Outcome("trigger_failed", note, retry=False)
    again = None if retry.is_for(kinds(error)) else False
    if isinstance(error, VALIDATIONFAIL):
        return Outcome("invalid", note, retry=again)
    if isinstance(error, TimedOut):
        late = f", stopped {duration(error.late_s)} late: what it called did not let go" if error.late_s > 1 else ""
        return Outcome("timed_out", safe_text(error) + late, retry=again)
    return Outcome("failed", note, retry=again)
