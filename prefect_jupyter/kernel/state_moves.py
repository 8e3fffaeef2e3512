"""Tells state handlers of a notebook's tasks, each move once, and takes in how they want an attempt to end.

It must not change a task itself: an attempt that ends otherwise does so where it is accounted for.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.events import Event, TaskMoved
from ..core.states import State
from ..core.tasks import Retry
from ..runtime.signals import SUCCESS
from ..runtime.state_handlers import TaskState, told
from .endings import INTERRUPTED, outcome_of

_ONCE = Retry()


class StateMoves:
    """`name` gives the name of a task by its id. Main thread only."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._last: dict[str, TaskState] = {}
        self._judged: dict[str, str] = {}

    def ended(self, task: str, error: BaseException | None) -> BaseException | None:
        """The end of an attempt as handlers leave it. An interruption is told and stays one."""
        answer = told(self._name(task), self._last.get(task, _RUNNING), _state(error))
        if answer is not None and not isinstance(error, INTERRUPTED):
            error = answer
        self._last[task] = _state(error)
        self._judged[task] = self._last[task].name
        return error

    def listen(self, event: Event) -> None:
        """A move that is no end of an attempt, or one that has been told: that depends on what was told last."""
        if not isinstance(event, TaskMoved):
            return
        judged = self._judged.pop(event.task, None)
        if judged == event.state.name:
            return
        new = TaskState(event.state.name, event.note)
        told(self._name(event.task), self._last.get(event.task, _PENDING), new)
        self._last[event.task] = new


def _state(error: BaseException | None) -> TaskState:
    """The state in which an attempt has ended that raised this."""
    if error is None or isinstance(error, SUCCESS):
        return TaskState(State.Success.name, "" if error is None else str(error), error)
    outcome = outcome_of(error, _ONCE)
    return TaskState(outcome.state.name, outcome.note, error)


_PENDING = TaskState(State.Pending.name)
_RUNNING = TaskState(State.Running.name)
