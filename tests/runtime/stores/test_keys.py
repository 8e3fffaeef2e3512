"""A cache is used by those who have its key, and others are told so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from prefect_jupyter.runtime.stores.disk import DiskStore

from .entries import Said, disk, same, small, trace


def filled(folder: Path) -> str:
    store = disk(folder)
    store.put(trace())
    reference = store.put_value(small(), None)
    store.close()
    return reference


def test_a_cache_from_another_machine_is_empty_and_it_is_said_once(tmp_path: Path) -> None:
    reference = filled(tmp_path / "there")
    shutil.copytree(tmp_path / "there" / "store", tmp_path / "here" / "store")
    said = Said()
    for _ in range(2):
        store = disk(tmp_path / "here", said)
        assert (store.traces("k1"), store.value(reference)) == ([], None)
        store.close()
    assert len(said) == 1
    assert str(tmp_path / "here" / "store") in said[0]
    assert "another machine" in said[0]
    assert "Flow.cache_key_file" in said[0]
    there = disk(tmp_path / "there")
    assert there.traces("k1") == [trace()], "the one who wrote them has them still"
    there.close()


def team_key(folder: Path) -> Path:
    key = folder / "team.key"
    key.write_bytes(b"0123456789abcdef" * 4 + b"\n")
    key.chmod(0o600)
    return key


def shared(folder: Path, key: object, said: Said | None = None) -> DiskStore:
    told = Said() if said is None else said
    return DiskStore(folder / "store", folder / "home" / "secret", told, team_key=lambda: str(key))


def test_with_one_key_a_copied_cache_is_everybodys(tmp_path: Path) -> None:
    key = team_key(tmp_path)
    store = shared(tmp_path / "there", key)
    store.put(trace())
    reference = store.put_value(small(), None)
    store.close()
    shutil.copytree(tmp_path / "there" / "store", tmp_path / "here" / "store")
    said = Said()
    store = shared(tmp_path / "here", key, said)
    assert store.traces("k1") == [trace()]
    assert same(store.value(reference), small())
    store.close()
    assert said == []
    assert not (tmp_path / "here" / "home").exists(), "no other secret was made"


def test_the_key_may_be_named_later(tmp_path: Path) -> None:
    chosen: list[str] = [""]
    store = DiskStore(tmp_path / "store", tmp_path / "secret", Said(), team_key=lambda: chosen[0])
    store.put(trace("mine"))
    chosen[0] = str(team_key(tmp_path))
    store.close()
    assert store.traces("mine") == []
    store.put(trace("ours"))
    chosen[0] = ""
    store.close()
    assert (store.traces("mine"), store.traces("ours")) == ([trace("mine")], [])
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="files have no modes here")
@pytest.mark.parametrize(
    ("spoil", "cure"),
    [
        (lambda key: key.unlink(), "No such file"),
        (lambda key: key.chmod(0o640), "chmod 600"),
        (lambda key: key.write_bytes(b"short"), "openssl rand"),
    ],
)
def test_a_key_that_cannot_be_trusted_leaves_results_in_memory(tmp_path: Path, spoil: object, cure: str) -> None:
    key = team_key(tmp_path)
    spoil(key)  # type: ignore[operator]
    said = Said()
    store = shared(tmp_path, key, said)
    store.put(trace())
    assert store.traces("k1") == [trace()]
    store.close()
    assert len(said) == 1
    assert cure in said[0]
    assert str(key) in said[0]
    assert list(tmp_path.glob("store/*")) == []


def test_a_key_inside_the_cache_vouches_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    said = Said()
    store = shared(tmp_path, team_key(tmp_path / "store"), said)
    assert store.traces("k1") == []
    store.close()
    assert len(said) == 1
    assert "keep it elsewhere" in said[0]
