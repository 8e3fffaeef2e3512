"""A large array after a restart: not loaded until somebody reads it, then mapped from its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.oracle.kernels import LOAD_CELL, LiveKernel

CELLS = {
    LOAD_CELL: "%load_ext prefect_jupyter",
    "np": "%%task\nimport numpy as np",
    "big": "%%task\nbig = np.arange(1_000_000.0)",
    "first": "%%task\nfirst = float(big[0])",
}
LOOK = """
def _base(array):
    while getattr(array, "base", None) is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array
print(type(big) is np.ndarray, big.flags.writeable, type(_base(big)).__name__, big.sum())
"""


def files(folder: Path) -> dict[str, str]:
    """The digests of all large files below a folder."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size >= 8_000_000
    }


def test_an_array_is_mapped_when_it_is_read_and_its_file_stays_as_it_is(tmp_path: Path) -> None:
    with LiveKernel(tmp_path) as kernel:
        kernel.command("document", order=list(CELLS), sources=CELLS)
        kernel.session("run()")
        stored = files(tmp_path)
        assert len(stored) == 1
        kernel.restart()
        kernel.command("document", order=list(CELLS), sources=CELLS)
        kernel.session("run()")
        assert kernel.session("counts()")["executed"] == 0
        assert kernel.asked("'big' in {session}.namespace.pending")

        assert kernel.run_cell("look", LOOK) == [
            {"output_type": "stream", "name": "stdout", "text": "True True mmap 499999500000.0\n"}
        ]
        changed = kernel.run_cell("change", "big[:] = 1\nprint(big.sum())")
        assert changed == [{"output_type": "stream", "name": "stdout", "text": "1000000.0\n"}]
        assert files(tmp_path) == stored
