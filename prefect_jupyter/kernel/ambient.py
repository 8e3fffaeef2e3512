"""Process-wide state around a task: what it was, what a task changed of it, and how to put that back.

Changes are kept as deltas, so that putting one back leaves everything else as it is. What an import changed is
not a change by the task: the import is made again on a hit. It must not import any library.
"""

from __future__ import annotations

import builtins
import importlib
import os
import random
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ..runtime.fingerprints import Fingerprinter
from .ambient_deltas import Delta, DictDelta, ListDelta, Whole, applied, difference, equal, list_difference
from .ambient_kinds import KINDS, Kind
from .ambient_reads import Reads

VIRGIN = "virgin"
DEFAULT = "default"
DELETED: Final = ("deleted",)
CHANCE = ("np_random", "random")
ENTRIES = ("warnings", "path")
# Every computation may depend on these, and no read of them can be seen.
ALWAYS = ("decimal", "pandas_mode")
# What a run that says nothing on stderr may depend on where they are not as usual.
SILENCING = ("np_err", "warnings")
SHOWN_IN_TEXT = ("pandas", "np_print", "ipython")
SHOWN_IN_FIGURES = ("figures",)
READ_WITH_RC = ("rcParams", "colors", "backend")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State by kind; kinds whose library is not loaded are absent. Not to be changed."""

    states: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class Watch:
    """What happened while a task ran. `baseline` is the state before it, moved on by each import.

    `imported` are the modules that import statements named, loaded before or not.
    """

    baseline: Snapshot
    reads: Reads
    imported: set[str] = field(default_factory=set)


class Ambient:
    """One per session, used on one thread at a time.

    `seeded_before` says that Python's generator may have been seeded before this object was made; else the
    state that it finds is *virgin*: never seeded, and so the same as that of any other fresh process.

    `base` is the state that no cell changed: as it was found first, and moved on by what imports changed since.
    """

    def __init__(self, *, seeded_before: bool = False) -> None:
        self.base: dict[str, Any] = {}
        self._seeded_before = seeded_before
        self._last: dict[str, tuple[Any, str]] = {}
        self._previous: dict[str, Any] = {}
        self._virgin: dict[str, Any] = {}
        self._usual: dict[str, Mapping[Any, Any]] = {}
        self._found: dict[str, Mapping[Any, Any]] = {}
        self._first: dict[str, str] = {}
        self._importing = threading.local()
        if not seeded_before:
            self._virgin["random"] = KINDS["random"].read()

    def begin(self) -> None:
        """What is so now is so before the first cell."""
        self.base.clear()
        self._first.clear()
        if not self._seeded_before:
            self._virgin["random"] = KINDS["random"].read()
        self.snapshot()

    def snapshot(self) -> Snapshot:
        """The state now. A kind that is as it was in the last snapshot is the same object as there."""
        states: dict[str, Any] = {}
        previous = self._previous
        for name, kind in KINDS.items():
            state = kind.read()
            if state is None:
                continue
            known = previous.get(name)
            states[name] = known if known is not None and _same(kind, known, state) else state
        self._previous = states
        for name in states.keys() - self.base.keys():
            self._meet(name, states[name])
        return Snapshot(MappingProxyType(states))

    def _meet(self, name: str, state: Any) -> None:
        self.base[name] = state
        self._first.pop(name, None)
        if name == "np_random" and name not in self._virgin:
            self._meet_numpy(state)
        kind = KINDS[name]
        if kind.update is None:
            return
        if name not in self._usual:
            usual = {} if name == "environ" else state if kind.defaults is None else kind.defaults()
            # Lists are changed in place, also those that a library calls its defaults.
            self._usual[name] = {key: list(value) if type(value) is list else value for key, value in usual.items()}
        self._found[name] = self._unusual(name, state)

    def _unusual(self, name: str, state: Mapping[Any, Any]) -> dict[Any, Any]:
        usual = self._usual[name]
        return {key: value for key, value in state.items() if key not in usual or not equal(usual[key], value)}

    def fingerprints(self, snapshot: Snapshot) -> dict[str, str]:
        """A digest by kind; that of a generator which was never seeded is `virgin` in every process."""
        digests: dict[str, str] = {}
        for name, state in snapshot.states.items():
            known = self._last.get(name)
            if known is None or known[0] is not state:
                known = self._last[name] = (state, self._digest(name, state))
            digests[name] = known[1]
        return digests

    def first_fingerprint(self, item: str) -> str:
        """The digest of what a place sees of a kind (or of `environ:KEY`) above which no cell changed it."""
        known = self._first.get(item)
        if known is None:
            known = self._first[item] = self._first_digest(item)
        return known

    def _first_digest(self, item: str) -> str:
        kind, _, key = item.partition(":")
        if key:
            return _digest_of(self._found[kind].get(os.fsencode(key), DELETED))
        if kind in CHANCE:
            return self.fingerprint_of_chance(kind, self.base[kind]) if kind in self.base else VIRGIN
        if kind == "cwd":
            return _digest_of(self.base.get(kind))
        found = self._found.get(kind)
        return _digest_of(dict(sorted(found.items()))) if found else DEFAULT

    def changed_fingerprint(self, kind: str, changes: Mapping[Any, Any]) -> str:
        """The digest of a state that differs from the one before the first cell in these keys."""
        state = {key: value for key, value in self._found.get(kind, {}).items() if key not in changes}
        state |= self._unusual(kind, changes) if kind in self._usual else changes
        return _digest_of(dict(sorted(state.items()))) if state else DEFAULT

    def fingerprint_of_chance(self, name: str, state: Any) -> str:
        return self._digest(name, state)

    def drifted(self, name: str, state: Any) -> None:
        """No cell ever changed this kind: what it is now is what it is before the first cell."""
        if self.base.get(name) is state:
            return
        if name in CHANCE and self.first_fingerprint(name) == VIRGIN:
            self._virgin[name] = state  # somebody drew a number
        self.base[name] = state
        if name == "environ":
            self._found[name] = state
            self._first = {item: known for item, known in self._first.items() if not item.startswith(name)}
        elif name in CHANCE or name == "cwd":
            self._first.pop(name, None)

    def renew(self, name: str, state: Any) -> None:
        """Makes a generator one that was never seeded, by chance as every new kernel does."""
        if self._digest(name, state) == VIRGIN:
            return
        if name == "random":
            random.seed()
        else:
            sys.modules["numpy.random.mtrand"].seed()
        self._virgin[name] = self.base[name] = KINDS[name].read()

    def delta(self, before: Snapshot, after: Snapshot) -> dict[str, Delta]:
        """What changed, by kind. `before` is the `baseline` of a watch, so that imports do not count."""
        deltas: dict[str, Delta] = {}
        for name, state in after.states.items():
            kind, old = KINDS[name], before.states.get(name)
            if old is None:
                # Its library came without an import that was seen: it had been as usual.
                old = self._as_usual(name, state)
            if old is not state and not _same(kind, old, state):
                deltas[name] = difference(old, state)
        return deltas

    def _as_usual(self, name: str, state: Any) -> Any:
        if name in CHANCE:
            return state if self._digest(name, state) == VIRGIN else {**state, "bit_generator": ""}
        if KINDS[name].defaults is None:
            return state
        usual = self._usual[name]
        return {key: usual.get(key, value) for key, value in state.items()}

    def restore(self, name: str, delta: Delta) -> None:
        """Apply a delta to the present state."""
        kind = KINDS[name]
        now = kind.read()
        if now is None:
            return
        match delta:
            case DictDelta(changed, deleted):
                if kind.update is not None:
                    kind.update(changed, deleted)
            case ListDelta():
                kind.write(applied(delta, now))
            case Whole(state):
                kind.write(state)

    def restore_full(self, name: str, state: Any) -> None:
        """Put back a state as a snapshot has it."""
        kind = KINDS[name]
        now = kind.read()
        if now is None or _same(kind, now, state):
            return
        if kind.update is None:
            kind.write(list(state) if isinstance(state, list) else state)
            return
        change = difference(now, state)
        if isinstance(change, DictDelta):
            kind.update(change.changed, change.deleted)

    @contextmanager
    def watch(self, before: Snapshot | None = None) -> Iterator[Watch]:
        """Notice imports and reads while a task runs. `before` is the state now, where that is known already.

        `builtins.__import__` is replaced for that time, because only there the end of an import is seen;
        modules that are loaded already pass through it untouched. Tasks that are watched at once (nested)
        each see all imports.
        """
        reads = Reads(lambda: getattr(self._importing, "on", False))
        watch = Watch(before or self.snapshot(), reads)
        shadows = [
            (owner, name, vars(owner)[name], self._noticing(vars(owner)[name], watch))
            for owner, name in ((builtins, "__import__"), (importlib, "import_module"))
        ]
        reads.install()
        for owner, name, _, shadow in shadows:
            setattr(owner, name, shadow)
        try:
            yield watch
        finally:
            for owner, name, original, shadow in shadows:
                if vars(owner)[name] is shadow:
                    setattr(owner, name, original)
            reads.remove()

    def _noticing(self, original: Any, watch: Watch) -> Any:
        """An import function that moves on the baseline of `watch`, and the base, by what new modules change."""

        def import_(name: str, *arguments: Any, **keywords: Any) -> Any:
            if getattr(self._importing, "on", False):
                return original(name, *arguments, **keywords)
            watch.imported |= _imported_by(name, *arguments, **keywords)
            if _is_loaded(name, *arguments, **keywords):
                return original(name, *arguments, **keywords)
            self._importing.on = True
            before = self.snapshot()
            try:
                return original(name, *arguments, **keywords)
            finally:
                self._importing.on = False
                after = self.snapshot()
                watch.baseline = _moved(watch.baseline, before, after)
                self.base.update(_moved(Snapshot(self.base), before, after).states)
                watch.reads.install_in_libraries()

        return import_

    def _digest(self, name: str, state: Any) -> str:
        virgin = self._virgin.get(name)
        if name in CHANCE and virgin is not None and _same(KINDS[name], virgin, state):
            return VIRGIN
        if KINDS[name].defaults is not None:
            state = self._unusual(name, state)
            if not state:
                return DEFAULT
        if isinstance(state, dict):
            state = dict(sorted(state.items()))  # the order in which options were set cannot be seen
        return _digest_of(state)

    def _meet_numpy(self, state: Any) -> None:
        """NumPy's generator is virgin as long as it is as its own seed sequence made it; seeding drops that."""
        mtrand: Any = sys.modules["numpy.random.mtrand"]
        generator = mtrand._rand._bit_generator
        sequence = getattr(generator, "_seed_seq", None)
        if sequence is None:
            return
        fresh = {**state, "state": type(generator)(sequence).state["state"], "has_gauss": 0, "gauss": 0.0}
        if _same(KINDS["np_random"], fresh, state):
            self._virgin["np_random"] = state


def _digest_of(value: object) -> str:
    return Fingerprinter({}, {}).of(value).digest


def _imported_by(
    name: str, _globals: object = None, _locals: object = None, fromlist: Sequence[str] | None = None, level: int = 0
) -> set[str]:
    """The modules that an import statement may name; in `from a import b`, `b` may be one."""
    return set() if level else {name, *(f"{name}.{part}" for part in fromlist or ())}


def _is_loaded(
    name: str, _globals: object = None, _locals: object = None, fromlist: Sequence[str] | None = None, level: int = 0
) -> bool:
    """Whether an import statement finds the module, and the submodules that it names, in memory."""
    module = sys.modules.get(name)
    return module is not None and level == 0 and all(part in vars(module) for part in fromlist or ())


def _same(kind: Kind, left: Any, right: Any) -> bool:
    try:
        return left is right or kind.same(left, right)
    except Exception:  # values that do not compare to a bool are not known to be equal
        return False


def _moved(baseline: Snapshot, before: Snapshot, after: Snapshot) -> Snapshot:
    """The baseline after an import: it takes what the import changed, except where the task had been first."""
    states = dict(baseline.states)
    for name, new in after.states.items():
        old, base = before.states.get(name), baseline.states.get(name)
        if old is new:
            continue
        if base is None or base is old or old is None:
            states[name] = new
        elif isinstance(base, dict) and "bit_generator" not in new:
            changed = {key: value for key, value in new.items() if key not in old or not equal(old[key], value)}
            untouched = {key: value for key, value in changed.items() if equal(base.get(key), old.get(key))}
            states[name] = {**base, **untouched}
        elif isinstance(base, list) and name in ENTRIES:
            change = list_difference(old, new)
            states[name] = applied(change, base) if isinstance(change, ListDelta) else base
    return Snapshot(MappingProxyType(states))
