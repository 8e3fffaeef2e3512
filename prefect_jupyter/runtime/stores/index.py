"""One SQLite file with the traces, the records of values, and what each notebook ran last.

It keeps bytes that others have sealed; it must not read them, nor survive damage by guessing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .filesystem import FileSystem
from .store import VARIANTS_MAX

_SCHEMA_VERSION = 3
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
CREATE TABLE IF NOT EXISTS results (
    key TEXT NOT NULL, variant TEXT NOT NULL, own_bytes INTEGER NOT NULL, made_s REAL NOT NULL, saves_s REAL NOT NULL,
    used_s REAL NOT NULL, uses INTEGER NOT NULL DEFAULT 0, notebook TEXT NOT NULL DEFAULT '',
    task TEXT NOT NULL DEFAULT '', PRIMARY KEY (key, variant)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    key TEXT NOT NULL, variant TEXT NOT NULL, reference TEXT NOT NULL, PRIMARY KEY (key, variant, reference)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_by_reference ON parts (reference);
CREATE TABLE IF NOT EXISTS sizes (
    reference TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, made_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    holder TEXT NOT NULL, notebook TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, beat_s REAL NOT NULL,
    PRIMARY KEY (holder, notebook)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decisions (
    notebook TEXT NOT NULL, task TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, at_s REAL NOT NULL,
    entry BLOB NOT NULL, PRIMARY KEY (notebook, task)
) WITHOUT ROWID;
"""
# What an older index holds is not accounted for: it could never be given up.
_TABLES = ("traces", "records", "files", "facts", "last", "results", "parts", "sizes", "leases", "decisions")
# In the place of a key, for what needs values and is no result.
DECISION = "decision"
_KEYS_A_QUERY = 500
_DROP_OLD_VARIANTS = (
    "DELETE FROM traces WHERE key = ?"
    " AND number NOT IN (SELECT number FROM traces WHERE key = ? ORDER BY number DESC LIMIT ?)"
)
_DROP_WHAT_HAS_NO_TRACE = "DELETE FROM {} WHERE key = ? AND variant NOT IN (SELECT variant FROM traces WHERE key = ?)"
_PUT_RESULT = (
    "INSERT INTO results (key, variant, own_bytes, made_s, saves_s, used_s) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (key, variant) DO UPDATE SET own_bytes = excluded.own_bytes, made_s = excluded.made_s,"
    " saves_s = excluded.saves_s, used_s = excluded.used_s"
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
            rows += self.all(query, tuple(some))
        return rows

    def put_trace(
        self,
        key: str,
        variant: str,
        entry: bytes,
        *,
        values: Iterable[str],
        made_s: float,
        saves_s: float,
        now_s: float,
    ) -> None:
        """`values` are the references that it needs, `saves_s` what one use of it saves."""
        which = (key, variant)
        with self.alone():
            execute = self._open().execute
            execute("INSERT OR REPLACE INTO traces (key, variant, entry) VALUES (?, ?, ?)", (*which, entry))
            execute(_PUT_RESULT, (*which, len(entry), made_s, saves_s, now_s))
            execute("DELETE FROM parts WHERE key = ? AND variant = ?", which)
            for value in values:
                execute("INSERT OR IGNORE INTO parts VALUES (?, ?, ?)", (*which, value))
            if execute(_DROP_OLD_VARIANTS, (key, key, VARIANTS_MAX)).rowcount:
                for table in ("results", "parts"):
                    execute(_DROP_WHAT_HAS_NO_TRACE.format(table), (key, key))

    def drop_trace(self, key: str, variant: str) -> None:
        chosen = " WHERE key = ? AND variant = ?"
        self.change(*((f"DELETE FROM {table}{chosen}", (key, variant)) for table in ("traces", "results", "parts")))

    def drop_traces(self, key: str) -> None:
        self.change(*((f"DELETE FROM {table} WHERE key = ?", (key,)) for table in ("traces", "results", "parts")))

    def record(self, reference: str) -> bytes | None:
        rows = self.all("SELECT entry FROM records WHERE reference = ?", (reference,))
        return bytes(rows[0][0]) if rows else None

    def has_record(self, reference: str) -> bool:
        return bool(self.all("SELECT 1 FROM records WHERE reference = ?", (reference,)))

    def records_present(self, references: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(references), _KEYS_A_QUERY):
            some = references[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            rows = self.all(f"SELECT reference FROM records WHERE reference IN ({marks})", tuple(some))
            found.update(reference for (reference,) in rows)
        return found

    def put_record(self, reference: str, entry: bytes, size_bytes: int, files: Iterable[str], now_s: float) -> None:
        """`files` are the names of the files that the record needs."""
        self.change(
            ("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (reference, entry, size_bytes)),
            ("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", (reference, size_bytes, now_s)),
            *(("INSERT OR IGNORE INTO files VALUES (?, ?)", (reference, name)) for name in files),
        )

    def drop_record(self, reference: str) -> None:
        tables = ("records", "sizes", "files")
        self.change(*((f"DELETE FROM {table} WHERE reference = ?", (reference,)) for table in tables))

    def needed_files(self) -> dict[str, list[str]]:
        """The files that records need, by name, each with the references of those records."""
        needed: dict[str, list[str]] = {}
        for name, reference in self.all("SELECT name, reference FROM files", ()):
            needed.setdefault(name, []).append(reference)
        return needed

    def remember(self, notebook: str, task: str, key: str) -> None:
        """Who ran what last; a result bears the name under which it was last run."""
        self.change(
            ("INSERT OR REPLACE INTO last VALUES (?, ?, ?)", (notebook, task, key)),
            ("UPDATE results SET notebook = ?, task = ? WHERE key = ?", (notebook, task, key)),
        )

    def recall(self, notebook: str) -> dict[str, str]:
        return dict(self.all("SELECT task, key FROM last WHERE notebook = ?", (notebook,)))

    def decide(
        self, notebook: str, task: str, kind: str, key: str, at_s: float, entry: bytes, values: Iterable[str]
    ) -> None:
        """Keep a decision; `values` stay as long as it does, although no result may need them any more."""
        owner = (DECISION, f"{notebook}\n{task}")
        self.change(
            ("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?)", (notebook, task, kind, key, at_s, entry)),
            ("DELETE FROM parts WHERE key = ? AND variant = ?", owner),
            *(("INSERT OR IGNORE INTO parts VALUES (?, ?, ?)", (*owner, value)) for value in values),
        )

    def undecide(self, notebook: str, task: str) -> None:
        self.change(
            ("DELETE FROM decisions WHERE notebook = ? AND task = ?", (notebook, task)),
            ("DELETE FROM parts WHERE key = ? AND variant = ?", (DECISION, f"{notebook}\n{task}")),
        )

    def decisions(self, notebook: str) -> list[tuple[str, bytes]]:
        return self.all("SELECT task, entry FROM decisions WHERE notebook = ?", (notebook,))

    def references(self) -> list[str]:
        return [reference for (reference,) in self.all("SELECT reference FROM records")]

    def every_trace(self) -> Iterator[tuple[str, str, bytes]]:
        for key, variant in self.all("SELECT key, variant FROM traces"):
            for (entry,) in self.all("SELECT entry FROM traces WHERE key = ? AND variant = ?", (key, variant)):
                yield key, variant, entry

    def fact(self, name: str) -> str:
        """Something about the index as a whole, "" when nobody has noted it."""
        rows = self.all("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def note_fact(self, name: str, value: str) -> None:
        self.change(("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value)))

    def size_bytes(self) -> int:
        ((total,),) = self.all("SELECT coalesce(sum(size_bytes), 0) FROM sizes")
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

    def all(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        with self._lock:
            return self._open().execute(query, tuple(values)).fetchall()

    def change(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with self.alone():
            for statement, values in statements:
                self._open().execute(statement, values)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A transaction: nobody else changes the index meanwhile, and all of it happens or nothing."""
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def shrink(self) -> None:
        """Give what is free in the file back to the disk, unless somebody else is reading it now."""
        with self._lock, suppress(sqlite3.OperationalError):
            self._open().execute("VACUUM")
            self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")

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
                _make_tables(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._owner = connection, os.getpid()
        return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another kernel may have done it while this one waited.
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > _SCHEMA_VERSION:
        raise sqlite3.OperationalError("the cache is that of a newer version of this extension: update it here too")
    if found < _SCHEMA_VERSION:
        dropped = [f"DROP TABLE IF EXISTS {table}" for table in _TABLES]
        for statement in (*dropped, *_SCHEMA.split(";"), f"PRAGMA user_version = {_SCHEMA_VERSION}"):
            connection.execute(statement)
    connection.execute("COMMIT")
