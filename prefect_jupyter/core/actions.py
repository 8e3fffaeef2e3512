"""What a run asks the world to do. Tasks are named by id.

They must not carry values or callables.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Submit(NamedTuple):
    """Start this attempt and report `Ended`. A forced task runs even when it is fresh."""

    task: str
    attempt: int
    forced: bool = False


class Interrupt(NamedTuple):
    """Stop this attempt if it can be stopped, and report `Ended` all the same."""

    task: str
    attempt: int


class WakeAt(NamedTuple):
    """Report `Tick` at this time. It takes the place of any earlier `WakeAt`."""

    at: float


Action: TypeAlias = "Submit | Interrupt | WakeAt"
