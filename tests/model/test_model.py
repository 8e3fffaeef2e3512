"""Ten thousand clicks on small notebooks: after each, what is fresh equals a plain run, and what ran had to run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .grammar import Script, script
from .oracle import Oracle
from .play import play, playing, shrunk

# Other plays than those of every check: a number to start from.
FIRST_SEED = int(os.environ.get("MODEL_SEED", "0"))
BLOCKS, PLAYS = 16, 24
SHRINK_S = 20.0


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with playing() as found:
        yield found


def check(one: Script, oracle: Oracle) -> int:
    """Plays and returns the number of steps; a play that goes wrong is told, and a shorter one if there is time."""
    found, steps = play(one, oracle)
    if found:
        shorter = shrunk(one, oracle, SHRINK_S)
        again, _ = play(shorter, oracle)
        pytest.fail("\n".join([*found, "", str(one), "", "shorter:", str(shorter), *again]), pytrace=False)
    return steps


@pytest.mark.parametrize("wild", [False, True], ids=["tame", "wild"])
@pytest.mark.parametrize("block", range(BLOCKS // 2))
def test_plays_by_chance_keep_the_contract(block: int, wild: bool, oracle: Oracle) -> None:
    steps = 0
    for number in range(PLAYS):
        seed = FIRST_SEED + block * PLAYS + number
        steps += check(script(seed, wild=wild), oracle)
    assert steps > PLAYS * 20
