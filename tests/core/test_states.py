from __future__ import annotations

import pytest

from prefect_jupyter.core.states import (
    ACTIVE,
    FAILED,
    FINISHED,
    SUCCESSFUL,
    TERMINAL,
    TRANSITIONS,
    WAITING,
    State,
    kinds_of,
)
from prefect_jupyter.view.protocol import STATES


def test_the_codes_of_states_are_those_of_the_wire() -> None:
    assert tuple(state.name for state in sorted(State)) == STATES


def test_every_state_says_what_may_follow_it() -> None:
    assert set(TRANSITIONS) == set(State)


def test_nothing_follows_a_terminal_state_and_something_follows_every_other() -> None:
    assert {state for state, following in TRANSITIONS.items() if not following} == TERMINAL


def test_every_state_that_a_task_can_be_in_leads_to_an_end() -> None:
    for start in State:
        reached = {start}
        frontier = [start]
        while frontier:
            new = TRANSITIONS[frontier.pop()] - reached
            reached |= new
            frontier += new
        assert reached & TERMINAL


def test_states_are_kinds_of_each_other_as_in_prefect() -> None:
    assert {State.Success, State.Cached, State.Mapped, State.Skipped} == SUCCESSFUL
    assert {State.Failed, State.TimedOut, State.TriggerFailed, State.ValidationFailed, State.Crashed} == FAILED
    assert SUCCESSFUL | FAILED | {State.Looped, State.Cancelled} == FINISHED
    assert {State.Pending, State.Scheduled, State.Paused, State.Resume, State.Retrying, State.Queued} == WAITING
    assert {State.Running, State.Cancelling} == ACTIVE
    assert kinds_of(State.Scheduled) == {State.Scheduled, State.Paused, State.Resume, State.Retrying}


@pytest.mark.parametrize("state", State)
def test_a_state_is_waiting_active_or_finished(state: State) -> None:
    assert [state in WAITING, state in ACTIVE, state.is_finished].count(True) == 1
    assert state.is_successful == (state in SUCCESSFUL)
    assert state.is_failed == (state in FAILED)
