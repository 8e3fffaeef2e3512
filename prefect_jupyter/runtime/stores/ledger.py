"""What is known of each result without opening it: size, age, use, whose it is; and who is using the cache now.

It must not decide what goes. None of it is sealed: who changes it can make the cache forget, never lie.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ...core.eviction import Kept
from .index import Index
from .store import Id

# A kernel on another machine cannot be asked whether it lives; it says so itself now and then.
LEASE_S = 26 * 3600.0
BEAT_S = 3600.0
_AT_ONCE = 200


class Row(NamedTuple):
    key: str
    variant: str
    own_bytes: int
    made_s: float
    saves_s: float
    used_s: float
    uses: int
    notebook: str
    task: str


class Ledger:
    """Raises sqlite3.Error and OSError."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._host = socket.gethostname()
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"

    # Leases

    def hold(self, notebook: str, now_s: float) -> None:
        """This kernel has the notebook open: what its last run used is in use."""
        lease = (self._holder, notebook, self._host, os.getpid(), now_s)
        self._index.change(("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", lease))

    def release(self) -> None:
        self._index.change(("DELETE FROM leases WHERE holder = ?", (self._holder,)))

    def open_notebooks(self, now_s: float) -> set[str]:
        """The notebooks of kernels that live; leases of others are removed."""
        live: set[str] = set()
        for holder, notebook, host, pid, beat_s in self._index.all("SELECT * FROM leases"):
            if _lives(host == self._host, pid, now_s - beat_s):
                live.add(notebook)
            else:
                self._index.change(("DELETE FROM leases WHERE holder = ?", (holder,)))
        return live

    # Results

    def rows(self) -> list[Row]:
        query = "SELECT key, variant, own_bytes, made_s, saves_s, used_s, uses, notebook, task FROM results"
        return [Row(*row) for row in self._index.all(f"{query} ORDER BY used_s DESC")]

    def values(self) -> dict[Id, tuple[str, ...]]:
        """The references that each result needs."""
        found: dict[Id, list[str]] = {}
        for key, variant, reference in self._index.all("SELECT key, variant, reference FROM parts"):
            found.setdefault((key, variant), []).append(reference)
        return {id_: tuple(references) for id_, references in found.items()}

    def sizes(self) -> dict[str, int]:
        return dict(self._index.all("SELECT reference, size_bytes FROM sizes"))

    def total_bytes(self) -> int:
        ((values,),) = self._index.all("SELECT coalesce(sum(size_bytes), 0) FROM sizes")
        ((results,),) = self._index.all("SELECT coalesce(sum(own_bytes), 0) FROM results")
        return int(values + results)

    def in_use(self, now_s: float) -> set[str]:
        """The keys that the last runs of open notebooks used."""
        live = self.open_notebooks(now_s)
        return {key for notebook, key in self._index.all("SELECT notebook, key FROM last") if notebook in live}

    def decided(self, *, pinned: bool = False) -> set[str]:
        """The keys of results that a person's decision is about, or only of those that are pinned."""
        query = "SELECT DISTINCT key FROM decisions" + (" WHERE kind = 'pinned'" if pinned else "")
        return {key for (key,) in self._index.all(query)}

    def remove_old_decisions(self, before_s: float, open_notebooks: Collection[str]) -> None:
        """What was decided, and not used since, in notebooks that may be gone: its values would stay for ever."""
        query = (
            "SELECT notebook, task FROM decisions WHERE at_s < ?"
            " AND NOT EXISTS (SELECT 1 FROM results WHERE results.key = decisions.key AND used_s >= ?)"
        )
        for notebook, task in self._index.all(query, (before_s, before_s)):
            if notebook not in open_notebooks:
                self._index.undecide(notebook, task)

    def has_unused_since(self, before_s: float) -> bool:
        return bool(self._index.all("SELECT 1 FROM results WHERE used_s < ? LIMIT 1", (before_s,)))

    def kept(self, now_s: float) -> list[Kept]:
        """Every result, as eviction sees it."""
        values, held = self.values(), self.in_use(now_s) | self.decided()
        return [
            Kept(
                id=(row.key, row.variant), own_bytes=row.own_bytes, values=values.get((row.key, row.variant), ()),
                saves_s=row.saves_s, used_s=row.used_s, is_held=row.key in held,
            )
            for row in self.rows()
        ]  # fmt: skip

    def used(self, uses: Mapping[str, int], now_s: float) -> None:
        query = "UPDATE results SET uses = uses + ?, used_s = max(used_s, ?) WHERE key = ?"
        self._index.change(*((query, (count, now_s, key)) for key, count in uses.items()))

    def remove(self, ids: Collection[Id]) -> set[str]:
        """Remove results and the values that nothing else needs. Returns the files that may be without an owner."""
        files: set[str] = set()
        todo = list(ids)
        for start in range(0, len(todo), _AT_ONCE):
            with self._index.alone():
                for key, variant in todo[start : start + _AT_ONCE]:
                    files |= self._remove(key, variant)
        return files

    def _remove(self, key: str, variant: str) -> set[str]:
        chosen = " WHERE key = ? AND variant = ?"
        values = self._ask(f"SELECT reference FROM parts{chosen}", (key, variant))
        for table in ("traces", "results", "parts"):
            self._ask(f"DELETE FROM {table}{chosen}", (key, variant))
        lonely = [value for value in values if not self._ask("SELECT 1 FROM parts WHERE reference = ?", (value,))]
        return self._remove_values(lonely)

    def remove_value(self, reference: str) -> set[str]:
        with self._index.alone():
            return self._remove_values([reference])

    def _remove_values(self, values: Iterable[str]) -> set[str]:
        files: set[str] = set()
        for value in values:
            files.update(self._ask("SELECT name FROM files WHERE reference = ?", (value,)))
            for table in ("records", "sizes", "files"):
                self._ask(f"DELETE FROM {table} WHERE reference = ?", (value,))
        return files

    def remove_leftovers(self, before_s: float) -> tuple[int, set[str]]:
        """Values without a result, of kernels that ended in between: how many, and their files."""
        query = "SELECT reference FROM sizes WHERE made_s < ? AND reference NOT IN (SELECT reference FROM parts)"
        with self._index.alone():
            lonely = self._ask(query, (before_s,))
            self._ask("DELETE FROM last WHERE key NOT IN (SELECT key FROM traces)", ())
            return len(lonely), self._remove_values(lonely)

    def is_owned(self, file: str) -> bool:
        return bool(self._index.all("SELECT 1 FROM files WHERE name = ?", (file,)))

    def _ask(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        return [row[0] for row in self._index.all(query, values)]


def _lives(is_here: bool, pid: int, silent_s: float) -> bool:
    if not is_here or os.name != "posix":
        return silent_s < LEASE_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, and is somebody else's
        return True
    return True
