"""What a run asks the world to do. Tasks are named by id.

They must not carry values or callables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .mapping import Indices


class Submit(NamedTuple):
    """Start this attempt and report `Ended`. A forced task runs even when it is fresh."""

    task: str
    attempt: int
    forced: bool = False


class Expand(NamedTuple):
    """Find out what this mapped task maps over and report `Expanded`, or `Ended` where that cannot be."""

    task: str
    attempt: int
    forced: bool = False


class SubmitChildren(NamedTuple):
    """Start these children, one after the other, and report each with `ChildrenEnded`, alone or with others."""

    task: str
    lot: int
    children: Indices
    forced: bool = False


class Interrupt(NamedTuple):
    """Stop this attempt if it can be stopped, and report `Ended` all the same."""

    task: str
    attempt: int


class InterruptChildren(NamedTuple):
    """Stop what still runs of this lot if it can be stopped, and report `ChildrenEnded` all the same."""

    task: str
    lot: int


class WakeAt(NamedTuple):
    """Report `Tick` at this time. It takes the place of any earlier `WakeAt`."""

    at: float


Action: TypeAlias = "Submit | Expand | SubmitChildren | Interrupt | InterruptChildren | WakeAt"
