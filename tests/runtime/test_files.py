"""What a task opens is seen, and whether it read, wrote or did both."""

from __future__ import annotations

import contextvars
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from prefect_jupyter.runtime.files import FileTracer
from prefect_jupyter.runtime.stamps import stamp, unchanged


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a", encoding="utf-8")
    return path


def _close(path: Path, flags: int) -> None:
    os.close(os.open(path, flags))


OPENS: dict[str, tuple[Callable[[Path], object], bool, bool]] = {
    "read": (lambda path: path.read_text(encoding="utf-8"), True, False),
    "read bytes": (lambda path: path.read_bytes(), True, False),
    "write": (lambda path: path.write_text("b", encoding="utf-8"), False, True),
    "append": (lambda path: path.open("a").close(), True, True),
    "update": (lambda path: path.open("r+b").close(), True, True),
    "write and read back": (lambda path: path.open("w+").close(), False, True),
    "descriptor, read": (lambda path: _close(path, os.O_RDONLY), True, False),
    "descriptor, write a part": (lambda path: _close(path, os.O_WRONLY), True, True),
    "descriptor, both": (lambda path: _close(path, os.O_RDWR), True, True),
    "descriptor, anew": (lambda path: _close(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), False, True),
}


@pytest.mark.parametrize("what", OPENS)
def test_an_open_is_a_read_a_write_or_both(file: Path, what: str) -> None:
    act, reads, writes = OPENS[what]
    with FileTracer().task() as seen:
        act(file)
    assert (str(file) in seen.read, str(file) in seen.written) == (reads, writes)
    assert seen.effects == set()


def test_a_thread_of_the_task_counts_with_and_without_its_context(file: Path) -> None:
    for target in (file.read_bytes, lambda: contextvars.copy_context().run(file.read_bytes)):
        with FileTracer().task() as seen:
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert str(file) in seen.read


def test_tasks_on_threads_are_told_apart(tmp_path: Path) -> None:
    found: dict[str, set[str]] = {}
    barrier = threading.Barrier(3)

    def work(name: str) -> None:
        with FileTracer().task() as seen:
            barrier.wait()
            (tmp_path / name).write_text(name, encoding="utf-8")
            barrier.wait()
        found[name] = seen.written

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: {str(tmp_path / name)} for name in "abc"}


def test_what_happens_after_a_task_is_not_its(file: Path) -> None:
    with FileTracer().task() as seen:
        pass
    file.read_bytes()
    assert seen.read == set()


def test_a_database_is_an_effect_unless_it_is_in_memory(tmp_path: Path) -> None:
    for name, effects in ((":memory:", set()), (str(tmp_path / "user.sqlite"), {"use a database"})):
        with FileTracer().task() as seen:
            sqlite3.connect(name).close()
        assert seen.effects == effects


def test_processes_and_folders_are_effects(tmp_path: Path) -> None:
    with FileTracer().task() as seen:
        subprocess.run([sys.executable, "-c", ""], check=True)
        (tmp_path / "new").mkdir()
        (tmp_path / "new").rmdir()
    assert {"start a process", "mkdir", "rmdir"} <= seen.effects


def test_what_python_and_libraries_read_for_themselves_does_not_count() -> None:
    with FileTracer().task() as seen:
        Path(os.__file__).read_bytes()
        Path(os.devnull).read_bytes()
        Path(pytest.__file__).read_bytes()
    assert seen.read == set()


def test_a_stamp_tells_other_content_from_another_time(file: Path) -> None:
    known = stamp(str(file))
    assert known is not None
    os.utime(file, ns=(1, 1))
    assert unchanged(str(file), known)
    file.write_text("b", encoding="utf-8")
    assert not unchanged(str(file), known)
    file.unlink()
    assert not unchanged(str(file), known)
    assert stamp(str(file)) is None
    assert stamp(str(file.parent)) is not None
