"""What happened in a run: facts that rebuild its whole state when they are applied in order.

They carry resulting states; they must not carry values. (Named tuples, because a frozen dataclass takes
three times as long to make, and every task makes two.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from .mapping import Indices
    from .run_task import RunTask
    from .states import State


class RunStarted(NamedTuple):
    """`tasks` are in the order in which they start when several could.

    `forced` tasks run even when they are fresh, `resumed` ones do not stop where a person is asked.
    At most `slots` tasks run at once, and of those with a tag in `limits` no more than it says. An attempt that
    has not ended `cancel_timeout_s` after it was cancelled is given up, with None never.
    """

    at: float
    tasks: tuple[RunTask, ...]
    forced: frozenset[str] = frozenset()
    resumed: frozenset[str] = frozenset()
    slots: int = 1
    limits: tuple[tuple[str, int], ...] = ()
    cancel_timeout_s: float | None = None


class TaskMoved(NamedTuple):
    """`task` is now in `state`. `attempt` counts every start from 1, 0 before the first one.

    `note` is one line for people. `due_s` is when a retry may start. `cause` is the task at the root of a
    task's not running. `reference` finds the value that a loop or a person hands to the next attempt.
    """

    at: float
    task: str
    state: State
    attempt: int
    note: str = ""
    due_s: float | None = None
    cause: str = ""
    reference: str = ""


class TaskMapped(NamedTuple):
    """`task` has `total` children, which start `chunk` at a time; `states` are their codes, none when all are new.

    `notes` are one line for people on some of them, by index.
    """

    at: float
    task: str
    total: int
    chunk: int
    states: bytes = b""
    notes: tuple[tuple[int, str], ...] = ()


class ChildrenMoved(NamedTuple):
    """Some `children` of `task` are now in `state`; `lot` is the start that they belong to. Else as `TaskMoved`."""

    at: float
    task: str
    children: Indices
    state: State
    lot: int = 0
    note: str = ""
    due_s: float | None = None
    cause: str = ""
    reference: str = ""


class RetriesDue(NamedTuple):
    """The retries that waited for `at` or an earlier time may start, and all those of `tasks`."""

    at: float
    tasks: frozenset[str] = frozenset()


class RunEnded(NamedTuple):
    """Nothing runs or can run. `state` is Success, Failed, Cancelled, or Paused when tasks wait for a person."""

    at: float
    state: State


Event: TypeAlias = "RunStarted | TaskMoved | TaskMapped | ChildrenMoved | RetriesDue | RunEnded"
Emit: TypeAlias = "Callable[[Event], None]"
"""Applies an event to the run that is being stepped, and tells it."""
