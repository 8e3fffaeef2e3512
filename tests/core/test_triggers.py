from __future__ import annotations

import pytest

from prefect_jupyter.core.states import State
from prefect_jupyter.core.triggers import TRIGGERS, Answer, trigger_named

LETTERS = {"s": State.Success, "f": State.Failed, "k": State.Skipped, "t": State.TriggerFailed, "c": State.Cancelled}

# Columns: what finished upstream. Rows: what the trigger answers: r(un), f(ail), s(kip), p(ause).
UPSTREAM = ("", "s", "f", "k", "t", "c", "sf", "sk", "fk", "ss", "ff", "kk", "sc")
TABLE = {
    #                    -  s  f  k  t  c  sf sk fk ss ff kk sc
    "all_successful":   "r  r  f  r  f  f  f  r  f  r  f  r  f",
    "all_failed":       "r  f  r  f  r  f  f  f  f  f  r  f  f",
    "any_successful":   "r  r  f  r  f  f  r  r  r  r  f  r  r",
    "any_failed":       "r  f  r  f  r  f  r  f  r  f  r  f  f",
    "all_finished":     "r  r  r  r  r  r  r  r  r  r  r  r  r",
    "always_run":       "r  r  r  r  r  r  r  r  r  r  r  r  r",
    "manual_only":      "p  p  p  p  p  p  p  p  p  p  p  p  p",
    "not_all_skipped":  "r  r  f  s  f  f  f  r  f  r  f  s  f",
    "some_failed":      "r  r  r  r  r  r  r  r  r  r  r  r  r",
    "some_successful":  "r  r  r  r  r  r  r  r  r  r  r  r  r",
    "some_failed(1)":   "r  f  r  f  r  f  r  f  r  f  r  f  f",
    "some_failed(2)":   "r  f  f  f  f  f  f  f  f  f  r  f  f",
    "some_failed(at_most=0)":              "r  r  f  r  f  r  f  r  f  r  f  r  r",
    "some_failed(at_least=.5)":            "r  f  r  f  r  f  r  f  r  f  r  f  f",
    "some_failed(at_least=1, at_most=1)":  "r  f  r  f  r  f  r  f  r  f  f  f  f",
    "some_failed(at_most=0.5)":            "r  r  f  r  f  r  r  r  r  r  f  r  r",
    "some_successful(at_least=2)":         "r  f  f  f  f  f  f  r  f  r  f  r  f",
    "some_successful( 1 , 1 )":            "r  r  f  r  f  f  r  f  r  f  f  f  r",
}  # fmt: skip
ANSWERS = {"r": Answer.RUN, "f": Answer.FAIL, "s": Answer.SKIP, "p": Answer.PAUSE}


@pytest.mark.parametrize("name", TABLE)
def test_a_trigger_answers_as_the_table_says(name: str) -> None:
    check = trigger_named(name).check
    answers = TABLE[name].split()
    assert len(answers) == len(UPSTREAM)
    for letters, answer in zip(UPSTREAM, answers, strict=True):
        assert check([LETTERS[letter] for letter in letters]) is ANSWERS[answer], f"{name} on {letters!r}"


def test_every_trigger_is_in_the_table() -> None:
    assert set(TRIGGERS) <= set(TABLE)


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_that_passes_success_runs_whatever_succeeded(name: str) -> None:
    trigger = TRIGGERS[name]
    if trigger.passes_success:
        for state in (State.Success, State.Cached, State.Mapped):
            assert trigger.check([state, state]) is Answer.RUN
        assert trigger.check([]) is Answer.RUN


def test_a_trigger_says_what_it_wants() -> None:
    assert trigger_named("some_failed(2, 0.5)").wants == "at least 2 and at most 50% of its inputs to fail"
    assert trigger_named("some_successful(at_most=3)").wants == "at most 3 of its inputs to succeed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all_good",
        "all_failed()",
        "some_failed(",
        "some_failed(x)",
        "some_failed(-1)",
        "some_failed(1,2,3)",
        "some_failed(at_least=1, at_least=2)",
        "some_failed(at_most=1, 2)",
        "some_failed(inf)",
    ],
)
def test_what_is_not_a_trigger_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"some_failed|triggers are"):
        trigger_named(text)
