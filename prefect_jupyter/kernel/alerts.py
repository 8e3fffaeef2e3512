"""Tells a user's destinations of failed tasks: those of the task, and those of the settings.

It must not send anything itself, nor decide what a failure is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..core.cells import Cell
from ..core.events import Event, TaskMoved
from ..core.states import State
from ..runtime.notifiers import Failure, Outbox
from .inline import Result

_FAILED = (State.Failed, State.TimedOut, State.Crashed)


class Alerts:
    """`always` are the names that every failure is told to; `cell` and `name` look a task up."""

    def __init__(
        self, outbox: Outbox, always: Callable[[], Iterable[str]], cell: Callable[[str], Cell],
        name: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self._always = always
        self._cell = cell
        self._name = name
        self._details: dict[str, tuple[str, tuple[str, ...]]] = {}

    def ended(self, task: str, result: Result) -> None:
        """Remembers where an attempt failed and what it printed last, in case that it was the last one."""
        if result.error is not None:
            self._details[task] = (self._where(task, result.error), _last_lines(result))

    def listen(self, event: Event) -> None:
        if isinstance(event, TaskMoved) and self._has_failed(event):
            where, log = self._details.pop(event.task, ("", ()))
            options = self._cell(event.task).options
            names = (*self._always(), *(options.on_failure if options is not None else ()))
            if names:
                failure = Failure(task=self._name(event.task), error=event.note, where=where, log=log)
                self.outbox.put(failure, names)

    def _has_failed(self, event: TaskMoved) -> bool:
        """A mapped task is Mapped, however its children ended: that it has details says that some failed."""
        return event.state in _FAILED or (event.state is State.Mapped and event.task in self._details)

    def _where(self, task: str, error: BaseException) -> str:
        """The last line of the task's own cell that the exception came through."""
        lines = self._cell(task).source.splitlines()
        found, step = "", error.__traceback__
        while step is not None:
            file, number = step.tb_frame.f_code.co_filename, step.tb_lineno
            if step.tb_frame.f_globals.get("__name__") == "__main__" and "ipykernel" in file and number <= len(lines):
                found = f"line {number}: {lines[number - 1].strip()}"
            step = step.tb_next
        return found


def _last_lines(result: Result) -> tuple[str, ...]:
    texts = (str(output["text"]) for output in result.displays if output["output_type"] == "stream")
    return tuple("".join(texts).splitlines()[-5:])
