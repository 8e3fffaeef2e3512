"""What every store does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prefect_jupyter.core.rebuilder import FileStamp
from prefect_jupyter.runtime.pickles import dump
from prefect_jupyter.runtime.stores import STORES, MemoryStore, Store, open_store
from prefect_jupyter.runtime.stores.references import reference_of
from prefect_jupyter.runtime.stores.store import VARIANTS_MAX

from .entries import Said, disk, large, loaded, same, small, trace

Open = Callable[[], Store]


@pytest.fixture(params=["disk", "memory", "reopened"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Gives the store as it is to be read: `reopened` opens the same folder anew each time."""
    if request.param == "memory":
        kept: Store = MemoryStore()
        return lambda: kept
    if request.param == "disk":
        kept = disk(tmp_path)
        return lambda: kept
    return lambda: disk(tmp_path)


def test_a_trace_comes_back_as_it_was(store: Open) -> None:
    store().put(trace())
    assert store().traces("k1") == [trace()]
    assert store().traces("k2") == []


def test_the_order_of_mappings_is_kept(store: Open) -> None:
    store().put(trace())
    assert list(store().traces("k1")[0].inputs) == ["b", "a"]


def test_traces_with_other_discovered_inputs_stand_beside_each_other_newest_first(store: Open) -> None:
    variants = [trace(ambient_in={"random": str(number)}) for number in range(3)]
    variants.append(trace(files_in={"/in": FileStamp(size=1, mtime_ns=2, digest="other")}))
    for each in variants:
        store().put(each)
    assert store().traces("k1") == variants[::-1]


def test_a_trace_with_the_same_discovered_inputs_replaces_the_older(store: Open) -> None:
    store().put(trace(ambient_in={"a": "1"}))
    store().put(trace(ambient_in={"a": "2"}))
    store().put(trace(ambient_in={"a": "1"}, duration_s=9.0))
    assert [(each.ambient_in["a"], each.duration_s) for each in store().traces("k1")] == [("1", 9.0), ("2", 0.25)]


def test_the_oldest_variants_are_dropped(store: Open) -> None:
    for number in range(VARIANTS_MAX + 3):
        store().put(trace(ambient_in={"a": str(number)}))
    assert [int(each.ambient_in["a"]) for each in store().traces("k1")] == list(range(VARIANTS_MAX + 2, 2, -1))


def test_many_keys_are_looked_up_at_once(store: Open) -> None:
    for number in range(1_100):
        store().put(trace(str(number)))
    found = store().traces_of([*map(str, range(1_100)), "missing", "7"])
    assert len(found) == 1_100
    assert found["7"] == [trace("7")]


def test_a_forgotten_key_has_no_trace(store: Open) -> None:
    store().put(trace("a"))
    store().put(trace("b"))
    store().forget("a")
    assert (store().traces("a"), len(store().traces("b"))) == ([], 1)


@pytest.mark.parametrize("make", [small, large])
def test_a_value_comes_back_byte_for_byte(store: Open, make: Callable[[], object]) -> None:
    pickled = make()
    reference = store().put_value(pickled, None)  # type: ignore[arg-type]
    assert same(store().value(reference), pickled)  # type: ignore[arg-type]
    assert store().has(reference)
    assert store().value(reference[::-1]) is None
    assert not store().has(reference[::-1])


def test_the_reference_of_bytes_is_that_of_the_bytes(store: Open) -> None:
    first, again, other = (store().put_value(large(seed), None) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert set(first) <= set("0123456789abcdef")


def test_with_a_fingerprint_equal_content_is_kept_once(store: Open) -> None:
    reference = store().put_value(small(), "print")
    assert reference == reference_of("print")
    assert store().put_value(dump({"x": 5}, {}), "print") == reference
    assert same(store().value(reference), small())


def test_a_loaded_value_may_be_changed_and_the_next_one_is_as_before(store: Open) -> None:
    arrays = {"a": np.arange(300_000), "b": np.arange(3)}
    reference = store().put_value(dump(arrays, {}), None)
    back = loaded(store().value(reference))
    back["a"][:] = 0  # type: ignore[index]
    back["b"][:] = 0  # type: ignore[index]
    again = loaded(store().value(reference))
    assert again["a"].sum() == arrays["a"].sum()  # type: ignore[index]
    assert again["b"].tolist() == [0, 1, 2]  # type: ignore[index]


def test_a_value_does_not_follow_what_was_stored(store: Open) -> None:
    whole = np.zeros(300_000)
    reference = store().put_value(dump({"a": whole}, {}), None)
    whole[0] = 1
    assert loaded(store().value(reference))["a"][0] == 0  # type: ignore[index]


def test_notebooks_remember_their_own_tasks(store: Open) -> None:
    store().remember("n1", "clean", "k1")
    store().remember("n1", "clean", "k2")
    store().remember("n1", "fit", "k3")
    store().remember("n2", "clean", "k4")
    assert store().recall("n1") == {"clean": "k2", "fit": "k3"}
    assert store().recall("n3") == {}


def test_size_counts_values(store: Open) -> None:
    before = store().size()
    store().put_value(large(), None)
    assert store().size() - before == large().size_bytes


def test_a_closed_store_opens_again(store: Open) -> None:
    opened = store()
    opened.put(trace())
    opened.flush()
    opened.close()
    opened.put(trace("k2"))
    assert opened.traces("k1") == [trace()]


def test_threads_may_use_it_at_once(store: Open) -> None:
    shared = store()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                shared.put(trace(f"{number}-{turn}"))
                reference = shared.put_value(dump({"x": [number, turn]}, {}), None)
                assert loaded(shared.value(reference)) == {"x": [number, turn]}
                assert shared.traces(f"{number}-{turn}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_registry_opens_a_users_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_JUPYTER_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    said = Said()
    for name in STORES:
        opened = open_store(name, said)
        opened.put(trace())
        assert opened.traces("k1") == [trace()]
        opened.close()
    assert said == []
    assert list((tmp_path / "chosen").glob("index-*.sqlite"))
    with pytest.raises(ValueError, match="choose one of disk, memory"):
        open_store("cloud", said)


def test_many_references_are_asked_for_at_once(store: Open) -> None:
    kept = [store().put_value(dump({"n": number}, {}), None) for number in range(600)]
    assert store().present([*kept, "missing"]) == set(kept)
    assert store().present([]) == set()
