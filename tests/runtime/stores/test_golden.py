"""Stores that older versions wrote, or another Python: each entry is what it was, or a clean miss."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from prefect_jupyter.runtime.stores.references import reference_of

from .entries import Said, disk, loaded
from .golden.build import FOLDER, LAYOUT, PYTHON, kept_trace, pickles, values

ARCHIVES = sorted(FOLDER.glob("*.zip"))


def plain(values: object) -> dict[str, object]:
    assert isinstance(values, dict)
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in values.items()}


def unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    (folder / "home" / "secret").chmod(0o600)
    return folder


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_a_kept_store_gives_what_it_was_given_or_nothing_and_says_nothing(archive: Path, tmp_path: Path) -> None:
    said = Said()
    store = disk(unpacked(archive, tmp_path), said)
    is_ours = archive.stem == f"{LAYOUT}-python-{PYTHON}"
    assert store.traces("golden") in ([[kept_trace()]] if is_ours else [[kept_trace()], []])
    for fingerprint, names in values().items():
        found = store.value(reference_of(fingerprint))
        assert found is not None or not is_ours
        if found is not None:
            assert plain(loaded(found)) == plain(names)
    for fingerprint, pickled in pickles().items():
        assert store.value(store.put_value(pickled, fingerprint)) is not None
    store.put(kept_trace())
    assert store.traces("golden") == [kept_trace()]
    store.close()
    assert said == []


def test_a_store_of_the_present_layout_is_kept() -> None:
    """If this fails, the layout has changed: build one more, and leave the others."""
    assert any(archive.stem.startswith(f"{LAYOUT}-") for archive in ARCHIVES)
