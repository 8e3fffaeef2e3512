"""Where traces and values are kept between kernels.

A store is a file here and a line in the registry.
"""

from __future__ import annotations

from collections.abc import Callable

from .disk import DiskStore
from .folders import secret_path, store_folder
from .memory import MemoryStore
from .store import Notice, Store

__all__ = ["STORES", "DiskStore", "MemoryStore", "Notice", "Store", "open_store"]


def _open_disk(notice: Notice) -> Store:
    return DiskStore(store_folder(), secret_path(), notice)


def _open_memory(_notice: Notice) -> Store:
    return MemoryStore()


STORES: dict[str, Callable[[Notice], Store]] = {"disk": _open_disk, "memory": _open_memory}


def open_store(name: str, notice: Notice) -> Store:
    """The store of this name, where a user's store belongs. `notice` is told, in one line each, what went wrong."""
    if name not in STORES:
        raise ValueError(f"there is no store `{name}`: choose one of {', '.join(STORES)}")
    return STORES[name](notice)
