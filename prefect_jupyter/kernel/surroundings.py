"""Process-wide state by place in the document: what cells made of it, what a place sees, and putting that in force.

A change is a version of the pseudo-name `@kind`, or `@kind:key` where the state is a dict. It must not know how
a kind of state is read or written: that is `ambient_kinds`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..runtime.fingerprints import Fingerprinter
from .ambient import (
    ALWAYS,
    CHANCE,
    DEFAULT,
    DELETED,
    ENTRIES,
    READ_WITH_RC,
    SHOWN_IN_FIGURES,
    SHOWN_IN_TEXT,
    SILENCING,
    VIRGIN,
    Ambient,
    Snapshot,
    Watch,
)
from .ambient_deltas import Delta, DictDelta, ListDelta, Whole, applied, equal
from .ambient_kinds import KINDS
from .outputs import RawOutput
from .versions import Version, Versions

_FIGURES = frozenset({"image/png", "image/svg+xml", "image/jpeg", "application/pdf"})


class Surroundings:
    """What every place of one document sees of process-wide state."""

    def __init__(self, ambient: Ambient, versions: Versions) -> None:
        self.ambient = ambient
        self._versions = versions
        self._keys: dict[str, dict[str, Any]] = {}  # kind → pseudo-name → key, of all that cells have changed
        self._kinds_of: dict[str, frozenset[str]] = {}
        self._known: dict[tuple[str, tuple[Version, ...]], str] = {}
        ambient.begin()

    # --- what a place sees

    def seen(self, cell: str, item: str) -> tuple[Version, ...]:
        """The versions of other cells that make up what `cell` sees of a kind, or of one key of it (`environ:HOME`)."""
        if not self._keys:
            return ()
        kind = item.partition(":")[0]
        names = self._keys.get(kind)
        if not names:
            return ()
        if kind in ENTRIES:
            return self._entries_above(cell, f"@{kind}")
        if item != kind:
            names = {f"@{item}": None} if f"@{item}" in names else {}
        found = (self._versions.seen_by(cell, name) for name in names)
        return tuple(version for version in found if isinstance(version, Version))

    def _entries_above(self, cell: str, name: str) -> tuple[Version, ...]:
        found: list[Version] = []
        for writer in self._versions.writers_above(cell, name):
            version = self._versions.made.get(writer, {}).get(name)
            if version is not None:
                found.append(version)
                if isinstance(version.retained, Whole):
                    break
        return tuple(reversed(found))

    def fingerprint(self, cell: str, item: str) -> str:
        """A digest of what `cell` sees: `default` as in any new kernel, `virgin` for a generator never seeded."""
        return self.fingerprint_of(item, self.seen(cell, item))

    def fingerprint_of(self, item: str, versions: tuple[Version, ...]) -> str:
        """The digest of a kind, or of one key of it, that these versions make up."""
        if not versions:
            return self.ambient.first_fingerprint(item)
        known = self._known.get((item, versions))
        if known is None:
            known = self._known[item, versions] = self._digest(item, versions)
        return known

    def _digest(self, item: str, versions: tuple[Version, ...]) -> str:
        kind, _, key = item.partition(":")
        if key or (KINDS[kind].update is None and kind not in ENTRIES):
            return versions[-1].fingerprint or ""
        if kind in ENTRIES:
            base = self.ambient.base.get(kind, [])
            if self._composed(base, versions) == base:
                return DEFAULT
            return _digest_of([version.fingerprint for version in versions])
        keys = self._keys[kind]
        return self.ambient.changed_fingerprint(kind, {keys[version.name]: version.retained for version in versions})

    def _composed(self, state: list[Any], versions: Iterable[Version]) -> list[Any]:
        for version in versions:
            state = applied(version.retained, state)  # type: ignore[arg-type]
        return state

    # --- putting it in force

    def look(self) -> None:
        """Something else than cells may have changed what no cell ever did: that is so before the first cell then."""
        for kind, now in self.ambient.snapshot().states.items():
            if not self._keys.get(kind):
                self.ambient.drifted(kind, now)

    def restore(self, cell: str) -> Snapshot:
        """Puts the process into the state that `cell` would meet in a run from the top. Main thread only.

        Returns that state.
        """
        snapshot = self.ambient.snapshot()
        is_other = False
        for kind, now in snapshot.states.items():
            names = self._keys.get(kind)
            if not names:
                self.ambient.drifted(kind, now)
            elif KINDS[kind].update is not None:
                is_other |= self._restore_keys(cell, kind, now, names)
            else:
                is_other = True
                self._restore_whole(cell, kind, now)
        return self.ambient.snapshot() if is_other else snapshot

    def _restore_keys(self, cell: str, kind: str, now: Mapping[Any, Any], names: Mapping[str, Any]) -> bool:
        base = self.ambient.base[kind]
        changed: dict[Any, Any] = {}
        deleted: list[Any] = []
        for name, key in names.items():
            version = self._versions.seen_by(cell, name)
            wanted = version.retained if isinstance(version, Version) else base.get(key, DELETED)
            present = now.get(key, DELETED)
            if wanted is present:
                continue
            if wanted is DELETED or wanted == DELETED:
                deleted += [key] if key in now else []
            elif not equal(present, wanted):
                changed[key] = wanted
        if changed or deleted:
            self.ambient.restore(kind, DictDelta(changed, tuple(deleted)))
        return bool(changed or deleted)

    def _restore_whole(self, cell: str, kind: str, now: Any) -> None:
        versions, base = self.seen(cell, kind), self.ambient.base[kind]
        if kind in ENTRIES:
            self.ambient.restore_full(kind, self._composed(base, versions))
        elif versions:
            self.ambient.restore_full(kind, versions[-1].retained)
        elif kind in CHANCE and self.ambient.first_fingerprint(kind) == VIRGIN:
            self.ambient.renew(kind, now)
        else:
            self.ambient.restore_full(kind, base)

    # --- what a cell made and read

    def note(self, cell: str, delta: Mapping[str, Delta]) -> None:
        """`cell` ran or was answered, and changed this: the new versions replace those it made before."""
        before = self._versions.made.get(cell, {})
        made = {name: version for name, version in before.items() if not name.startswith("@")}
        for kind, change in delta.items():
            for name, key, retained in _parts(kind, change):
                self._keys.setdefault(kind, {})[name] = key
                known = self._fingerprint_of(kind, retained)
                made[name] = Version(name=name, cell=cell, fingerprint=known, retained=retained)
        if delta:
            self._kinds_of[cell] = self._kinds_of.get(cell, frozenset()) | delta.keys()
        if delta or made.keys() != before.keys():
            self._versions.record(cell, made)

    def _fingerprint_of(self, kind: str, retained: Any) -> str:
        if kind in CHANCE:
            return self.ambient.fingerprint_of_chance(kind, retained)
        if kind == "log_handlers" and retained is not DELETED:
            return _digest_of([type(handler).__qualname__ for handler in retained])
        if isinstance(retained, ListDelta):
            return _digest_of([retained.front, retained.back, retained.removed])
        return _digest_of(retained.state if isinstance(retained, Whole) else retained)

    def changed_by(self, watch: Watch) -> dict[str, Delta]:
        """What a watched run changed, with the environment variables that it set to what they were."""
        after = self.ambient.snapshot()
        delta = self.ambient.delta(watch.baseline, after)
        same = {name for name in map(os.fsencode, watch.reads.set_variables) if name in after.states["environ"]}
        if same:
            known = delta.get("environ", DictDelta({}))
            assert isinstance(known, DictDelta)
            again = {name: after.states["environ"][name] for name in sorted(same)}
            delta["environ"] = DictDelta({**again, **known.changed}, known.deleted)
        return delta

    def inputs(
        self, cell: str, watch: Watch, delta: Mapping[str, Delta], displays: Iterable[RawOutput]
    ) -> dict[str, str]:
        """What a run depended on: what it changed from, read, or showed something under."""
        items = {*ALWAYS, *watch.reads.kinds, *delta} - {"environ", "path"} | (watch.reads.kinds & {"environ"})
        if "environ" not in items:
            items |= {f"environ:{name}" for name in watch.reads.variables}
        if "rcParams" in items:
            items |= {*READ_WITH_RC}
        outputs = list(displays)
        shown = set().union(*(output.get("data", {"text/plain": ""}).keys() for output in outputs))
        items |= {*SHOWN_IN_TEXT} if "text/plain" in shown else set()
        items |= {*SHOWN_IN_FIGURES} if shown & _FIGURES else set()
        complains = any(output.get("name") == "stderr" for output in outputs)
        items |= {kind for kind in SILENCING if complains or self.fingerprint(cell, kind) != DEFAULT}
        return {item: self.fingerprint(cell, item) for item in sorted(items)}

    def chance_now(self) -> dict[str, Delta]:
        """The states of the generators, as what a cell with a seed of its own has made of them."""
        states = self.ambient.snapshot().states
        return {kind: Whole(states[kind]) for kind in CHANCE if kind in states}

    def kinds_changed_by(self, cell: str) -> frozenset[str]:
        """The kinds of which `cell` has ever made a version."""
        return self._kinds_of.get(cell, frozenset())


def _parts(kind: str, change: Delta) -> Iterable[tuple[str, Any, Any]]:
    """Pseudo-name, key and what is kept, for each part of a change that is a version of its own."""
    match change:
        case DictDelta(changed, deleted):
            for key, value in (*changed.items(), *((key, DELETED) for key in deleted)):
                yield f"@{kind}:{os.fsdecode(key)}", key, value
        case ListDelta():
            yield f"@{kind}", None, change
        case Whole(state):
            yield f"@{kind}", None, change if kind in ENTRIES else state


def _digest_of(value: object) -> str:
    return Fingerprinter({}, {}).of(value).digest
