"""What a person gets who writes a header or a notebook that cannot be: the cell, the cause and the cure.

Nothing of the cell has run then, and tasks that stood before still stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracle.kernels import LiveKernel

GOOD = {"good": "%%task good\nx = 1\nprint('ran')"}

MISTAKES = {
    "an unknown option": ("%%task a --retrys 3\nprint('ran')", ["[3]", "--retrys", "--retries"]),
    "an unclosed quote": ("%%task a --tags 'x\nprint('ran')", ["[3]", "quote"]),
    "no code": ("%%task a\n", ["[3]", "no code"]),
    "a syntax error": ("%%task a\nprint('ran'\nx ===", ["[3]"]),
    "a keyword as a name": ("%%task lambda\nprint('ran')", ["[3]", "lambda", "word of Python"]),
    "two headers": ("%%task a\nprint('ran')\n%%task b\ny = 1", ["[3]", "two headers", "split"]),
    "a negative number of retries": ("%%task a --retries -1\nprint('ran')", ["[3]", "--retries"]),
    "a delay without a unit": ("%%task a --retries 1 --retry-delay 5\nprint('ran')", ["[3]", "--retry-delay", "10s"]),
    "an unknown trigger": ("%%task a --trigger sometimes\nprint('ran')", ["[3]", "sometimes", "did you mean"]),
    "an option twice": ("%%task a --retries 1 --retries 2\nprint('ran')", ["[3]", "--retries"]),
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path_factory.mktemp("bad")) as kernel:
        yield kernel


def tell(kernel: LiveKernel, cells: dict[str, str]) -> None:
    kernel.silently(f"__import__('prefect_jupyter').notebook().update_document({[*cells]!r}, {cells!r})")


def said(outputs: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{output['ename']}: {output['evalue']}\n" + "\n".join(output["traceback"])
        if output["output_type"] == "error"
        else str(output.get("text", ""))
        for output in outputs
    )


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_named_with_its_cell_and_its_cure(kernel: LiveKernel, what: str) -> None:
    source, words = MISTAKES[what]
    kernel.restart()
    tell(kernel, {**GOOD, "bad": source})
    kernel.run_cell("good", GOOD["good"])
    shown = said(kernel.run_cell("bad", source))
    for word in words:
        assert word.replace("[3]", "[") in shown, shown
    assert "ran\n" not in shown
    assert "prefect_jupyter" not in shown.replace("prefect_jupyter.", ""), shown
    assert kernel.session("verdicts()")["good"] == "fresh"


def test_equal_names_cycles_and_readers_above_their_writer_are_refused(kernel: LiveKernel) -> None:
    kernel.restart()
    cells = {
        "first": "%%task twin\na = 1",
        "second": "%%task twin\nb = 1",
        "reader": "%%task reader\nc = late + 1",
        "writer": "%%task writer\nlate = 1",
        "hen": "%%task hen\nhen = egg",
        "egg": "%%task egg\negg = hen",
    }
    tell(kernel, cells)
    assert "two tasks are called `twin`" in said(kernel.run_cell("second", cells["second"]))
    above = said(kernel.run_cell("reader", cells["reader"]))
    assert "late" in above
    assert "move one of them" in above
    assert "→" in said(kernel.run_cell("hen", cells["hen"]))
    assert kernel.session("counts()")["executed"] == 0


def test_an_unknown_verb_or_task_is_answered_with_what_there_is(kernel: LiveKernel) -> None:
    kernel.restart()
    kernel.run_cell("good", GOOD["good"])
    assert "did you mean `rerun`" in said(kernel.run_cell("v", "%flow rerunn good"))
    assert "Tasks: `good`." in said(kernel.run_cell("v", "%flow why goood"))
    assert "needs the name of a task" in said(kernel.run_cell("v", "%flow from"))
    assert "write setting=value" in said(kernel.run_cell("v", "%flow config stop"))
