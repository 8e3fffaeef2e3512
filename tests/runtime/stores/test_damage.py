"""Nothing that was changed on disk is ever used, and everything heals."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_jupyter.runtime.pickles import Pickle
from prefect_jupyter.runtime.stores.blobs import Blobs
from prefect_jupyter.runtime.stores.disk import DiskStore
from prefect_jupyter.runtime.stores.filesystem import FileSystem
from prefect_jupyter.runtime.stores.seal import Broken, Seal

from .entries import Said, disk, large, same, small, trace


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def store(tmp_path: Path, said: Said) -> Iterator[DiskStore]:
    opened = disk(tmp_path, said)
    yield opened
    opened.close()


def rewrite(folder: Path, table: str, entry: bytes) -> None:
    with sqlite3.connect(next((folder / "store").glob("index-*.sqlite"))) as connection:
        connection.execute(f"UPDATE {table} SET entry = ?", (entry,))
    connection.close()


def entry_of(folder: Path, table: str) -> bytes:
    connection = sqlite3.connect(next((folder / "store").glob("index-*.sqlite")))
    ((entry,),) = connection.execute(f"SELECT entry FROM {table}").fetchall()
    connection.close()
    return bytes(entry)


def flipped(entry: bytes) -> Iterator[bytes]:
    for position in range(len(entry)):
        for bit in range(8):
            yield entry[:position] + bytes([entry[position] ^ 1 << bit]) + entry[position + 1 :]


def test_every_flipped_bit_and_every_cut_of_an_entry_is_found() -> None:
    seal = Seal(b"secret")
    entry = seal.close("address", b"some content")
    assert bytes(seal.open("address", entry)) == b"some content"
    for damaged in [*flipped(entry), *[entry[:length] for length in range(len(entry))], entry + b"\0"]:
        with pytest.raises(Broken):
            seal.open("address", damaged)


def test_an_entry_is_of_no_use_at_another_address_or_with_another_secret() -> None:
    entry = Seal(b"secret").close("value a", b"content")
    for seal, address in ((Seal(b"secret"), "value b"), (Seal(b"other"), "value a")):
        with pytest.raises(Broken):
            seal.open(address, entry)


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_damaged_value_is_a_miss_and_heals(store: DiskStore, tmp_path: Path, said: Said, which: str) -> None:
    reference = store.put_value(small(), None)
    entry = entry_of(tmp_path, "records")
    at = {"first": 0, "middle": len(entry) // 2, "last": len(entry) - 1}[which]
    for bit in range(8):
        rewrite(tmp_path, "records", entry[:at] + bytes([entry[at] ^ 1 << bit]) + entry[at + 1 :])
        assert store.value(reference) is None
        assert not store.has(reference)
        assert store.put_value(small(), None) == reference
        assert same(store.value(reference), small())
    assert len(said) == 1


def test_a_damaged_trace_is_a_miss_and_heals(store: DiskStore, tmp_path: Path, said: Said) -> None:
    store.put(trace())
    entry = entry_of(tmp_path, "traces")
    for damaged in (entry[:-1], entry[:5], b"", entry[:40] + b"\0" + entry[41:]):
        rewrite(tmp_path, "traces", damaged)
        assert store.traces("k1") == []
        store.put(trace())
        assert store.traces("k1") == [trace()]
    assert len(said) == 1


def test_every_bit_and_every_length_of_a_small_entry_through_the_store(store: DiskStore, tmp_path: Path) -> None:
    """Through the file: a wrong value is never given."""
    pickled = Pickle(b"x")
    reference = store.put_value(pickled, None)
    entry = entry_of(tmp_path, "records")
    connection = sqlite3.connect(next((tmp_path / "store").glob("index-*.sqlite")), isolation_level=None)
    for damaged in [*flipped(entry), *[entry[:length] for length in range(len(entry))]]:
        connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, 1)", (reference, damaged))
        assert store.value(reference) is None
    connection.close()


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "store" / "values").rglob("*") if path.is_file())


def flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def test_every_one_of_a_thousand_random_bits_in_large_files_is_found(tmp_path: Path) -> None:
    chance = random.Random(1)
    disk(tmp_path).put_value(large(), None)
    files = files_of(tmp_path)
    blobs = Blobs(files[0].parents[1], FileSystem())
    assert len(files) == 3
    for _ in range(1_000):
        path = chance.choice(files)
        size = path.stat().st_size
        at, bit = chance.randrange(size), chance.randrange(8)
        flip(path, at, bit)
        with pytest.raises(Broken):
            blobs.get(path.name, size, is_stream=len(path.name) == 64, afresh=True)
        flip(path, at, bit)
    for path in files:
        blobs.get(path.name, path.stat().st_size, is_stream=len(path.name) == 64, afresh=True)


def test_a_large_value_with_a_flipped_bit_is_a_miss_for_a_new_process_and_heals(tmp_path: Path) -> None:
    chance = random.Random(2)
    reference = disk(tmp_path).put_value(large(), None)
    for path in files_of(tmp_path) * 5:
        flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
        fresh = disk(tmp_path)
        assert fresh.value(reference) is None
        assert not fresh.has(reference)
        fresh.put_value(large(), None)
        assert same(fresh.value(reference), large())
        fresh.close()


@pytest.mark.parametrize("length", [0, 1, 1_000, -1])
def test_a_cut_file_is_found_also_when_it_was_good_before(store: DiskStore, tmp_path: Path, length: int) -> None:
    reference = store.put_value(large(), None)
    for path in files_of(tmp_path):
        assert same(store.value(reference), large())
        path.write_bytes(path.read_bytes()[:length])
        assert store.value(reference) is None
        store.put_value(large(), None)
    assert same(store.value(reference), large())


def test_a_lost_file_is_a_miss_and_heals(store: DiskStore, tmp_path: Path) -> None:
    reference = store.put_value(large(), None)
    files_of(tmp_path)[0].unlink()
    assert store.value(reference) is None
    store.put_value(large(), None)
    assert same(store.value(reference), large())


def test_a_malicious_pickle_never_runs(store: DiskStore, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Canary:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (canary,))

    evil = pickle.dumps(Canary())
    reference = store.put_value(large(), None)
    stream = next(path for path in files_of(tmp_path) if path.read_bytes()[:1] == b"s")
    stream.write_bytes(evil.ljust(len(large().stream), b"."))
    assert store.value(reference) is None
    small_reference = store.put_value(small(), None)
    rewrite(tmp_path, "records", evil)
    assert store.value(small_reference) is None
    rewrite(tmp_path, "records", Seal(b"guessed").close(f"value {small_reference}", evil))
    assert store.value(small_reference) is None
    assert not canary.exists()


def test_entries_of_another_user_or_python_are_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = disk(tmp_path)
    store.put(trace())
    reference = store.put_value(small(), None)
    store.close()
    secret = tmp_path / "home" / "secret"
    mine = secret.read_bytes()
    secret.write_bytes(b"0" * 32)
    other = disk(tmp_path)
    assert (other.traces("k1"), other.value(reference)) == ([], None)
    other.put(trace())
    other.put_value(small(), None)
    other.close()
    monkeypatch.setattr("prefect_jupyter.runtime.stores.seal._OURS", b"PJ\x01\x03\x63")
    newer = disk(tmp_path)
    assert (newer.traces("k1"), newer.value(reference)) == ([], None)
    newer.close()
    assert mine != b"0" * 32


@pytest.mark.skipif(os.name != "posix", reason="files have no modes here")
def test_folder_and_secret_are_private(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.put_value(large(), None)
    store.close()
    for path in [tmp_path / "store", tmp_path / "home" / "secret", *(tmp_path / "store").rglob("*")]:
        assert path.is_dir() or stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or "index" in path.name
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert not list((tmp_path / "store").rglob("secret*"))


@pytest.mark.parametrize("garbage", [b"not a database at all " * 400, b"\0" * 8_192])
def test_a_damaged_index_is_moved_aside_and_starts_anew(tmp_path: Path, said: Said, garbage: bytes) -> None:
    store = disk(tmp_path)
    store.put(trace())
    store.close()
    index = next((tmp_path / "store").glob("index-*.sqlite"))
    index.write_bytes(garbage)
    fresh = disk(tmp_path, said)
    assert fresh.traces("k1") == []
    fresh.put(trace())
    assert fresh.traces("k1") == [trace()]
    fresh.close()
    assert list((tmp_path / "store").glob("damaged-*"))
    assert len(said) == 1


def test_random_damage_to_the_index_never_gives_a_wrong_trace(tmp_path: Path) -> None:
    store = disk(tmp_path)
    for number in range(50):
        store.put(trace(str(number)))
    store.close()
    index = next((tmp_path / "store").glob("index-*.sqlite"))
    good = index.read_bytes()
    chance = random.Random(sys.maxsize)
    for _ in range(60):
        damaged = bytearray(good)
        for _ in range(5):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        for leftover in (tmp_path / "store").glob("*index*"):
            leftover.unlink()
        index.write_bytes(damaged)
        fresh = disk(tmp_path)
        for key, traces in fresh.traces_of(map(str, range(50))).items():
            assert traces == [trace(key)]
        fresh.put(trace("new"))
        assert fresh.traces("new") == [trace("new")]
        fresh.close()
