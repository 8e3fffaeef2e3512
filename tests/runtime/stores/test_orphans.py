"""What nothing leads to is removed in time, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from prefect_jupyter.runtime.stores import disk as disk_module

from .entries import Said, disk, large, same, small, trace

HOUR = 3_600.0


def files_of(folder: Path) -> set[Path]:
    return {path for path in (folder / "store" / "values").rglob("*") if path.is_file()}


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_drafts_and_files_without_a_record_go_when_they_are_old(tmp_path: Path) -> None:
    store = disk(tmp_path)
    reference = store.put_value(large(), None)
    kept = files_of(tmp_path)
    folder = next(iter(kept)).parent
    young, old, draft = folder / ("a" * 32), folder / ("b" * 32), folder / "draft-1-2"
    for path in (young, old, draft):
        path.write_bytes(b"left behind")
    for path in (old, draft, *kept):
        age(path, 2 * HOUR)
    store.tidy()
    assert files_of(tmp_path) == {*kept, young}
    assert same(store.value(reference), large())
    store.close()


def test_a_record_whose_file_is_gone_goes_too(tmp_path: Path) -> None:
    said = Said()
    store = disk(tmp_path, said)
    whole = store.put_value(small(), None)
    broken = store.put_value(large(), None)
    next(iter(files_of(tmp_path))).unlink()
    store.tidy()
    assert (store.has(whole), store.has(broken)) == (True, False)
    assert said == []
    store.close()


def test_a_file_that_is_needed_again_is_young_again(tmp_path: Path) -> None:
    """Otherwise somebody else may sweep it before its new record is there."""
    store = disk(tmp_path)
    store.put_value(large(), "one")
    for path in files_of(tmp_path):
        age(path, 2 * HOUR)
    store.put_value(large(), "two")
    assert all(path.stat().st_mtime > time.time() - HOUR for path in files_of(tmp_path))
    store.close()


def test_leftovers_go_once_a_day_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400.0
    store = disk(tmp_path)
    store.put(trace("a"))
    orphan = tmp_path / "store" / "values" / next((tmp_path / "store").glob("index-*")).name.split("-")[2][:12] / "aa"
    orphan.mkdir(parents=True)
    (orphan / "draft-1-2").write_bytes(b"left behind")
    store.close()
    start = time.time()
    for later_s, is_there in ((start + day / 2, True), (start + day * 1.5, False)):
        monkeypatch.setattr(disk_module.time, "time", lambda now=later_s: now)
        later = disk(tmp_path)
        later.put(trace("a"))
        later.close()
        assert (orphan / "draft-1-2").exists() == is_there


def test_what_another_key_wrote_stays_while_it_is_used_and_goes_when_it_is_abandoned(tmp_path: Path) -> None:
    mine, theirs = disk(tmp_path), None
    mine.put_value(large(), None)
    secret = tmp_path / "home" / "secret"
    secret.rename(secret.with_name("mine"))
    said = Said()
    theirs = disk(tmp_path, said)
    reference = theirs.put_value(large(1), None)
    theirs.tidy()
    assert mine.value(mine.put_value(large(), None)) is not None
    assert len(files_of(tmp_path)) == 6
    mine.close()
    owner = mine_of(tmp_path, said)
    for path in (tmp_path / "store").glob(f"index-*{owner}*"):
        age(path, 100 * 24 * HOUR)
    theirs.tidy()
    assert not list((tmp_path / "store").glob(f"*{owner}*"))
    assert len(files_of(tmp_path)) == 3
    assert same(theirs.value(reference), large(1))
    theirs.close()


def mine_of(folder: Path, said: Said) -> str:
    """The name of the key that wrote first; the second one told of it."""
    assert len(said) == 1
    assert "another key" in said[0]
    assert "Flow.cache_key_file" in said[0]
    oldest = min((folder / "store" / "values").iterdir(), key=lambda path: path.stat().st_ctime_ns)
    return oldest.name
