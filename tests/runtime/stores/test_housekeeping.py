"""What a store holds, what goes when there is too much, and what is broken: with a clock of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_jupyter.core.decisions import Decision
from prefect_jupyter.core.eviction import Limits
from prefect_jupyter.core.rebuilder import FileStamp
from prefect_jupyter.runtime.pickles import Pickle
from prefect_jupyter.runtime.stores.disk import DiskStore
from prefect_jupyter.runtime.stores.memory import MemoryStore

from .entries import Said, disk, large, same, trace

HOUR = 3_600.0
DAY = 24 * HOUR


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, clock: Clock, said: Said | None = None) -> DiskStore:
    return DiskStore(folder / "store", folder / "home" / "secret", Said() if said is None else said, clock=clock)


def value(size: int, seed: int) -> Pickle:
    return Pickle(f"{seed}".encode(), (memoryview(bytes([seed]) * size),))


def run(store: DiskStore | MemoryStore, notebook: str, task: str, *, size: int, saves: float, seed: int) -> str:
    """What a kernel does after a task has run: keep its value and its trace, and remember it."""
    reference = store.put_value(value(size, seed), None)
    key = f"{task}-{seed}"
    store.put(trace(key, groups=(reference,), ambient_out={}, duration_s=saves, started_s=1.0))
    store.remember(notebook, task, key)
    return reference


def tasks(store: DiskStore | MemoryStore) -> list[str]:
    return sorted(entry.task for entry in store.keeping.entries())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "store" / "values").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_an_entry_says_whose_it_is_how_large_and_what_it_saves(tmp_path: Path, kind: str) -> None:
    store = opened(tmp_path, Clock()) if kind == "disk" else MemoryStore()
    run(store, "n", "clean", size=2_000, saves=48.0, seed=1)
    store.used("clean-1")
    (entry,) = store.keeping.entries()
    assert (entry.notebook, entry.task, entry.id[0], entry.saves_s, entry.uses) == ("n", "clean", "clean-1", 48.0, 1)
    assert entry.size_bytes >= 2_000
    assert entry.is_in_use
    assert not entry.is_pinned
    store.close()


def test_when_a_result_was_used_last_survives_the_kernel(tmp_path: Path) -> None:
    clock = Clock()
    first = opened(tmp_path, clock)
    run(first, "n", "clean", size=10, saves=1.0, seed=1)
    clock.now += HOUR
    first.used("clean-1")
    first.close()
    (entry,) = opened(tmp_path, clock).keeping.entries()
    assert (entry.uses, entry.used_s) == (1, clock.now)


def test_a_result_that_runs_again_keeps_its_name(tmp_path: Path) -> None:
    store = opened(tmp_path, Clock())
    for _ in range(2):
        run(store, "n", "clean", size=10, saves=1.0, seed=1)
    assert tasks(store) == ["clean"]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_dropping_a_result_frees_its_values_but_not_those_of_others(tmp_path: Path, kind: str) -> None:
    store = opened(tmp_path, Clock()) if kind == "disk" else MemoryStore()
    shared = store.put_value(large(), None)
    own = store.put_value(value(300_000, 1), None)
    store.put(trace("a", groups=(shared, own), ambient_out={}))
    store.put(trace("b", groups=(shared,), ambient_out={}))
    (chosen,) = (entry.id for entry in store.keeping.entries() if entry.id[0] == "a")
    freed = store.keeping.drop([chosen])
    assert freed.results == 1
    assert freed.size_bytes >= 300_000
    assert store.traces("a") == []
    assert not store.has(own)
    assert same(store.value(shared), large())
    if kind == "disk":
        assert len(files(tmp_path)) == 3  # those of the value that is left
    assert store.keeping.drop([chosen]).results == 0


def test_a_file_that_two_values_share_stays_for_the_other(tmp_path: Path) -> None:
    store = opened(tmp_path, Clock())
    array = memoryview(bytes(2_000_000))
    one, other = (store.put_value(Pickle(stream, (array,)), None) for stream in (b"one", b"other"))
    for key, reference in (("a", one), ("b", other)):
        store.put(trace(key, groups=(reference,), ambient_out={}))
    store.keeping.drop([entry.id for entry in store.keeping.entries() if entry.id[0] == "a"])
    assert same(store.value(other), Pickle(b"other", (array,)))


def test_above_the_quota_the_cheapest_seconds_go(tmp_path: Path) -> None:
    clock = Clock()
    gone = opened(tmp_path, clock)
    for seed, (task, saves) in enumerate([("slow", 60.0), ("quick", 0.01), ("middle", 5.0)]):
        run(gone, "n", task, size=200_000, saves=saves, seed=seed)
    gone.close()  # nobody has the notebook open any more
    store = opened(tmp_path, clock)
    freed = store.keeping.sweep(Limits.of_quota(500_000, None))
    assert freed.results == 1
    assert freed.size_bytes >= 200_000
    assert tasks(store) == ["middle", "slow"]
    assert store.keeping.total_bytes() <= 450_000
    assert len(files(tmp_path)) == 2


def test_what_an_open_notebook_used_last_stays_and_what_it_used_before_may_go(tmp_path: Path) -> None:
    clock = Clock()
    kernel, other = opened(tmp_path, clock), opened(tmp_path, clock)
    run(kernel, "n", "clean", size=200_000, saves=1.0, seed=1)
    run(kernel, "n", "clean", size=200_000, saves=99.0, seed=2)
    run(kernel, "n", "clean", size=200_000, saves=1.0, seed=3)
    assert other.keeping.sweep(Limits.of_quota(10_000, None)).results == 2
    assert [entry.id[0] for entry in other.keeping.entries()] == ["clean-3"]
    kernel.close()
    assert other.keeping.sweep(Limits.of_quota(10_000, None)).results == 1


def test_a_kernel_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    program = f"""
import os, signal, sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from tests.runtime.stores.test_housekeeping import Clock, opened, run
run(opened(Path({str(tmp_path)!r}), Clock()), "n", "clean", size=200_000, saves=1.0, seed=1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode != 0
    store = opened(tmp_path, Clock())
    assert tasks(store) == ["clean"]
    assert store.keeping.sweep(Limits.of_quota(10_000, None)).results == 1


def test_a_kernel_on_another_machine_holds_its_notebook_as_long_as_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    away = opened(tmp_path, clock)
    run(away, "n", "clean", size=200_000, saves=1.0, seed=1)
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    store = opened(tmp_path, clock)
    clock.now += 20 * HOUR
    assert store.keeping.sweep(Limits.of_quota(10_000, None)).results == 0
    run(away, "n", "clean", size=200_000, saves=1.0, seed=2)  # it is heard of again
    clock.now += 20 * HOUR
    assert [entry.id[0] for entry in store.keeping.entries() if entry.is_in_use] == ["clean-2"]
    clock.now += 10 * HOUR
    assert store.keeping.sweep(Limits.of_quota(10_000, None)).results == 2


def test_what_lies_unused_goes_after_a_while(tmp_path: Path) -> None:
    clock = Clock()
    gone = opened(tmp_path, clock)
    run(gone, "n", "used", size=10, saves=1.0, seed=1)
    run(gone, "n", "unused", size=10, saves=1.0, seed=2)
    clock.now += 60 * DAY
    gone.used("used-1")
    gone.close()
    clock.now += 60 * DAY
    store = opened(tmp_path, clock)
    assert store.keeping.sweep(Limits.of_quota(None, 90 * DAY)).results == 1
    assert tasks(store) == ["used"]


def test_values_and_files_that_nobody_names_are_swept_but_not_at_once(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock)
    store.put_value(value(300_000, 1), None)  # and killed before the trace was written
    assert store.keeping.sweep(Limits(), thoroughly=True).leftovers == 0
    clock.now += 2 * HOUR
    draft = files(tmp_path)[0].with_name("draft-1-dead")
    draft.write_bytes(b"half of it")
    os.utime(draft, (clock.now, clock.now))
    freed = store.keeping.sweep(Limits(), thoroughly=True)
    assert freed.leftovers == 2
    assert freed.size_bytes >= 300_000
    assert files(tmp_path) == []


def test_a_pinned_value_stays_until_it_is_unpinned(tmp_path: Path) -> None:
    clock = Clock()
    gone = opened(tmp_path, clock)
    reference = run(gone, "n", "clean", size=200_000, saves=0.0, seed=1)
    (kept,) = gone.traces("clean-1")
    gone.decide("n", "cell-1", Decision(kind="pinned", at_s=5.0, trace=kept))
    gone.close()
    store = opened(tmp_path, clock)
    assert store.keeping.sweep(Limits.of_quota(10, 1.0)).results == 0
    assert [entry.is_pinned for entry in store.keeping.entries()] == [True]
    store.keeping.drop([entry.id for entry in store.keeping.entries()])
    assert same(store.value(reference), value(200_000, 1))
    store.decide("n", "cell-1", None)
    clock.now += 2 * HOUR
    assert store.keeping.sweep(Limits()).leftovers == 1
    assert not store.has(reference)


def test_a_pin_that_nobody_used_for_long_goes_with_its_notebook_closed(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock)
    run(store, "n", "clean", size=200_000, saves=0.0, seed=1)
    (kept,) = store.traces("clean-1")
    store.decide("n", "cell-1", Decision(kind="pinned", at_s=clock.now, trace=kept))
    clock.now += 100 * DAY
    assert store.keeping.sweep(Limits.of_quota(None, 90 * DAY)).results == 0
    store.used("clean-1")
    store.close()
    clock.now += 80 * DAY
    assert store.keeping.sweep(Limits.of_quota(None, 90 * DAY)).results == 0
    assert store.decisions("n").keys() == {"cell-1"}
    clock.now += 20 * DAY
    assert store.keeping.sweep(Limits.of_quota(None, 90 * DAY)).results == 1
    assert store.decisions("n") == {}
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_decision_comes_back_as_it_was(tmp_path: Path, kind: str) -> None:
    store = opened(tmp_path, Clock()) if kind == "disk" else MemoryStore()
    stamp = FileStamp(size=1, mtime_ns=2, digest="d")
    decision = Decision(
        kind="accepted", at_s=7.5, trace=trace(), digest="now", inputs={"x": "f", "y": None}, files={"/f": stamp}
    )
    store.decide("n", "cell-1", decision)
    store.decide("n", "cell-2", decision)
    store.decide("n", "cell-2", None)
    assert store.decisions("n") == {"cell-1": decision}
    assert store.decisions("m") == {}


def test_a_decision_that_somebody_else_wrote_or_moved_is_none(tmp_path: Path) -> None:
    said = Said()
    store = opened(tmp_path, Clock(), said)
    store.decide("n", "cell-1", Decision(kind="pinned", at_s=5.0, trace=trace()))
    index = next((tmp_path / "store").glob("index-*.sqlite"))
    store.close()
    import sqlite3

    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE decisions SET task = 'cell-2'")
    connection.close()
    assert store.decisions("n") == {}
    assert len(said) == 1


def test_a_sound_store_is_said_to_be_sound(tmp_path: Path) -> None:
    store = opened(tmp_path, Clock())
    run(store, "n", "clean", size=300_000, saves=1.0, seed=1)
    found = store.keeping.verify()
    assert (found.results, found.values, found.broken) == (1, 1, ())
    assert found.size_bytes >= 300_000


@pytest.mark.parametrize("damage", ["a file", "a record", "a trace", "a lost file"])
def test_what_is_broken_is_reported_and_removed_and_the_rest_stays(tmp_path: Path, damage: str) -> None:
    import sqlite3

    store = opened(tmp_path, Clock())
    run(store, "n", "clean", size=300_000, saves=1.0, seed=1)
    run(store, "n", "fit", size=300_000, saves=1.0, seed=2)
    (hurt,) = store.traces("clean-1")
    assert store.value(hurt.groups[0]) is not None  # checked once, and damaged afterwards
    with sqlite3.connect(next((tmp_path / "store").glob("index-*.sqlite"))) as connection:
        (name,) = connection.execute("SELECT name FROM files WHERE reference = ?", hurt.groups).fetchone()
        if damage == "a record":
            connection.execute("UPDATE records SET entry = zeroblob(200) WHERE reference = ?", hurt.groups)
        elif damage == "a trace":
            connection.execute("UPDATE traces SET entry = zeroblob(200) WHERE key = 'clean-1'")
    connection.close()
    (file,) = (path for path in files(tmp_path) if path.name == name)
    if damage == "a file":
        content = bytearray(file.read_bytes())
        content[1_000] ^= 1
        file.write_bytes(content)
    elif damage == "a lost file":
        file.unlink()
    found = store.keeping.verify()
    assert [(task, key) for task, key, _ in found.broken] == [("clean", "clean-1")]
    assert tasks(store) == ["fit"]
    assert store.keeping.verify().broken == ()


def test_a_kernel_that_opens_a_new_folder_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    first, second = disk(tmp_path), disk(tmp_path)
    first.put(trace("a"))
    second.put(trace("b"))
    assert disk(tmp_path).traces_of(["a", "b"]).keys() == {"a", "b"}
