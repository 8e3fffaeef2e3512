"""Whatever goes wrong with the disk, a task succeeds, and one line says why its result is not kept."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.kernels import LiveKernel

STEPS_MAX = 150
# Gives the session's store another folder, on a disk that fails at the nth thing that it is asked.
FAIL = """
def _fail(nth, code):
    import prefect_jupyter
    from pathlib import Path
    from tests.runtime.stores.entries import Troubled
    store = prefect_jupyter.notebook().store
    store.close()
    store._said.clear()
    store._folder = Path({folder!r}) / f"{{code}}-{{nth}}"
    store._files = Troubled(nth, code)
"""
ASKED = "{session}.store._files.asked"


def text_of(outputs: list[dict[str, Any]], stream: str) -> str:
    return "".join(output["text"] for output in outputs if output.get("name") == stream)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_whichever_step_fails_the_task_succeeds_and_says_it_once(tmp_path: Path, code: int) -> None:
    with LiveKernel(tmp_path, cell_timeout_s=30) as kernel:
        kernel.silently(FAIL.format(folder=str(tmp_path / "stores")))
        for nth in range(1, STEPS_MAX):
            kernel.silently(f"_fail({nth}, {code})")
            shown = kernel.run_cell("c", f"%%task\nx = list(range({nth}, 30_000))\nprint({nth})")
            shown += kernel.run_cell("d", "%%task\nprint(len(x))")
            assert text_of(shown, "stdout") == f"{nth}\n{30_000 - nth}\n"
            said = text_of(shown, "stderr").splitlines()
            assert len(said) <= 1, said
            if kernel.asked(ASKED) < nth:
                assert said == []
                return
            for line in said:
                assert "not cached" in line
                assert errno.errorcode[code] in line or "disk is full" in line
    raise AssertionError(f"more than {STEPS_MAX} steps")
