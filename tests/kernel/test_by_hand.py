"""A task with `--trigger manual_only` waits for a person: to run its cell, or to press *Rerun*."""

from __future__ import annotations

from pathlib import Path

from tests.oracle.kernels import LiveKernel

CELLS = {"a": "%%task a\nx = 1", "b": "%%task b --trigger manual_only\ny = x + 1", "c": "%%task c\nz = y + 1"}


def test_only_a_person_lets_a_manual_task_run(tmp_path: Path) -> None:
    with LiveKernel(tmp_path) as kernel:
        kernel.silently(f"__import__('prefect_jupyter').notebook().update_document({[*CELLS]!r}, {CELLS!r})")
        kernel.session("run()")
        assert kernel.session("counts()")["executed"] == 1
        assert kernel.session("verdicts()") == {"a": "fresh", "b": "stale", "c": "stale"}
        kernel.run_cell("b", CELLS["b"])
        assert kernel.session("verdicts()") == {"a": "fresh", "b": "fresh", "c": "stale"}
        kernel.session("rerun('b')")
        assert kernel.session("counts()")["executed"] == 3
