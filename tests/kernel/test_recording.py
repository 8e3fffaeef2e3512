from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.kernels import LiveKernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path) as started:
        yield started


def said(outputs: list[dict[str, object]]) -> str:
    return "".join(str(output.get("text", "") or output.get("evalue", "")) for output in outputs)


FLAKY = """%%task flaky --retries 1 --retry-delay 10ms
from prefect_jupyter import get_run_logger
import pathlib
print("printed")
get_run_logger().info("asked token=hunter2hunter2")
get_run_logger().debug("not shown")
first = not pathlib.Path("done").exists()
pathlib.Path("done").touch()
if first:
    raise KeyError("dep_dela")
x = 1
"""


def test_attempts_are_on_record_with_their_lines_and_after_a_restart(kernel: LiveKernel) -> None:
    shown = said(kernel.run_cell("flaky", FLAKY))
    assert "| INFO    | `flaky` - asked token=hunter2hunter2" in shown
    assert "not shown" not in shown
    kernel.restart()
    history = said(kernel.run_cell("h", "%flow history flaky"))
    newest, oldest = history.index("attempt 2"), history.index("KeyError: 'dep_dela'")
    assert newest < oldest
    assert history.count("printed") == 2
    assert "asked token=[hidden]" in history
    assert "hunter2" not in "".join(p.read_text() for p in (kernel.folder / "store").rglob("*.jsonl"))
    assert "raise KeyError" in history
    assert "prefect_jupyter/kernel" not in history


def test_a_task_that_logs_is_kept_with_its_lines(kernel: LiveKernel) -> None:
    source = "%%task logs\nfrom prefect_jupyter import get_run_logger\nget_run_logger().info('counted')\nlogged = 1"
    first = said(kernel.run_cell("logs", source))
    assert "`logs` - counted" in first
    kernel.restart()
    assert said(kernel.run_cell("logs", source)) == first
    assert kernel.session("counts()") == {"tasks": 1, "executed": 0, "cached": 1, "failed": 0, "skipped": 0}


def test_asking_about_a_task_does_not_run_it(kernel: LiveKernel) -> None:
    cells = {"k": "k = 1", "clean": "%%task clean\nclean = k"}
    for cell, source in cells.items():
        kernel.run_cell(cell, source)
    kernel.run_cell("k", "k = 2")
    assert "`k` changed from 1 to 2" in said(kernel.run_cell("w", "%flow why clean"))
    assert "`k` changed from 1 to 2" in said(kernel.run_cell("p", "%flow plan clean"))
    assert kernel.session("counts()")["executed"] == 1


def test_a_failure_is_told_to_the_notifiers_of_the_task(kernel: LiveKernel, tmp_path: Path) -> None:
    cell = "%%task loud --on-failure Team,nobody\nprint('before')\n1 / 0"
    shown = said(kernel.run_cell("loud", cell))
    assert "before" in shown
    heard = kernel.silently(
        "import prefect_jupyter; _box = prefect_jupyter.notebook().alerts.outbox; _box.close()",
        "sorted(_box._told_unknown)",
    )
    assert heard == "['nobody', 'team']"
    assert "There is no notifier `team`. Notifiers: none yet." in said(kernel.run_cell("t", "%flow notify test team"))


def test_a_task_over_which_the_kernel_died_says_so_and_is_retried(kernel: LiveKernel) -> None:
    kernel.run_cell("fine", "%%task fine\na = 1")
    with pytest.raises(AssertionError):
        kernel.run_cell("dies", "%%task dies\nimport os\nb = a\nos._exit(9)")
    kernel.restart()
    kernel.silently("import prefect_jupyter; prefect_jupyter.notebook().recording._thread.join()")
    cells = {"fine": "%%task fine\na = 1", "dies": "%%task dies\nb = a"}
    kernel.command("document", order=list(cells), sources=cells)
    status = said(kernel.run_cell("s", "%flow status"))
    assert "Crashed" in next(line for line in status.splitlines() if "dies" in line)
    assert kernel.session("retry_failed()")
    assert kernel.session("verdicts()") == {"fine": "fresh", "dies": "fresh"}
