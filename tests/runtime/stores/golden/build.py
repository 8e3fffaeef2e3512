"""Builds a store as this version writes it, to be kept: `python -m tests.runtime.stores.golden.build`.

Run it when the format of entries or of the index changes, and leave the older files where they are.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from prefect_jupyter.core.rebuilder import Trace
from prefect_jupyter.runtime.pickles import Pickle, dump
from prefect_jupyter.runtime.stores.index import _SCHEMA_VERSION
from prefect_jupyter.runtime.stores.seal import FORMAT

from ..entries import disk, trace

FOLDER = Path(__file__).parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LAYOUT = f"format-{FORMAT}.{_SCHEMA_VERSION}"


def values() -> dict[str, dict[str, Any]]:
    """What is in every golden store, by fingerprint: small, and large with memory of its own."""
    import numpy as np

    return {
        "plain": {"x": {"a": [1, 2.5, None], "b": "é"}, "y": frozenset({1})},
        "text": {"text": "line\n" * 20_000},
        "arrays": {
            "whole": np.tile(np.arange(100), 2_000),
            "strings": np.array(["a", "b"]),
            "dates": np.array(["2020"], "M8[D]"),
        },
    }


def pickles() -> dict[str, Pickle]:
    return {fingerprint: dump(value, {}) for fingerprint, value in values().items()}


def kept_trace() -> Trace:
    return trace("golden", groups=("r1", "r2"), started_s=1.5e9)


def build(folder: Path) -> None:
    store = disk(folder)
    store.put(kept_trace())
    for fingerprint, pickled in pickles().items():
        store.put_value(pickled, fingerprint)
    store.remember("notebook", "task", "golden")
    store.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        with zipfile.ZipFile(FOLDER / f"{LAYOUT}-python-{PYTHON}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(name).rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(name))


if __name__ == "__main__":
    main()
