"""Whatever trust rests on is tested: with any part of it left out, a play goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .kernel import environment
from .mutants import MUTANTS, Mutant
from .oracle import Oracle
from .play import playing


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with playing() as found:
        yield found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_engine_is_found(
    mutant: Mutant, oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with environment(tmp_path / "whole"):
        assert mutant.finder(oracle, tmp_path / "whole", monkeypatch) == []
    mutant.breaks(monkeypatch)
    with environment(tmp_path / "broken"):
        assert mutant.finder(oracle, tmp_path / "broken", monkeypatch) != []
