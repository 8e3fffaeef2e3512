"""The cached results as a person sees and removes them, and the quota that is kept by itself.

It must not know how a store keeps things, nor slow a task: what goes by itself goes in a thread of its own.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.eviction import Limits
from ..runtime.stores import Entry, Freed, Store, store_folder
from ..view.cache_table import CacheTable
from .errors import TaskError
from .settings import Flow
from .sizes import age_s, quota_bytes, size_bytes
from .wording import ago, counted, duration, size

_KEY_CHARS_MIN = 4
_SHOWN_KEY_CHARS = 8
# The quota is looked at after this share of it was written, and after this time.
_SHARE = 0.02
_STEP_BYTES = 1_000_000
_PERIOD_S = 3_600.0


class CacheKeeper:
    """The cache of one session: within its quota, and as rows."""

    def __init__(
        self, store: Store, settings: Flow, notebook: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        self.store = store
        self._settings = settings
        self._notebook = notebook
        self._clock = clock
        self._swept_s: float | None = None
        self._written = 0
        self._step: float = _STEP_BYTES  # bytes to write before the quota is looked at again
        self._worker: threading.Thread | None = None

    # --- the quota

    def quota(self) -> int | None:
        """Bytes that may be kept; a share of the disk counts what the cache has as free."""
        return quota_bytes(self._settings.cache_quota, _free_bytes(store_folder()) + self.store.keeping.total_bytes())

    def limits(self) -> Limits:
        return Limits.of_quota(self.quota(), age_s(self._settings.cache_age))

    def stored(self) -> None:
        """A result was stored: now and then this is the moment to look whether there is too much."""
        if self._is_due() and (self._worker is None or not self._worker.is_alive()):
            self._swept_s, self._written = self._clock(), self.store.written_bytes
            self._worker = threading.Thread(target=self._sweep, name="prefect_jupyter keeps its quota", daemon=True)
            self._worker.start()

    def _is_due(self) -> bool:
        if self._swept_s is None or not 0 <= self._clock() - self._swept_s < _PERIOD_S:
            return True
        return self.store.written_bytes - self._written > self._step

    def _sweep(self) -> None:
        limits = self.limits()
        self._step = max(_STEP_BYTES, _SHARE * (limits.quota_bytes or 0))
        self.store.keeping.sweep(limits)

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.join()

    # --- what there is

    def cache(self, *, everywhere: bool = False) -> Cache:
        return Cache(self, self._notebook(), everywhere=everywhere)

    def left(self) -> str:
        """`The cache has 3.4 GB of 10 GB.`"""
        quota = self.quota()
        return f"The cache has {size(self.store.keeping.total_bytes())}" + (f" of {size(quota)}." if quota else ".")


class Cache:
    """The cached results of a notebook, or of all, as they were when it was made: the last used first."""

    def __init__(self, keeper: CacheKeeper, notebook: str, *, everywhere: bool) -> None:
        self._keeper = keeper
        self._notebook = notebook
        self._everywhere = everywhere
        self._entries = keeper.store.keeping.entries()

    @property
    def rows(self) -> list[Entry]:
        return [entry for entry in self._entries if self._everywhere or entry.notebook == self._notebook]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    # --- removing

    def delete(self, *chosen: str) -> str:
        """Removes the results of tasks of this notebook, by name, and any results by the beginning of their keys."""
        entries = {entry.id: entry for word in chosen for entry in self._called(word)}
        pinned = next((entry for entry in entries.values() if entry.is_pinned), None)
        if pinned is not None:
            name = pinned.task or pinned.id[0][:_SHOWN_KEY_CHARS]
            raise TaskError(f"`{name}` is pinned, so its result stays: %flow unpin {name} first. Nothing is deleted.")
        return self._freed("Deleted", self._keeper.store.keeping.drop(entries))

    def clear(self) -> str:
        """Removes all of these results but pinned ones."""
        gone = [entry.id for entry in self.rows if not entry.is_pinned]
        pinned = len(self.rows) - len(gone)
        freed = self._keeper.store.keeping.drop(gone)
        self._keeper.store.keeping.shrink()
        kept = f" {counted(pinned, 'pinned result')} stay{'s' if pinned == 1 else ''}." if pinned else ""
        return self._freed("Cleared", freed) + kept

    def prune(self, *, older: str | None = None, to: str | None = None) -> str:
        """Removes what has not been used for `older`, then what saves least until `to` is left; else by the settings.

        What an open notebook's last run used, and what is pinned, stays.
        """
        if older is None and to is None:
            limits = self._keeper.limits()
        else:
            quota = None if to is None else _checked(size_bytes, to, "--to")
            limits = Limits(
                quota_bytes=quota, goal_bytes=quota,
                unused_s=None if older is None else _checked(age_s, older, "--older"),
            )  # fmt: skip
        freed = self._keeper.store.keeping.sweep(limits, thoroughly=True)
        self._keeper.store.keeping.shrink()
        said = self._freed("Pruned", freed)
        total = self._keeper.store.keeping.total_bytes()
        if limits.quota_bytes is not None and total > limits.quota_bytes:
            said += " The rest is in use by open notebooks, or pinned."
        return said

    def verify(self) -> str:
        """Checks every byte of every result, of all notebooks, and removes what is broken."""
        found = self._keeper.store.keeping.verify()
        checked = f"{counted(found.results, 'result')} and {counted(found.values, 'value')} ({size(found.size_bytes)})"
        if not found.broken:
            return f"Checked {checked}: all are sound."
        count = len(found.broken)
        were = "1 was broken and is" if count == 1 else f"{count} were broken and are"
        lines = [f"Checked {checked}: {were} removed, to be made again when needed."]
        lines += [f"  {task or 'a task'} {key[:_SHOWN_KEY_CHARS]} {why}" for task, key, why in found.broken]
        return "\n".join(lines)

    def _called(self, word: str) -> list[Entry]:
        named = [entry for entry in self._entries if entry.task == word and entry.notebook == self._notebook]
        if named:
            return named
        keyed = [entry for entry in self._entries if len(word) >= _KEY_CHARS_MIN and entry.id[0].startswith(word)]
        if len({entry.id[0] for entry in keyed}) > 1:
            raise TaskError(
                f"The cache has {len(keyed)} results whose keys begin with `{word}`: write more of the key."
            )
        if not keyed:
            here = sorted({entry.task for entry in self._entries if entry.task and entry.notebook == self._notebook})
            there = ", ".join(f"`{name}`" for name in here) or "none"
            raise TaskError(
                f"`{word}` is not in the cache. Tasks of this notebook that are: {there}. Write one of them, or at"
                f" least {_KEY_CHARS_MIN} characters of a key as %flow cache --all lists them. Nothing is deleted."
            )
        return keyed

    def _freed(self, done: str, freed: Freed) -> str:
        left = f", {counted(freed.leftovers, 'leftover')}" if freed.leftovers else ""
        return f"{done} {counted(freed.results, 'result')}{left}: {size(freed.size_bytes)} freed. {self._keeper.left()}"

    # --- showing

    def sizes_of(self, names: Sequence[str]) -> dict[str, tuple[int, int, float]]:
        """Of tasks of this notebook by name: (bytes, results, seconds that the newest one saves)."""
        found: dict[str, tuple[int, int, float]] = {}
        wanted = set(names)
        for entry in self._entries:
            if entry.notebook == self._notebook and entry.task in wanted:
                total, count, saves = found.get(entry.task, (0, 0, entry.saves_s))
                found[entry.task] = (total + entry.size_bytes, count + 1, saves)
        return found

    def summary(self) -> list[str]:
        """The totals, in lines."""
        rows = self.rows
        saves = sum(entry.saves_s for entry in rows)
        whose = "all notebooks" if self._everywhere else "this notebook"
        if not rows:
            said = [f"No cached results of {whose}."]
        else:
            total = sum(entry.size_bytes for entry in rows)
            said = [f"{counted(len(rows), 'result')} of {whose}: {size(total)}, saving {duration(saves)}."]
        others = len(self._entries) - len(rows)
        more = f" {counted(others, 'result')} of other notebooks: %flow cache --all lists them." if others else ""
        return [*said, self._keeper.left() + more]

    def table(self) -> CacheTable:
        now = self._keeper._clock()
        rows = sorted(self.rows, key=lambda entry: (-entry.size_bytes, entry.task))
        return CacheTable(tuple(self._words(entry, now) for entry in rows), tuple(self.summary()))

    def _words(self, entry: Entry, now: float) -> tuple[str, ...]:
        where = f" · {os.path.basename(entry.notebook)}" if self._everywhere and entry.notebook else ""
        marks = [mark for mark, is_so in (("pinned", entry.is_pinned), ("in use", entry.is_in_use)) if is_so]
        return (
            (entry.task or "?") + where, size(entry.size_bytes), ago(now - entry.made_s), duration(entry.saves_s),
            f"{entry.uses}×", ago(now - entry.used_s), entry.id[0][:_SHOWN_KEY_CHARS], ", ".join(marks),
        )  # fmt: skip

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()


def _checked(read: Callable[[str], Any], text: str, option: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise TaskError(f"{option}: {error}. Nothing is pruned.") from None


def _free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder that may not be there yet; 0 where nobody can say."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return 0
