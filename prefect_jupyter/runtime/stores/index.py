"""One SQLite file with the traces, the records of values, and what each notebook ran last.

It keeps bytes that others have sealed; it must not read them, nor survive damage by guessing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .filesystem import FileSystem
from .store import VARIANTS_MAX

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS traces (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, variant TEXT NOT NULL, entry BLOB NOT NULL, UNIQUE (key, variant)
);
CREATE TABLE IF NOT EXISTS records (
    reference TEXT PRIMARY KEY, entry BLOB NOT NULL, size_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    reference TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (reference, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_name ON files (name);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last (
    notebook TEXT NOT NULL, task TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (notebook, task)
) WITHOUT ROWID;
"""
_KEYS_A_QUERY = 500
_DROP_OLD_VARIANTS = (
    "DELETE FROM traces WHERE key = ?"
    " AND number NOT IN (SELECT number FROM traces WHERE key = ? ORDER BY number DESC LIMIT ?)"
)


class Index:
    """Raises sqlite3.Error and OSError. Usable from several threads, processes, and after a fork.

    In the write-ahead log a commit is not synced: a crash of the machine may lose the last entries, never
    tear one, and a crash of a process loses nothing.
    """

    def __init__(self, path: Path, files: FileSystem, journal: str) -> None:
        self._path = path
        self._files = files
        self._journal = journal
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        # Connections of a parent process: closing them here would release the parent's locks.
        self._inherited: list[sqlite3.Connection] = []

    def traces(self, keys: Sequence[str]) -> list[tuple[str, str, bytes]]:
        """(key, variant, entry), the newest of each key first."""
        rows: list[tuple[str, str, bytes]] = []
        for start in range(0, len(keys), _KEYS_A_QUERY):
            some = keys[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, variant, entry FROM traces WHERE key IN ({marks}) ORDER BY number DESC"
            rows += self._all(query, tuple(some))
        return rows

    def put_trace(self, key: str, variant: str, entry: bytes) -> None:
        self._change(
            ("INSERT OR REPLACE INTO traces (key, variant, entry) VALUES (?, ?, ?)", (key, variant, entry)),
            (
                _DROP_OLD_VARIANTS,
                (key, key, VARIANTS_MAX),
            ),
        )

    def drop_trace(self, key: str, variant: str) -> None:
        self._change(("DELETE FROM traces WHERE key = ? AND variant = ?", (key, variant)))

    def drop_traces(self, key: str) -> None:
        self._change(("DELETE FROM traces WHERE key = ?", (key,)))

    def record(self, reference: str) -> bytes | None:
        rows = self._all("SELECT entry FROM records WHERE reference = ?", (reference,))
        return bytes(rows[0][0]) if rows else None

    def has_record(self, reference: str) -> bool:
        return bool(self._all("SELECT 1 FROM records WHERE reference = ?", (reference,)))

    def records_present(self, references: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(references), _KEYS_A_QUERY):
            some = references[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            rows = self._all(f"SELECT reference FROM records WHERE reference IN ({marks})", tuple(some))
            found.update(reference for (reference,) in rows)
        return found

    def put_record(self, reference: str, entry: bytes, size_bytes: int, files: Iterable[str] = ()) -> None:
        """`files` are the names of the files that the record needs."""
        self._change(
            ("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (reference, entry, size_bytes)),
            *[("INSERT OR IGNORE INTO files VALUES (?, ?)", (reference, name)) for name in files],
        )

    def drop_record(self, reference: str) -> None:
        self._change(
            ("DELETE FROM records WHERE reference = ?", (reference,)),
            ("DELETE FROM files WHERE reference = ?", (reference,)),
        )

    def needed_files(self) -> dict[str, list[str]]:
        """The files that records need, by name, each with the references of those records."""
        needed: dict[str, list[str]] = {}
        for name, reference in self._all("SELECT name, reference FROM files", ()):
            needed.setdefault(name, []).append(reference)
        return needed

    def remember(self, notebook: str, task: str, key: str) -> None:
        self._change(("INSERT OR REPLACE INTO last VALUES (?, ?, ?)", (notebook, task, key)))

    def recall(self, notebook: str) -> dict[str, str]:
        return dict(self._all("SELECT task, key FROM last WHERE notebook = ?", (notebook,)))

    def fact(self, name: str) -> str:
        """Something about the index as a whole, "" when nobody has noted it."""
        rows = self._all("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def note_fact(self, name: str, value: str) -> None:
        self._change(("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value)))

    def size_bytes(self) -> int:
        ((total,),) = self._all("SELECT coalesce(sum(size_bytes), 0) FROM records", ())
        return int(total)

    def flush(self) -> None:
        with self._lock:
            self._open().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def move_aside(self) -> None:
        """Put a damaged file out of the way, under a name that nothing reads."""
        with self._lock:
            self.close()
            for suffix in ("", "-wal", "-shm"):
                path = self._path.with_name(self._path.name + suffix)
                if path.exists():
                    self._files.rename(path, path.with_name(f"damaged-{path.name}"))

    def _all(self, query: str, values: Iterable[Any]) -> list[Any]:
        with self._lock:
            return self._open().execute(query, tuple(values)).fetchall()

    def _change(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    connection.execute(statement, values)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        if self._connection is not None:
            self._inherited.append(self._connection)
            self._connection = None
        connection = self._files.connect(self._path)
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute(f"PRAGMA journal_mode = {self._journal}")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA_VERSION:
                connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};COMMIT;")
        except BaseException:
            connection.close()
            raise
        self._connection, self._owner = connection, os.getpid()
        return connection
