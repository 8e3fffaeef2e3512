"""A file that changed is never taken for the one that was read, however quick or sly the change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from prefect_jupyter.runtime.files import FileTracer
from prefect_jupyter.runtime.stamps import Look, look, stamp, stamped_reads, unchanged

LONG_AGO_NS = 1_000_000_000_123_456_789


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("one", encoding="utf-8")
    return path


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every file was written long ago."""
    import time

    later = time.time_ns() + 3_600_000_000_000
    monkeypatch.setattr("prefect_jupyter.runtime.stamps.time.time_ns", lambda: later)


def test_a_second_write_that_leaves_size_and_time_as_they_were_is_seen(file: Path) -> None:
    """Within one tick of the file system's clock."""
    first = stamp(str(file))
    assert first is not None
    found = file.stat()
    file.write_text("two", encoding="utf-8")
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert not unchanged(str(file), first)


def test_a_time_that_was_put_back_is_no_alibi(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))
    settle(monkeypatch)
    first = stamp(str(file))
    assert first is not None
    assert first.mtime_ns == LONG_AGO_NS
    assert unchanged(str(file), first)
    file.write_text("two", encoding="utf-8")
    os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert not unchanged(str(file), first)


def test_another_file_in_its_place_with_its_times_is_another_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    first = stamp(str(file))
    assert first is not None
    other = file.with_name("other.csv")
    other.write_text("two", encoding="utf-8")
    shutil.copystat(file, other)
    other.replace(file)
    assert not unchanged(str(file), first)


def test_the_same_content_at_another_time_or_inode_is_the_same_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    first = stamp(str(file))
    assert first is not None
    os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert unchanged(str(file), first)
    shutil.copy(file, file.with_name("copy"))
    file.with_name("copy").replace(file)
    assert unchanged(str(file), first)


def test_a_settled_file_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    first = stamp(str(file))
    with FileTracer().task() as seen:
        assert stamp(str(file)) == first
    assert seen.read == set()


def test_a_file_that_was_just_written_is_read_each_time(file: Path) -> None:
    stamp(str(file))
    with FileTracer().task() as seen:
        stamp(str(file))
    assert seen.read == {str(file)}


def test_what_changed_between_opening_and_the_end_of_the_task_is_named_and_equals_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    with FileTracer().task() as seen:
        file.read_text(encoding="utf-8")
        outside = file.with_name("outside.csv")
    outside.write_text("two", encoding="utf-8")
    outside.replace(file)
    stamps, moved = stamped_reads(seen.read, seen.before, {})
    assert moved == str(file)
    assert not unchanged(str(file), stamps[str(file)])


def test_what_was_written_a_moment_before_it_was_opened_needs_a_witness(file: Path) -> None:
    before = {str(file): Look(look(str(file)).what, is_fresh=True)}
    _, moved = stamped_reads([str(file)], before, {})
    assert moved == str(file)
    known = stamp(str(file))
    assert known is not None
    stamps, moved = stamped_reads([str(file)], before, {str(file): known.digest})
    assert moved == ""
    assert unchanged(str(file), stamps[str(file)])


def test_that_a_file_was_not_there_is_an_input(tmp_path: Path) -> None:
    missing = tmp_path / "settings.json"
    with FileTracer().task() as seen, pytest.raises(FileNotFoundError):
        missing.read_bytes()
    stamps, moved = stamped_reads(seen.read, seen.before, {})
    assert moved == ""
    assert unchanged(str(missing), stamps[str(missing)])
    missing.touch()
    assert not unchanged(str(missing), stamps[str(missing)])


@pytest.mark.parametrize("ask", [lambda folder: list(folder.glob("*.csv")), lambda folder: list(os.scandir(folder))])
def test_what_is_in_a_folder_is_an_input(file: Path, ask: object) -> None:
    with FileTracer().task() as seen:
        ask(file.parent)  # type: ignore[operator]
    stamps, moved = stamped_reads(seen.read, seen.before, {})
    assert moved == ""
    folder = str(file.parent)
    assert unchanged(folder, stamps[folder])
    file.write_text("another content, the same names", encoding="utf-8")
    assert unchanged(folder, stamps[folder])
    (file.parent / "more.csv").touch()
    assert not unchanged(folder, stamps[folder])


def test_a_task_that_adds_to_the_folder_that_it_listed_would_list_more_the_next_time(tmp_path: Path) -> None:
    with FileTracer().task() as seen:
        os.listdir(tmp_path)
        (tmp_path / "result.csv").write_text("1", encoding="utf-8")
    assert stamped_reads(seen.read - seen.written, seen.before, {})[1] == str(tmp_path)


def test_importing_lists_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_module_to_import.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with FileTracer().task() as seen:
        __import__("some_module_to_import")
        __import__("importlib.metadata").metadata.version("numpy")
    assert str(tmp_path) not in seen.read


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_never_read_by_us(tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    keep = os.open(pipe, os.O_RDWR)
    with FileTracer().task() as seen:
        os.close(os.open(pipe, os.O_RDONLY))
    assert seen.effects == {"read from a pipe"}
    assert stamp(pipe) is None
    os.close(keep)


def test_a_file_that_the_text_names_counts_though_nobody_saw_it_opened(file: Path) -> None:
    with FileTracer().task() as seen:
        pass
    seen.mention(["a", str(file), str(file.parent), "x\0y", "n" * 5_000, ""], file.stat().st_mtime + 60)
    assert (seen.read, seen.is_relative) == ({str(file)}, False)
    assert stamped_reads(seen.read, seen.before, {})[1] == ""


def test_a_file_that_the_text_names_and_that_changed_since_the_task_began_may_be_an_older_one(file: Path) -> None:
    with FileTracer().task() as seen:
        pass
    seen.mention([str(file)], file.stat().st_mtime - 60)
    assert stamped_reads(seen.read, seen.before, {})[1] == str(file)


def test_what_came_and_went_in_the_temporary_folder_is_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect_jupyter.runtime.stamps._TEMPORARY", f"{tmp_path / 'temporary'}{os.sep}")
    gone = {str(tmp_path / "temporary" / "a"): Look("a look of it"), str(tmp_path / "b"): Look("another one")}
    stamps, moved = stamped_reads(gone, gone, {})
    assert (list(stamps), moved) == ([str(tmp_path / "b")], str(tmp_path / "b"))
