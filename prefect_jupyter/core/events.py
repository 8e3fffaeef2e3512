"""What happened in a run: facts that rebuild its whole state when they are applied in order.

They carry resulting states; they must not carry values. (Named tuples, because a frozen dataclass takes
three times as long to make, and every task makes two.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .run_task import RunTask
    from .states import State


class RunStarted(NamedTuple):
    """`tasks` are in the order in which they start when several could.

    `forced` tasks run even when they are fresh, `resumed` ones do not stop at a trigger that asks a person.
    At most `slots` tasks run at once.
    """

    at: float
    tasks: tuple[RunTask, ...]
    forced: frozenset[str] = frozenset()
    resumed: frozenset[str] = frozenset()
    slots: int = 1


class TaskMoved(NamedTuple):
    """`task` is now in `state`. `attempt` counts from 1, 0 before the first one.

    `note` is one line for people. `due_s` is when a retry may start. `cause` is the task at the root of a
    task's not running.
    """

    at: float
    task: str
    state: State
    attempt: int
    note: str = ""
    due_s: float | None = None
    cause: str = ""


class RetriesDue(NamedTuple):
    """The retries that waited for `at` or an earlier time may start."""

    at: float


class RunEnded(NamedTuple):
    """Nothing runs or can run. `state` is Success, Failed, Cancelled, or Paused when tasks wait for a person."""

    at: float
    state: State


Event: TypeAlias = "RunStarted | TaskMoved | RetriesDue | RunEnded"
