"""A disk that fails costs a notice, never a task; a process that dies leaves an entry whole or none."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from .entries import Said, Troubled, disk, large, same, small, trace

_STEPS_MAX = 200


def use(store: object) -> None:
    """All that a task asks of a store, with answers that have to be right whatever the disk does."""
    opened: object = store
    assert hasattr(opened, "put")
    opened.put(trace())
    assert opened.traces("k1") == [trace()]  # type: ignore[attr-defined]
    for pickled in (small(), large()):
        reference = opened.put_value(pickled, None)  # type: ignore[attr-defined]
        assert same(opened.value(reference), pickled)  # type: ignore[attr-defined]
    opened.remember("n", "t", "k1")  # type: ignore[attr-defined]
    assert opened.recall("n") == {"t": "k1"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
def test_whichever_step_fails_the_answers_are_right_and_it_is_said_once(tmp_path: Path, code: int) -> None:
    for nth in range(1, _STEPS_MAX):
        folder = tmp_path / f"{code}-{nth}"
        folder.mkdir()
        said, files = Said(), Troubled(nth, code)
        store = disk(folder, said, files)
        try:
            written = _use_until_lost(store)
        finally:
            store.close()
        assert len(said) <= 2, said
        if files.asked < nth:
            assert said == []
            assert written
            return
    raise AssertionError(f"more than {_STEPS_MAX} steps")


def _use_until_lost(store: object) -> bool:
    """Like `use`, but a value that was written and then cannot be read is a miss, which is right as well."""
    store.put(trace())  # type: ignore[attr-defined]
    assert store.traces("k1") in ([trace()], [])  # type: ignore[attr-defined]
    whole = True
    for pickled in (small(), large()):
        reference = store.put_value(pickled, None)  # type: ignore[attr-defined]
        found = store.value(reference)  # type: ignore[attr-defined]
        assert found is None or same(found, pickled)
        whole = whole and found is not None
    store.remember("n", "t", "k1")  # type: ignore[attr-defined]
    assert store.recall("n") in ({"t": "k1"}, {})  # type: ignore[attr-defined]
    return whole


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_notice_names_the_cause(tmp_path: Path, code: int) -> None:
    said = Said()
    use(disk(tmp_path, said, Troubled(1, code)))
    assert len(said) == 1
    assert os.strerror(code) in said[0]
    assert "memory" in said[0]


def test_a_folder_that_cannot_be_made_a_file_in_its_place_or_a_link_cost_one_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "store").symlink_to(tmp_path / "elsewhere")
    for folder in (tmp_path / "file", tmp_path / "link"):
        said = Said()
        use(disk(folder, said))
        assert len(said) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_a_home_to_keep_a_secret_in_results_stay_in_memory_and_it_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    said = Said()
    use(disk(tmp_path, said))
    assert len(said) == 1
    assert "memory" in said[0]
    assert list(tmp_path.glob("store/*")) == []


def test_a_folder_that_is_removed_costs_at_most_a_notice(tmp_path: Path) -> None:
    import shutil

    said = Said()
    store = disk(tmp_path, said)
    use(store)
    shutil.rmtree(tmp_path / "store")
    store.put(trace("k2"))
    reference = store.put_value(large(5), None)
    assert same(store.value(reference), large(5))
    assert len(said) <= 1


_PROGRAM = """
import sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from tests.runtime.stores.entries import Torn, Troubled, disk, large, small, trace
for nth in range({first}, {last}):
    import os
    if os.fork() == 0:
        files = Torn() if nth == 0 else Troubled(nth, kill=True)
        store = disk(Path({folder!r}) / str(nth), files=files)
        store.put(trace())
        store.put_value(small(), None)
        store.claim("k1")
        store.put_value(large(), None)
        store.put(trace())
        store.release("k1")
        store.tidy()
        store.remember("n", "t", "k1")
        store.close()
        os._exit(0)
    _, status = os.wait()
    print(nth, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no signals like these here")
def test_killed_at_any_step_it_leaves_entries_whole_or_absent_and_goes_on(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    first, last = 0, 120
    for nth in range(first, last):
        (tmp_path / str(nth)).mkdir()
    program = _PROGRAM.format(root=root, folder=str(tmp_path), first=first, last=last)
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    ended = {int(nth): int(status) for nth, status in (line.split() for line in printed.splitlines())}
    killed = [nth for nth, status in ended.items() if status == signal.SIGKILL]
    assert len(killed) > 20
    assert ended[last - 1] == 0, "every step was tried"
    for nth in killed:
        said = Said()
        store = disk(tmp_path / str(nth), said)
        assert store.traces("k1") in ([], [trace()])
        for pickled in (small(), large()):
            reference = disk(tmp_path / "elsewhere").put_value(pickled, None)
            found = store.value(reference)
            assert found is None or same(found, pickled)
            assert (found is not None) == store.has(reference)
        use(store)
        store.close()
        assert said == []


def test_interrupted_at_any_step_it_holds_nothing_and_goes_on(tmp_path: Path) -> None:
    """A step that hangs, as on a disk over a network, ends with an interrupt."""
    for nth in range(1, _STEPS_MAX):
        said, files = Said(), Troubled(nth, interrupt=True)
        store = disk(tmp_path / str(nth), said, files)
        with contextlib.suppress(KeyboardInterrupt):
            if store.claim("k1"):
                store.put_value(large(), None)
                store.put(trace())
                store.release("k1")
            store.tidy()
        was_last, files.nth = files.asked < nth, 0
        store.release("k1")
        use(store)
        other = disk(tmp_path / str(nth), said)
        use(other)
        store.close()
        other.close()
        assert said == []
        if was_last:
            return
    raise AssertionError(f"more than {_STEPS_MAX} steps")


_WRITER = """
import sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from tests.runtime.stores.entries import disk, loaded, trace
from prefect_jupyter.runtime.pickles import dump
said = []
store = disk(Path({folder!r}), said.append)
for turn in range(60):
    store.put(trace(f"{me}-{{turn}}"))
    store.put(trace(f"shared-{{turn}}"))
    reference = store.put_value(dump({{"x": turn}}, {{}}), f"fp-{{turn}}")
    assert loaded(store.value(reference)) == {{"x": turn}}
    assert store.traces(f"shared-{{turn}}") == [trace(f"shared-{{turn}}")]
assert said == [], said
"""


def test_kernels_share_a_store(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER.format(root=root, folder=str(tmp_path), me=me)])
        for me in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    store = disk(tmp_path)
    assert len(store.traces_of([f"{me}-{turn}" for me in range(3) for turn in range(60)])) == 180
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_process_uses_a_connection_of_its_own(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.put(trace("parent"))
    child = os.fork()
    if child == 0:
        store.put(trace("child"))
        os._exit(0 if store.traces("parent") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.traces("child") == [trace("child")]
    store.close()


def test_an_index_of_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.put(trace())
    store.close()
    (index,) = (tmp_path / "store").glob("index-*.sqlite")
    with contextlib.closing(sqlite3.connect(index)) as connection:
        connection.execute("PRAGMA user_version = 999")
    said = Said()
    older = disk(tmp_path, said)
    use(older)
    older.close()
    assert len(said) == 1
    assert "newer version of this extension" in said[0]
    with contextlib.closing(sqlite3.connect(index)) as connection:
        assert connection.execute("SELECT count(*) FROM traces").fetchone() == (1,)
