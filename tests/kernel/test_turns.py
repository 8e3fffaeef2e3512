"""Kernels that need one result at once compute it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_jupyter.kernel.wording import WAITS_FOR_ANOTHER_KERNEL
from tests.oracle.kernels import LOAD_CELL, LiveKernel

ROUNDS = 50


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[tuple[LiveKernel, LiveKernel]]:
    """Two kernels with one store, each with its own page."""
    with LiveKernel(tmp_path, cell_timeout_s=20) as one, LiveKernel(tmp_path, cell_timeout_s=20) as other:
        yield one, other


def counts(kernel: LiveKernel) -> tuple[int, int]:
    found = kernel.session("counts()")
    return found["executed"], found["cached"]


def task(gate: Path) -> str:
    """A task that says that it has begun, and ends when there is a gate, which is no input of it: no text names it."""
    loop = f"while not os.path.exists(os.path.join({str(gate.parent)!r}, {gate.name!r})):"
    return f"%%task\nimport os, time\nprint('begun')\n{loop}\n    time.sleep(0.01)\nx = 5"


def begin_both(kernels: tuple[LiveKernel, LiveKernel], source: str) -> tuple[str, str]:
    """The first kernel computes, and the second waits for it."""
    one, other = kernels
    for kernel in kernels:
        kernel.command("document", order=[LOAD_CELL, "c"], sources={"c": source})
    first = one.begin_cell("c", source)
    one.wait_until(lambda: bool(one.shown("c")), "the first kernel")
    second = other.begin_cell("c", source)
    other.wait_until(lambda: WAITS_FOR_ANOTHER_KERNEL in other.notes, "the second kernel")
    return first, second


def test_in_many_rounds_each_result_is_computed_once(kernels: tuple[LiveKernel, LiveKernel]) -> None:
    one, other = kernels
    for number in range(1, ROUNDS + 1):
        source = f"%%task\nimport time\ntime.sleep(0.02)\nprint({number} * 2)"
        requests = [kernel.begin_cell("c", source) for kernel in kernels]
        shown = [kernel.end_cell(request)[0]["text"] for kernel, request in zip(kernels, requests, strict=True)]
        assert shown == [f"{number * 2}\n"] * 2
        executed, cached = (sum(pair) for pair in zip(counts(one), counts(other), strict=True))
        assert (executed, cached) == (number, number)


def test_the_one_that_waits_says_so_and_takes_the_result(
    kernels: tuple[LiveKernel, LiveKernel], tmp_path: Path
) -> None:
    one, other = kernels
    first, second = begin_both(kernels, task(tmp_path / "gate"))
    (tmp_path / "gate").touch()
    assert one.end_cell(first) == other.end_cell(second)
    assert (counts(one), counts(other)) == ((1, 0), (0, 1))


def test_when_the_one_that_computes_is_killed_the_other_goes_on(
    kernels: tuple[LiveKernel, LiveKernel], tmp_path: Path
) -> None:
    one, other = kernels
    _, second = begin_both(kernels, task(tmp_path / "gate"))
    one.stop()
    other.wait_until(lambda: bool(other.shown("c")), "the second kernel's turn")
    (tmp_path / "gate").touch()
    other.end_cell(second)
    assert counts(other) == (1, 0)


@pytest.mark.parametrize("ending", ["", "\nimport asyncio; await asyncio.sleep(0)"], ids=["plain", "awaits"])
def test_an_interrupt_ends_the_wait_and_nothing_else(
    kernels: tuple[LiveKernel, LiveKernel], tmp_path: Path, ending: str
) -> None:
    one, other = kernels
    first, second = begin_both(kernels, task(tmp_path / "gate") + ending)
    other.interrupt()
    assert [output["ename"] for output in other.end_cell(second)] == ["KeyboardInterrupt"]
    assert counts(other) == (0, 0)
    (tmp_path / "gate").touch()
    one.end_cell(first)
    other.run_cell("c", task(tmp_path / "gate") + ending)
    assert (counts(one), counts(other)) == ((1, 0), (0, 1))


def test_an_error_in_the_one_that_computes_is_not_the_others(
    kernels: tuple[LiveKernel, LiveKernel], tmp_path: Path
) -> None:
    one, other = kernels
    source = task(tmp_path / "gate") + f"\nif not os.path.exists({str(tmp_path / 'well')!r}):\n    raise ValueError"
    first, second = begin_both(kernels, source)
    (tmp_path / "gate").touch()
    assert one.end_cell(first)[-1]["ename"] == "ValueError"
    assert other.end_cell(second)[-1]["ename"] == "ValueError", "it ran by itself"
