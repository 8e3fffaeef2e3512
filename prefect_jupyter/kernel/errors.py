"""What a person is told when a cell cannot be run as a task: the thing, the cause and the cure, without a traceback.

It must not be raised for a failure of the user's own code: that is an outcome.
"""

from __future__ import annotations


class TaskError(Exception):
    """A cell or a command that cannot be carried out as it is written. Nothing has run; earlier tasks stand."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class NotRun(TaskError):  # noqa: N818 - its name is what a person reads
    """A cell was not run because a task that it needs has failed."""
