"""When a task runs, given how the tasks above it ended: Prefect's triggers.

A trigger is a pure function of finished states. It must not know tasks, time or values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from .states import FAILED, SUCCESSFUL, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Answer(IntEnum):
    """What a trigger says to a task whose inputs have all finished."""

    RUN = 0
    FAIL = 1
    SKIP = 2
    PAUSE = 3


Check: TypeAlias = "Callable[[Collection[State]], Answer]"


@dataclass(frozen=True, slots=True)
class Trigger:
    """`wants` completes the sentence "the trigger wants …". `check` sees the states of everything upstream.

    `passes_success` says that nothing but plain success upstream always passes, so that nobody need look.
    `of_nothing` is the answer where there are tasks upstream, and all of them are mapped over empty lists: then
    all of them succeeded, and none did.
    """

    name: str
    wants: str
    check: Check
    passes_success: bool = False
    of_nothing: Answer = Answer.RUN


def _passes(holds: bool) -> Answer:
    return Answer.RUN if holds else Answer.FAIL


def _all_successful(states: Collection[State]) -> Answer:
    return _passes(all(state in SUCCESSFUL for state in states))


def _all_failed(states: Collection[State]) -> Answer:
    return _passes(all(state in FAILED for state in states))


def _any_successful(states: Collection[State]) -> Answer:
    return _passes(not states or any(state in SUCCESSFUL for state in states))


def _any_failed(states: Collection[State]) -> Answer:
    return _passes(not states or any(state in FAILED for state in states))


def _all_finished(states: Collection[State]) -> Answer:
    return _passes(all(state.is_finished for state in states))


def _manual_only(_states: Collection[State]) -> Answer:
    return Answer.PAUSE


def _not_all_skipped(states: Collection[State]) -> Answer:
    if states and all(state is State.Skipped for state in states):
        return Answer.SKIP
    return _all_successful(states)


def _counting(kinds: frozenset[State], at_least: float | None, at_most: float | None) -> Check:
    def check(states: Collection[State]) -> Answer:
        total = len(states)
        count = sum(state in kinds for state in states)
        low = 0.0 if at_least is None else at_least * total if at_least < 1 else at_least
        high = float(total) if at_most is None else at_most * total if at_most < 1 else at_most
        return _passes(not states or low <= count <= high)

    return check


def _amount(at_least: float | None, at_most: float | None) -> str:
    said = [
        f"{words} {limit:.0%}" if limit < 1 else f"{words} {limit:g}"
        for words, limit in (("at least", at_least), ("at most", at_most))
        if limit is not None
    ]
    return " and ".join(said) or "any number"


def some_failed(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Limits below 1 are fractions of the tasks upstream, others are numbers of them."""
    check = _counting(FAILED, at_least, at_most)
    wants = f"{_amount(at_least, at_most)} of its inputs to fail"
    return Trigger("some_failed", wants, check, of_nothing=_passes(not at_least))


def some_successful(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Limits below 1 are fractions of the tasks upstream, others are numbers of them."""
    check = _counting(SUCCESSFUL, at_least, at_most)
    wants = f"{_amount(at_least, at_most)} of its inputs to succeed"
    return Trigger("some_successful", wants, check, of_nothing=_passes(not at_least))


TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        trigger.name: trigger
        for trigger in (
            Trigger("all_successful", "every input to succeed", _all_successful, passes_success=True),
            Trigger("all_failed", "every input to fail", _all_failed),
            Trigger(
                "any_successful", "an input to succeed", _any_successful, passes_success=True, of_nothing=Answer.FAIL
            ),
            Trigger("any_failed", "an input to fail", _any_failed, of_nothing=Answer.FAIL),
            Trigger("all_finished", "every input to finish", _all_finished, passes_success=True),
            Trigger("always_run", "every input to finish", _all_finished, passes_success=True),
            Trigger("manual_only", "a person to resume it", _manual_only, of_nothing=Answer.PAUSE),
            Trigger(
                "not_all_skipped",
                "every input to succeed and one of them to run",
                _not_all_skipped,
                passes_success=True,
                of_nothing=Answer.SKIP,
            ),
            some_failed(),
            some_successful(),
        )
    }
)
"""What `--trigger` accepts; `some_failed` and `some_successful` also with limits: `some_failed(at_least=2)`."""

_LIMITED: Mapping[str, Callable[[float | None, float | None], Trigger]] = MappingProxyType(
    {"some_failed": some_failed, "some_successful": some_successful}
)
_CALL = re.compile(r"(\w+)\((.*)\)")
_ARGUMENT = re.compile(r"\s*(?:(at_least|at_most)\s*=)?\s*(\d+(?:\.\d+)?|\.\d+)\s*")


@lru_cache(maxsize=256)
def trigger_named(text: str) -> Trigger:
    """The trigger that `text` spells, with limits or without. Anything else: ValueError."""
    trigger = TRIGGERS.get(text)
    if trigger is not None:
        return trigger
    call = _CALL.fullmatch(text.strip())
    factory = _LIMITED.get(call[1]) if call else None
    if call is None or factory is None:
        raise ValueError(f"{text!r} is not a trigger; the triggers are {', '.join(TRIGGERS)}.")
    arguments = call[2].split(",") if call[2].strip() else []
    if len(arguments) > 2:
        raise ValueError(f"{text!r}: {call[1]} takes two limits, at_least and at_most.")
    limits: dict[str, float] = {}
    for position, argument in enumerate(arguments):
        match = _ARGUMENT.fullmatch(argument)
        name = (match[1] or ("at_least", "at_most")[position]) if match else ""
        if match is None or name in limits:
            raise ValueError(f"{text!r}: write the limits of {call[1]} as at_least=2, at_most=0.5 or both.")
        limits[name] = float(match[2])
    return factory(limits.get("at_least"), limits.get("at_most"))
