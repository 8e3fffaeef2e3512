"""The tutorials run unchanged from the command line, and a second run computes nothing."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parents[2] / "notebooks"
HEADERS = ("%%task", "#| task:")
EXTENSION = ("%load_ext prefect_jupyter", "%flow")

VALUES = """
import json
print(json.dumps({
    "flights": len(flights),
    "trips": [str(number) for number in pd.util.hash_pandas_object(trips)[::9_973]],
    "tables": [table.to_json() for table in (by_carrier, by_hour, by_destination, weight)],
    "auc": auc,
}))
"""
COUNTS = """
import json
import prefect_jupyter
print(json.dumps(prefect_jupyter.notebook().counts()))
"""

pytestmark = pytest.mark.xdist_group("tutorials")


@dataclass(frozen=True, slots=True)
class Run:
    """What one execution of the tutorial left: the values, the counts of the session, the task cells' outputs."""

    values: dict[str, Any]
    counts: dict[str, int]
    outputs: dict[str, list[dict[str, Any]]]


def printed(cell: nbformat.NotebookNode) -> Any:
    return json.loads("".join(output.text for output in cell.outputs if output.output_type == "stream"))


def shown(cell: nbformat.NotebookNode) -> list[dict[str, Any]]:
    """What a reader sees of the outputs: the number beside a result belongs to the run, not to the result."""
    outputs = copy.deepcopy(cell.outputs)
    for output in outputs:
        output.pop("execution_count", None)
        output["output_type"] = output["output_type"].replace("execute_result", "display_data")
    return outputs


def execute(notebook: nbformat.NotebookNode, folder: Path, *last: str) -> list[nbformat.NotebookNode]:
    """Execute the cells and then `last`, in a fresh kernel whose store is in `folder`; returns the cells of `last`."""
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in last]
    environment = {
        **os.environ,
        "PREFECT_JUPYTER_DIR": str(folder / "store"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook.cells[-len(last) :]


def run_tutorial(folder: Path) -> Run:
    notebook = nbformat.read(TUTORIALS / "flights.ipynb", as_version=4)
    values, counts = execute(notebook, folder, VALUES, COUNTS)
    tasks = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(HEADERS)]
    return Run(printed(values), printed(counts), {cell.id: shown(cell) for cell in tasks})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flights")


@pytest.fixture(scope="module")
def first(store: Path) -> Run:
    return run_tutorial(store)


@pytest.fixture(scope="module")
def second(store: Path, first: Run) -> Run:
    return run_tutorial(store)


def test_the_first_run_executes_every_task(first: Run) -> None:
    tasks = len(first.outputs)
    assert 10 <= tasks <= 15
    assert first.counts == {"tasks": tasks, "executed": tasks, "cached": 0, "failed": 0, "skipped": 0}


def test_a_second_run_in_a_fresh_kernel_executes_nothing(second: Run) -> None:
    tasks = len(second.outputs)
    assert second.counts == {"tasks": tasks, "executed": 0, "cached": tasks, "failed": 0, "skipped": 0}


def test_cached_values_equal_computed_ones(first: Run, second: Run) -> None:
    assert second.values == first.values


def test_cached_tables_and_pictures_are_shown_again(first: Run, second: Run) -> None:
    assert second.outputs == first.outputs
    pictures = [
        output for outputs in second.outputs.values() for output in outputs if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2


def test_values_equal_those_of_the_same_cells_without_headers(first: Run, tmp_path: Path) -> None:
    notebook = nbformat.read(TUTORIALS / "flights.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source not in EXTENSION]
    for cell in notebook.cells:
        if cell.source.startswith(HEADERS):
            cell.source = cell.source.split("\n", 1)[1]
    [values] = execute(notebook, tmp_path, VALUES)
    assert printed(values) == first.values


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_tutorials_are_committed_without_outputs_and_with_readable_ids(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.id[0].isalpha(), cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.id
            assert cell.execution_count is None, cell.id
