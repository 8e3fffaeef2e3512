from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.kernels import LiveKernel

HANDLERS = """
from prefect_jupyter import FAIL, SKIP, SUCCESS, callback_factory, on_state
heard = []

@on_state
def hear(task, old, new):
    heard.append(f"{task} {old.name} {new.name}")
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path) as started:
        started.run_cell("handlers", HANDLERS)
        yield started


def heard(kernel: LiveKernel) -> str:
    return kernel.silently("", "' | '.join(heard)").strip("'")


def state(kernel: LiveKernel, task: str) -> str:
    rows = "{n.name: r.state for n, r in zip(_v.nodes, _v.rows)}"
    shown = kernel.silently("import prefect_jupyter; _v = prefect_jupyter.notebook().view()", f"{rows}[{task!r}]")
    return shown.strip("'")


def said(outputs: list[dict[str, object]]) -> str:
    return "".join(str(output.get("text", "") or output.get("evalue", "")) for output in outputs)


def verdicts(kernel: LiveKernel) -> dict[str, str]:
    found: dict[str, str] = kernel.session("verdicts()")
    return found


def test_a_person_skips_a_task_and_takes_it_back(kernel: LiveKernel) -> None:
    cells = {"a": "%%task a\na = 1", "b": "%%task b\nb = a", "c": "%%task c\nc = 3"}
    for cell, source in cells.items():
        kernel.run_cell(cell, source)
    kernel.run_cell("s", "%flow skip a")
    kernel.run_cell("r", "%flow run")
    assert [state(kernel, task) for task in "abc"] == ["Skipped", "Skipped", "Success"]
    assert verdicts(kernel) == {"a": "pinned", "b": "unverified", "c": "fresh"}
    assert "you skipped `a`" in said(kernel.run_cell("w", "%flow why b"))
    kernel.run_cell("a", cells["a"])
    assert state(kernel, "a") == "Skipped"
    kernel.run_cell("s", "%flow unskip a")
    assert verdicts(kernel) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    assert said(kernel.run_cell("p", "print(b)")) == "1\n"


def test_every_move_is_told_once_in_prefects_words(kernel: LiveKernel) -> None:
    kernel.run_cell(
        "a",
        "%%task a --retries 1 --retry-delay 1ms\nimport pathlib\nis_new = not pathlib.Path('x').exists()\n"
        "pathlib.Path('x').touch()\nassert not is_new\na = 1",
    )
    expected = ["Pending Running", "Running Failed", "Failed Retrying", "Retrying Running", "Running Success"]
    assert heard(kernel) == " | ".join(f"a {move}" for move in expected)


def test_a_success_can_be_made_a_failure_and_that_is_tried_again(kernel: LiveKernel) -> None:
    kernel.run_cell("h", "@on_state('Success')\ndef empty(task, old, new):\n    if not rows: return FAIL('no rows')")
    shown = said(kernel.run_cell("a", "%%task a --retries 1 --retry-delay 1ms\nrows = []"))
    kernel.run_cell("b", "%%task b\nb = rows")
    assert "no rows" in shown
    assert (state(kernel, "a"), state(kernel, "b")) == ("Failed", "TriggerFailed")
    assert "a Retrying Running | a Running Success" in heard(kernel)


def test_a_failure_can_be_made_a_skip_or_a_success_with_a_result(kernel: LiveKernel) -> None:
    kernel.run_cell(
        "h",
        """@on_state("Failed")
def mend(task, old, new):
    return SKIP("no data today") if task == "a" else SUCCESS(result=7)""",
    )
    kernel.run_cell("a", "%%task a\na = 1 / 0")
    kernel.run_cell("b", "%%task b\nb = a")
    kernel.run_cell("c", "%%task c\nc = 1 / 0")
    assert [state(kernel, task) for task in "abc"] == ["Skipped", "Skipped", "Success"]
    assert kernel.silently("", "c") == "7"


def test_a_handler_that_fails_has_failed_the_task_with_its_own_message(kernel: LiveKernel) -> None:
    kernel.run_cell("h", "@on_state('Success')\ndef broken(task, old, new):\n    return {}['x']")
    assert "the state handler `broken` failed: KeyError: 'x'" in said(kernel.run_cell("a", "%%task a\na = 1"))
    kernel.run_cell("h", "@on_state('Success')\ndef broken(task, old, new): pass")
    kernel.run_cell("a", "%%task a\na = 1")
    assert state(kernel, "a") == "Success"


def test_a_callback_hears_of_what_its_check_accepts_and_an_unknown_state_is_refused(kernel: LiveKernel) -> None:
    kernel.run_cell(
        "h",
        "failed = []\nis_registered = on_state("
        "callback_factory(lambda task, new: failed.append(task), lambda new: new.is_failed()))",
    )
    kernel.run_cell("a", "%%task a\na = 1")
    kernel.run_cell("b", "%%task b\nb = 1 / 0")
    assert kernel.silently("", "failed") == "['b']"
    assert "There is no state 'Faild'" in said(kernel.run_cell("x", "@on_state('Faild')\ndef f(task, old, new): pass"))
