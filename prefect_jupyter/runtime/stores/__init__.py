"""Where traces and values are kept between kernels.

A store is a file here and a line in the registry.
"""

from __future__ import annotations

from collections.abc import Callable

from .disk import DiskStore
from .folders import secret_path, store_folder
from .memory import MemoryStore
from .store import Entry, Freed, Notice, Store

__all__ = [
    "STORES",
    "DiskStore",
    "Entry",
    "Freed",
    "MemoryStore",
    "Notice",
    "Store",
    "open_store",
    "store_folder",
]


def _open_disk(notice: Notice, team_key: Callable[[], str]) -> Store:
    return DiskStore(store_folder(), secret_path(), notice, team_key=team_key)


def _open_memory(_notice: Notice, _team_key: Callable[[], str]) -> Store:
    return MemoryStore()


STORES: dict[str, Callable[[Notice, Callable[[], str]], Store]] = {"disk": _open_disk, "memory": _open_memory}


def open_store(name: str, notice: Notice, team_key: Callable[[], str] = str) -> Store:
    """The store of this name, where a user's store belongs. `notice` is told, in one line each, what went wrong.

    `team_key` is asked for the file of a shared key when the store is opened, and answers "" where there is none.
    """
    if name not in STORES:
        raise ValueError(f"there is no store `{name}`: choose one of {', '.join(STORES)}")
    return STORES[name](notice, team_key)
