"""The tutorial on failures runs through from the command line; a mend does not do the rest again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIAL = Path(__file__).parents[2] / "notebooks" / "fail_successfully.ipynb"
FAILS = {"by-month": "KeyError", "longest": "TimedOut"}
MONTHS = [f"computed {month}" for month in ("Jan", "Feb", "Mar", "Apr", "May", "Aug", "Oct", "Nov", "Dec")]
MENDED = {"June": "Jun", "July": "Jul", "Sept": "Sep"}

pytestmark = pytest.mark.xdist_group("tutorials")


class Tutorial:
    """The tutorial in a kernel of its own, whose cells are executed by their ids."""

    def __init__(self, folder: Path) -> None:
        self.notebook = nbformat.read(TUTORIAL, as_version=4)
        resources = {"metadata": {"path": str(folder)}}
        self.client = NotebookClient(self.notebook, timeout=120, kernel_name="python3", resources=resources)
        self.environment = {
            **os.environ,
            "PREFECT_JUPYTER_DIR": str(folder / "store"),
            "IPYTHONDIR": str(folder / "ipython"),
        }

    def __getitem__(self, cell_id: str) -> Any:
        return next(cell for cell in self.notebook.cells if cell.id == cell_id)

    def run_all(self) -> None:
        for index, cell in enumerate(self.notebook.cells):
            self.client.execute_cell(cell, index)

    def ask(self, source: str) -> str:
        """What a further cell prints."""
        cell = nbformat.v4.new_code_cell(source)
        self.notebook.cells.append(cell)
        self.client.execute_cell(cell, len(self.notebook.cells) - 1)
        return text(cell)

    def run(self, cell_id: str) -> str:
        cell = self[cell_id]
        self.client.execute_cell(cell, self.notebook.cells.index(cell))
        return text(cell)


def text(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def errors(cell: Any) -> list[str]:
    return [output.ename for output in cell.get("outputs", ()) if output.output_type == "error"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fail-successfully")


@pytest.fixture(scope="module")
def first(folder: Path) -> Iterator[Tutorial]:
    tutorial = Tutorial(folder)
    with tutorial.client.setup_kernel(env=tutorial.environment):
        tutorial.run_all()
        yield tutorial


def test_it_runs_through_and_fails_where_it_says_so(first: Tutorial) -> None:
    failed = {cell.id: set(errors(cell)) for cell in first.notebook.cells if errors(cell)}
    assert failed == {cell_id: {error} for cell_id, error in FAILS.items()}
    assert "attempt 3: 327,346 flights arrived" in text(first["load-flights"])
    assert [line.split(" - ")[1] for line in text(first["by-month"]).splitlines()] == MONTHS
    assert "not run: `by_month` failed" in text(first["best-month"])
    assert "skipped: `share_late > 0.5` is false" in text(first["alarm"])
    assert "There is no notifier `team`: you have none" in text(first["longest"])
    assert text(first["report"]) == "10 of 14 results are there, missing:\n"
    assert "TimedOut" in first["report"].outputs[-1].data["text/plain"]
    assert "image/png" in first["plot-year"].outputs[-1].data


def test_a_retry_without_a_mend_leaves_the_nine_months_that_succeeded_alone(first: Tutorial) -> None:
    said = text(first["retry-by-month"])
    assert "1 executed, 1 failed" in said
    assert "3 of 12 failed" in said
    assert "9 cached" in said


def test_a_paused_task_waits_and_is_resumed(first: Tutorial) -> None:
    assert "waits for a person" in text(first["publish"])
    assert text(first["resume"]) == "1 executed\n"
    assert "Success" in first.ask("%flow history publish")


def test_the_history_tells_the_two_failed_attempts(first: Tutorial) -> None:
    assert text(first["history"]).count("Retrying") == 2
    assert "attempt 3" in text(first["history"])


def test_a_second_run_executes_only_what_failed_and_what_reads_it(first: Tutorial, folder: Path) -> None:
    second = Tutorial(folder)
    with second.client.setup_kernel(env=second.environment):
        second.run_all()
        rows = second.ask("%flow status")
    cached = [line.split()[0] for line in rows.splitlines() if "  Cached" in line]
    assert cached == ["load_flights", "share_late", "publish"]
    assert text(second["by-month"]) == text(first["by-month"])
    assert text(second["resume"]) == "1 cached\n"


def test_the_mended_months_are_computed_and_no_others(first: Tutorial) -> None:
    kept = text(first["by-month"]).splitlines()
    for wrong, right in MENDED.items():
        first["months"].source = first["months"].source.replace(f'"{wrong}"', f'"{right}"')
    first.run("months")
    logged = first.run("by-month").splitlines()
    assert [line for line in logged if line in kept] == kept
    new = [line.split(" - ")[1] for line in logged if line not in kept]
    assert new == [f"computed {right}" for right in MENDED.values()]
    newest = first.ask("%flow history by_month").splitlines()[0]
    assert "12 children: 3 Success, 9 Cached" in newest
    assert first.run("best-month").startswith("Sep: ")
