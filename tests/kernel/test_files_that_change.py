"""What a task read from a file counts, not what stands there when the task is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.kernels import LiveKernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path, cell_timeout_s=30) as started:
        yield started


def executed(kernel: LiveKernel) -> int:
    return int(kernel.session("counts()")["executed"])


def test_a_file_that_is_edited_while_a_task_runs_is_read_again(kernel: LiveKernel) -> None:
    file, gate = kernel.work / "data.txt", kernel.work / "gate"
    file.write_text("old", encoding="utf-8")
    source = (
        "%%task\nimport os, time\ntext = open('data.txt').read()\nprint(text)\n"
        "while not os.path.exists('gate'):\n    time.sleep(0.01)"
    )
    running = kernel.begin_cell("c", source)
    kernel.wait_until(lambda: bool(kernel.shown("c")), "the task")
    file.write_text("new", encoding="utf-8")
    gate.touch()
    assert kernel.end_cell(running)[0]["text"] == "old\n"
    kernel.restart()
    assert kernel.run_cell("c", source)[0]["text"] == "new\n"
    assert executed(kernel) == 1


def test_folders_missing_files_and_files_that_libraries_open_are_inputs(kernel: LiveKernel) -> None:
    import polars as pl

    folder = kernel.work / "parts"
    folder.mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(kernel.work / "table.parquet")
    cells = {
        "lists": "%%task\nimport glob\nprint(glob.glob('parts/*.csv'))",
        "tries": "%%task\ntry:\n    print(open('missing.txt').read())\nexcept OSError:\n    print('none')",
        "scans": "%%task\nimport polars as pl\nprint(pl.read_parquet('table.parquet')['a'].to_list())",
    }

    def run() -> tuple[list[str], int]:
        kernel.restart()
        return [kernel.run_cell(cell, source)[0]["text"] for cell, source in cells.items()], executed(kernel)

    assert run() == (["[]\n", "none\n", "[1]\n"], 3)
    assert run() == (["[]\n", "none\n", "[1]\n"], 0)
    (folder / "one.csv").touch()
    (kernel.work / "missing.txt").write_text("found", encoding="utf-8")
    pl.DataFrame({"a": [2]}).write_parquet(kernel.work / "table.parquet")
    assert run() == (["['parts/one.csv']\n", "found\n", "[2]\n"], 3)


def test_a_file_is_what_the_last_cell_wrote_that_had_its_handle(kernel: LiveKernel) -> None:
    cells = {
        "opens": "%%task opens\nlog = open('log.txt', 'w')\nlines = log.write('one\\n')",
        "closes": "%%task closes\nlog.write('two\\n')\nlog.close()\nis_closed = log.closed",
        "reads": "%%task reads\ntext = open('log.txt').read()\nprint(text)",
    }
    for cell, source in cells.items():
        shown = kernel.run_cell(cell, source)
    assert shown[0]["text"] == "one\ntwo\n\n"
    assert kernel.session("verdicts()")["reads"] == "fresh"
    kernel.session("rerun('reads')")
    assert kernel.silently("", "text") == repr("one\ntwo\n")
