"""What the world reports to a run, each stamped with the time in seconds of one clock.

They must not carry values or callables: a `reference` is a word with which the world finds a value again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .mapping import Indices
    from .run_task import RunTask
    from .states import State


class Begin(NamedTuple):
    """Run `tasks`; the other fields are those of `RunStarted`."""

    at: float
    tasks: tuple[RunTask, ...]
    forced: frozenset[str] = frozenset()
    resumed: frozenset[str] = frozenset()
    slots: int = 1
    limits: tuple[tuple[str, int], ...] = ()
    cancel_timeout_s: float | None = None


class Ended(NamedTuple):
    """An attempt of `task` ended in `state`: a terminal one, Paused or Looped.

    `retry` says whether a failure is tried again: None as the task's options say, False never, True whatever
    the limit. `delay_s` takes the place of the delay in its options, and `chance` is a random number from 0 to 1
    for its jitter. `reference` is the value that a loop hands to its next turn.
    """

    at: float
    task: str
    attempt: int
    state: State
    note: str = ""
    retry: bool | None = None
    delay_s: float | None = None
    chance: float = 0.5
    reference: str = ""


class Expanded(NamedTuple):
    """A mapped task has been told what it maps over: `total` elements, None as many as the tasks that it follows.

    `states` are the codes of states that children have already, from an earlier run or the store: Pending or
    terminal ones; empty means that all are pending. `notes` says why some of them did not simply succeed, by
    index. `chunk` children are started together, None lets the number of children decide.
    """

    at: float
    task: str
    attempt: int
    total: int | None = None
    chunk: int | None = None
    states: bytes = b""
    notes: tuple[tuple[int, str], ...] = ()


class ChildrenEnded(NamedTuple):
    """Some `children` of one lot ended alike; each child of a lot is reported once. Fields as of `Ended`."""

    at: float
    task: str
    lot: int
    children: Indices
    state: State
    note: str = ""
    retry: bool | None = None
    delay_s: float | None = None
    chance: float = 0.5
    reference: str = ""


class Cancel(NamedTuple):
    """A person wants `tasks` to stop, None for all."""

    at: float
    tasks: frozenset[str] | None = None


class Pause(NamedTuple):
    """A person wants `tasks`, None for all, not to start before they are resumed. What runs goes on."""

    at: float
    tasks: frozenset[str] | None = None


class Resumed(NamedTuple):
    """A person lets paused `tasks` go on, and hands them the value that `reference` finds, if any."""

    at: float
    tasks: frozenset[str]
    reference: str = ""


class RetryNow(NamedTuple):
    """A person does not want to wait until the retries of `tasks` are due."""

    at: float
    tasks: frozenset[str]


class Lost(NamedTuple):
    """What performed the run is gone, and with it everything that ran."""

    at: float
    note: str = ""


class Tick(NamedTuple):
    """Time has passed; sent when a `WakeAt` is due."""

    at: float


Signal: TypeAlias = "Begin | Ended | Expanded | ChildrenEnded | Cancel | Pause | Resumed | RetryNow | Lost | Tick"
