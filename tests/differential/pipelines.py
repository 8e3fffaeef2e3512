"""Random pipelines as plain data, which both sides render: as cells here, and as a flow of Prefect 1.

It must import neither side: the reference runs where this project is not installed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

TRIGGERS = (
    "all_successful",
    "all_failed",
    "any_successful",
    "any_failed",
    "all_finished",
    "not_all_skipped",
    "some_failed(at_least=1)",
    "some_failed(at_least=1, at_most=1)",
    "some_successful(at_least=2)",
)
BEHAVIOURS = ("ok", "ok", "ok", "ok", "raise", "flaky", "skip", "fail", "success", "loop", "list", "list", "picky")


@dataclass(frozen=True)
class Step:
    """One task. `behaviour` is what its body does, `number` how often or for which element.

    `mapped` are positions of the steps over which it maps, `given` of those that it gets whole.
    """

    position: int
    behaviour: str
    number: int
    given: tuple[int, ...]
    mapped: tuple[int, ...]
    trigger: str
    retries: int

    @property
    def name(self) -> str:
        return f"t{self.position}"

    @property
    def inputs(self) -> tuple[int, ...]:
        return (*self.mapped, *self.given)


def pipeline(seed: int) -> tuple[Step, ...]:
    """The pipeline of this number: two to seven steps, the same wherever it is asked for."""
    chance = random.Random(f"pipeline {seed}")
    steps: list[Step] = []
    for position in range(chance.randint(2, 7)):
        above = range(position)
        lists = [step.position for step in steps if step.behaviour == "list" or step.mapped]
        mapped = tuple(sorted(chance.sample(lists, min(len(lists), chance.choice((0, 0, 1, 1, 2))))))
        others = [one for one in above if one not in mapped]
        given = tuple(sorted(chance.sample(others, min(len(others), chance.choice((0, 1, 1, 2))))))
        behaviour = chance.choice(BEHAVIOURS)
        steps.append(
            Step(
                position=position,
                behaviour="ok" if mapped and behaviour == "list" else behaviour,
                number=chance.randint(0, 3),
                given=given,
                mapped=mapped,
                trigger=chance.choice(TRIGGERS) if chance.random() < 0.4 and (given or mapped) else "all_successful",
                retries=chance.choice((0, 0, 1, 2)),
            )
        )
    return tuple(steps)


def weight(value: object) -> int:
    """What an input adds to a result: a number as it is, a list by its parts, anything else by its kind."""
    if isinstance(value, bool) or value is None:
        return 1000
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        return sum(map(weight, value))
    return 10_000


def plain(value: object) -> object:
    """A result for comparison: exceptions and signals by their kind."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    return "exception"
