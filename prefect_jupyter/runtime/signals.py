"""What the body of a task can raise to say how it ends: the names and arguments are those of Prefect.

They must not be caught by `except Exception`, and know nothing of how a task runs.
"""

from __future__ import annotations

from typing import Any, Final


class _Itself:
    def __repr__(self) -> str:
        return "the signal itself"


_ITSELF: Final = _Itself()


class PrefectStateSignal(BaseException):
    """The base of all signals. `result` is the signal itself where none is given."""

    state = "Failed"

    def __init__(self, message: object = None, *, result: Any = _ITSELF, **more: Any) -> None:
        super().__init__(*([] if message is None else [message]))
        self.result = self if result is _ITSELF else result
        self.has_result = result is not _ITSELF
        for name, value in more.items():
            setattr(self, name, value)


class FAIL(PrefectStateSignal):
    """The task has failed; it is tried again as after any exception."""


class TRIGGERFAIL(FAIL):
    """The task must not run; it is never tried again."""

    state = "TriggerFailed"


class VALIDATIONFAIL(FAIL):
    """What the task made is not as it should be."""

    state = "ValidationFailed"


class SUCCESS(PrefectStateSignal):
    """The task is done. A `result` becomes the value of its only output."""

    state = "Success"


class SKIP(PrefectStateSignal):
    """The task, and what needs it, is skipped: that counts as success."""

    state = "Skipped"


class RETRY(PrefectStateSignal):
    """Try again, whatever the limit; after `delay_s` seconds, or the delay of the task."""

    state = "Retrying"

    def __init__(self, message: object = None, *, delay_s: float | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.delay_s = delay_s


class PAUSE(PrefectStateSignal):
    """Wait for a person. When the task is resumed its body runs again, with `context.resume` set."""

    state = "Paused"


class LOOP(PrefectStateSignal):
    """Run the body once more, with `result` as `context.task_loop_result`."""

    state = "Looped"


NO_ERRORS = (SUCCESS, SKIP, RETRY, PAUSE, LOOP)
"""Signals that are no failures: nobody has to be shown where they were raised."""
