"""What the world reports to a run, each stamped with the time in seconds of one clock.

They must not carry values or callables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .run_task import RunTask
    from .states import State


class Begin(NamedTuple):
    """Run `tasks`; the other fields are those of `RunStarted`."""

    at: float
    tasks: tuple[RunTask, ...]
    forced: frozenset[str] = frozenset()
    resumed: frozenset[str] = frozenset()
    slots: int = 1


class Ended(NamedTuple):
    """An attempt of `task` ended in `state`: a terminal one, or Paused.

    `retry` says whether a failure is tried again: None as the task's options say, False never, True whatever
    the limit.
    """

    at: float
    task: str
    attempt: int
    state: State
    note: str = ""
    retry: bool | None = None


class Cancel(NamedTuple):
    """A person wants `tasks` to stop, None for all."""

    at: float
    tasks: frozenset[str] | None = None


class Resumed(NamedTuple):
    """A person lets paused `tasks` go on."""

    at: float
    tasks: frozenset[str]


class Tick(NamedTuple):
    """Time has passed; sent when a `WakeAt` is due."""

    at: float


Signal: TypeAlias = "Begin | Ended | Cancel | Resumed | Tick"
