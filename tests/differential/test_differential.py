"""Pipelines end here as they do in Prefect 1, whose answers were recorded; `__main__` says how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.oracle.kernels import LiveKernel

from . import ours
from .compare import differences

ANSWERS = Path(__file__).with_name("answers.jsonl")
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_pipelines_end_as_they_do_in_prefect(part: int, tmp_path: Path) -> None:
    found: list[str] = []
    compared = 0
    with LiveKernel(tmp_path) as kernel:
        kernel.run_cell("helpers", ours.HELPERS)
        for line in ANSWERS.read_text(encoding="utf-8").splitlines()[part::PARTS]:
            number, reference = json.loads(line)
            different, count = differences(number, reference, ours.run(kernel, number))
            found += different
            compared += count
    assert found == []
    assert compared > 900
