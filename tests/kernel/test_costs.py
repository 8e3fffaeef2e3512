"""What is done for a cell does not grow with the notebook: counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.kernels import LOAD_CELL, LiveKernel

# Counts calls of functions by the name under which a module of ours knows them.
COUNTING = """
def _count():
    import sys, types
    costs = sys.modules["costs"] = types.ModuleType("costs")
    costs.calls = {}
    def count(place, name):
        costs.calls[name] = 0
        original = getattr(place, name)
        def counted(*arguments, **keywords):
            costs.calls[name] += 1
            return original(*arguments, **keywords)
        setattr(place, name, counted)
    count(sys.modules["prefect_jupyter.kernel.reading"], "connect")
    count(sys.modules["prefect_jupyter.kernel.standing"], "verdict")
    count(sys.modules["prefect_jupyter.analysis.reads_writes"], "names_of")
    count(sys.modules["prefect_jupyter.runtime.stores.index"].Index, "all")
    count(sys.modules["prefect_jupyter.runtime.stores.disk"].DiskStore, "value")
    count(sys.modules["prefect_jupyter.kernel.ambient"].Ambient, "snapshot")
    count(sys.modules["prefect_jupyter.kernel.standing"].Standing, "_judge")
    count(sys.modules["prefect_jupyter.kernel.standing"].Standing, "_has_not_run")
    count(sys.modules["prefect_jupyter.runtime.fingerprints"].Fingerprinter, "own")
_count()
del _count
"""
CALLS = "__import__('sys').modules['costs'].calls"


def tasks(count: int) -> list[str]:
    return [f"%%task\nn{number} = n{number - 1} + 1" if number else "%%task\nn0 = 1" for number in range(count)]


class Notebook:
    """A kernel whose costs are counted, and a document of tasks in it."""

    def __init__(self, kernel: LiveKernel) -> None:
        self.kernel = kernel
        kernel.silently(COUNTING)
        self.counted()

    def open(self, count: int) -> None:
        cells = {LOAD_CELL: "%load_ext prefect_jupyter"} | {f"c{i}": text for i, text in enumerate(tasks(count))}
        self.kernel.command("document", order=list(cells), sources=cells)

    def counted(self) -> dict[str, int]:
        """The calls since this was last asked for."""
        calls: dict[str, int] = self.kernel.asked(f"dict({CALLS})")
        self.kernel.silently("", f"{CALLS}.update(dict.fromkeys({CALLS}, 0))")
        return calls


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    with LiveKernel(tmp_path) as kernel:
        yield Notebook(kernel)


def test_running_one_cell_looks_at_its_neighbours_only(notebook: Notebook) -> None:
    notebook.open(60)
    notebook.kernel.session("run()")
    notebook.counted()
    for number in (0, 30, 59):
        assert notebook.kernel.run_cell(f"c{number}", tasks(60)[number]) == []
        counted = notebook.counted()
        assert (counted["connect"], counted["names_of"]) == (0, 0)
        assert counted["verdict"] <= 3


def test_asking_where_unchanged_tasks_stand_looks_at_each_once(notebook: Notebook) -> None:
    notebook.open(60)
    notebook.kernel.session("run()")
    notebook.counted()
    assert notebook.kernel.session("plan()") == []
    counted = notebook.counted()
    assert counted["_judge"] <= 60
    assert (counted["verdict"], counted["_has_not_run"]) == (0, 0)


def test_changing_one_cell_reads_one_text(notebook: Notebook) -> None:
    notebook.open(60)
    counted = notebook.counted()
    assert (counted["connect"], counted["names_of"]) == (1, 60)
    notebook.kernel.command("document", order=None, sources={"c30": "%%task\nn30 = n29 + 2"})
    counted = notebook.counted()
    assert (counted["connect"], counted["names_of"]) == (1, 1)


def test_a_cell_below_all_others_leaves_their_verdicts_alone(notebook: Notebook) -> None:
    texts = tasks(60)
    for text in texts[:-1]:
        notebook.kernel.run_cell(None, text)
    notebook.counted()
    notebook.kernel.run_cell(None, texts[-1])
    assert notebook.counted()["verdict"] <= 3
    assert set(notebook.kernel.session("verdicts()").values()) == {"fresh"}


def test_cells_that_nobody_announces_are_added_to_the_graph_one_by_one(notebook: Notebook) -> None:
    notebook.kernel.run_cell(None, "step = 1")
    notebook.counted()
    for text in tasks(20):
        notebook.kernel.run_cell(None, text)
    assert notebook.counted()["connect"] <= 1
    assert set(notebook.kernel.session("verdicts()").values()) == {"fresh"}


def test_unchanged_tasks_of_a_new_process_are_answered_without_a_value_or_a_library(notebook: Notebook) -> None:
    notebook.open(300)
    notebook.kernel.session("run()")
    notebook.kernel.restart()
    again = Notebook(notebook.kernel)
    again.open(300)
    again.counted()
    again.kernel.session("run()")
    counted = again.counted()
    assert again.kernel.session("counts()")["cached"] == 300
    assert counted["value"] == 0
    assert counted["all"] <= 5, "the store is asked for many tasks at once"
    assert counted["snapshot"] == 1, "no code runs, so nothing of the process can change between two tasks"
    assert counted["own"] == 0, "fingerprints come from the store"
    assert again.kernel.asked("len({session}.namespace.pending)") == 300
    assert not again.kernel.asked("'numpy' in __import__('sys').modules")
    assert again.kernel.run_cell("c299", tasks(300)[299] + "\nprint(n299)") == [
        {"output_type": "stream", "name": "stdout", "text": "300\n"}
    ]
