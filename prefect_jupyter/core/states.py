"""The states of a task, in Prefect's words, and the moves between them that are legal.

Everything here is data; it must not decide which move is made.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(IntEnum):
    """`state.name` is the word that people see, `int(state)` its code on the wire: append, never reorder."""

    Pending = 0
    Scheduled = 1
    Queued = 2
    Running = 3
    Success = 4
    Cached = 5
    Mapped = 6
    Looped = 7
    Skipped = 8
    Retrying = 9
    Paused = 10
    Resume = 11
    Failed = 12
    TimedOut = 13
    TriggerFailed = 14
    ValidationFailed = 15
    Cancelling = 16
    Cancelled = 17
    Crashed = 18

    @property
    def is_finished(self) -> bool:
        return self in FINISHED

    @property
    def is_successful(self) -> bool:
        return self in SUCCESSFUL

    @property
    def is_failed(self) -> bool:
        return self in FAILED


PARENTS: Mapping[State, State] = MappingProxyType(
    {
        State.Scheduled: State.Pending,
        State.Queued: State.Pending,
        State.Paused: State.Scheduled,
        State.Resume: State.Scheduled,
        State.Retrying: State.Scheduled,
        State.Cancelling: State.Running,
        State.Cached: State.Success,
        State.Mapped: State.Success,
        State.Skipped: State.Success,
        State.TimedOut: State.Failed,
        State.TriggerFailed: State.Failed,
        State.ValidationFailed: State.Failed,
        State.Crashed: State.Failed,
    }
)
"""Each state and the one it is a kind of, as the classes of Prefect 1 derive from each other."""


def kinds_of(ancestor: State) -> frozenset[State]:
    """`ancestor` and every state that is a kind of it, at any depth."""
    kinds = {ancestor}
    for state in State:
        lineage = state
        while lineage in PARENTS and lineage is not ancestor:
            lineage = PARENTS[lineage]
        if lineage is ancestor:
            kinds.add(state)
    return frozenset(kinds)


SUCCESSFUL = kinds_of(State.Success)
FAILED = kinds_of(State.Failed)
FINISHED = SUCCESSFUL | FAILED | {State.Cancelled, State.Looped}
WAITING = kinds_of(State.Pending)
ACTIVE = kinds_of(State.Running)

TERMINAL = FINISHED - {State.Looped}
"""A task that is in one of these stays in it for the rest of the run. A loop's turn ends in Looped and goes on."""

STARTABLE = (WAITING - {State.Paused}) | {State.Looped}
"""From these a task starts when its turn comes."""

STOPPABLE = WAITING | {State.Looped}
"""A task in one of these is cancelled at once: nothing of it runs."""

_LEAVES_PENDING = frozenset(
    {State.Queued, State.Running, State.Paused, State.Skipped, State.TriggerFailed, State.Cancelled}
)

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.Pending: _LEAVES_PENDING | {State.Scheduled},
        State.Scheduled: _LEAVES_PENDING,
        State.Queued: frozenset({State.Running, State.Cancelled, State.Crashed}),
        State.Running: TERMINAL | {State.Retrying, State.Looped, State.Paused, State.Cancelling},
        State.Looped: frozenset({State.Running, State.Paused, State.Cancelled}),
        State.Retrying: frozenset({State.Queued, State.Running, State.Paused, State.Cancelled}),
        State.Paused: frozenset({State.Resume, State.Cancelled}),
        # Somebody may have let it go on before the tasks above it had ended.
        State.Resume: _LEAVES_PENDING,
        # The work may end by itself before the interruption reaches it; it is never tried again.
        State.Cancelling: TERMINAL,
        **{state: frozenset() for state in TERMINAL},
    }
)
"""Every state and the states that may follow it."""
