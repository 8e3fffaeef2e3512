"""Process-wide state around a task: what it was, what a task changed of it, and how to put that back.

Changes are kept as deltas, so that putting one back leaves everything else as it is. What an import changed is
not a change by the task: the import is made again on a hit. It must not import any library.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..runtime.fingerprints import Fingerprinter
from .ambient_kinds import KINDS, Kind

VIRGIN = "virgin"
DEFAULT = "default"
CHANCE = ("np_random", "random")
SHOWN_IN_TEXT = ("pandas", "np_print", "ipython")
SHOWN_IN_FIGURES = ("figures",)
READ_WITH_RC = ("rcParams", "colors")


@dataclass(frozen=True, slots=True)
class DictDelta:
    changed: dict[Any, Any]
    deleted: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ListDelta:
    """Entries put in front, at the back, and taken away (one each)."""

    front: tuple[Any, ...]
    back: tuple[Any, ...]
    removed: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A state that is one thing: a seed, a folder, a list whose order changed."""

    state: Any


Delta = DictDelta | ListDelta | Whole


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State by kind; kinds whose library is not loaded are absent. Not to be changed."""

    states: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class Watch:
    """What happened while a task ran. `baseline` is the state before it, moved on by each import."""

    baseline: Snapshot
    rc_read: bool = False


class Ambient:
    """One per session, used on one thread at a time.

    `seeded_before` says that Python's generator may have been seeded before this object was made; else the
    state that it finds is *virgin*: never seeded, and so the same as that of any other fresh process.
    """

    def __init__(self, *, seeded_before: bool = False) -> None:
        self._last: dict[str, tuple[Any, str]] = {}
        self._previous: dict[str, Any] = {}
        self._virgin: dict[str, Any] = {}
        self._numpy_met = False
        self._importing = threading.local()
        if not seeded_before:
            self._virgin["random"] = KINDS["random"].read()

    def snapshot(self) -> Snapshot:
        """The state now. A kind that is as it was in the last snapshot is the same object as there."""
        states: dict[str, Any] = {}
        for name, kind in KINDS.items():
            state = kind.read()
            if state is None:
                continue
            previous = self._previous.get(name)
            states[name] = previous if previous is not None and _same(kind, previous, state) else state
        self._previous = states
        if not self._numpy_met and "np_random" in states:
            self._meet_numpy(states["np_random"])
        return Snapshot(MappingProxyType(states))

    def fingerprints(self, snapshot: Snapshot) -> dict[str, str]:
        """A digest by kind; that of a generator which was never seeded is `virgin` in every process."""
        digests: dict[str, str] = {}
        for name, state in snapshot.states.items():
            known = self._last.get(name)
            if known is None or known[0] is not state:
                known = self._last[name] = (state, self._digest(name, state))
            digests[name] = known[1]
        return digests

    def delta(self, before: Snapshot, after: Snapshot) -> dict[str, Delta]:
        """What changed, by kind. `before` is the `baseline` of a watch, so that imports do not count."""
        deltas: dict[str, Delta] = {}
        for name, state in after.states.items():
            kind, old = KINDS[name], before.states.get(name)
            if old is None:
                # Its library came without an import that was seen: how it was before is not known.
                continue
            if old is not state and not _same(kind, old, state):
                deltas[name] = _difference(old, state)
        return deltas

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
            case ListDelta(front, back, removed):
                kept = _without(now, [*front, *back, *removed])
                kind.write([*front, *kept, *back])
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
        difference = _difference(now, state)
        if isinstance(difference, DictDelta):
            kind.update(difference.changed, difference.deleted)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Notice imports and reads of rcParams while a task runs.

        `builtins.__import__` is replaced for that time, because only there the end of an import is seen;
        modules that are loaded already pass through it untouched. Tasks that are watched at once (nested)
        each see all imports.
        """
        watch = Watch(self.snapshot())
        original = builtins.__import__

        def import_(name: str, *arguments: Any, **keywords: Any) -> Any:
            if name in sys.modules or getattr(self._importing, "on", False):
                return original(name, *arguments, **keywords)
            self._importing.on = True
            before = self.snapshot()
            try:
                return original(name, *arguments, **keywords)
            finally:
                self._importing.on = False
                watch.baseline = _moved(watch.baseline, before, self.snapshot())
                hook.install()

        hook = _RcReads(watch)
        hook.install()
        builtins.__import__ = import_
        try:
            yield watch
        finally:
            if builtins.__import__ is import_:
                builtins.__import__ = original
            hook.remove()

    def _digest(self, name: str, state: Any) -> str:
        virgin = self._virgin.get(name)
        if name in CHANCE and virgin is not None and _same(KINDS[name], virgin, state):
            return VIRGIN
        defaults = KINDS[name].defaults
        if defaults is not None:
            usual = defaults()
            state = {key: value for key, value in state.items() if key not in usual or not _equal(usual[key], value)}
            if not state:
                return DEFAULT
        if isinstance(state, dict):
            state = dict(sorted(state.items()))  # the order in which options were set cannot be seen
        return Fingerprinter({}, {}).of(state).digest

    def _meet_numpy(self, state: Any) -> None:
        """NumPy's generator is virgin as long as it is as its own seed sequence made it; seeding drops that."""
        self._numpy_met = True
        mtrand: Any = sys.modules["numpy.random.mtrand"]
        generator = mtrand._rand._bit_generator
        sequence = getattr(generator, "_seed_seq", None)
        if sequence is None:
            return
        fresh = {**state, "state": type(generator)(sequence).state["state"], "has_gauss": 0, "gauss": 0.0}
        if _same(KINDS["np_random"], fresh, state):
            self._virgin["np_random"] = state


class _RcReads:
    """Notes that rcParams were read, by shadowing two methods of their class while a task runs."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        matplotlib = sys.modules.get("matplotlib")
        params = getattr(matplotlib, "RcParams", None)
        if params is None or self._patched:
            return
        for name in ("__getitem__", "_get"):
            original = vars(params).get(name)
            if original is not None:
                shadow = self._shadow(original)
                setattr(params, name, shadow)
                self._patched.append((params, name, original, shadow))

    def _shadow(self, original: Any) -> Any:
        watch = self._watch

        def read(params: Any, name: str) -> Any:
            watch.rc_read = True
            return original(params, name)

        return read

    def remove(self) -> None:
        for params, name, original, shadow in self._patched:
            if vars(params).get(name) is shadow:
                setattr(params, name, original)
        self._patched.clear()


def _same(kind: Kind, left: Any, right: Any) -> bool:
    try:
        return kind.same(left, right)
    except Exception:  # values that do not compare to a bool are not known to be equal
        return False


def _difference(old: Any, new: Any) -> Delta:
    if isinstance(old, dict) and isinstance(new, dict) and "bit_generator" not in new:
        changed = {name: value for name, value in new.items() if name not in old or not _equal(old[name], value)}
        return DictDelta(changed, tuple(name for name in old if name not in new))
    if isinstance(old, list) and isinstance(new, list):
        return _list_difference(old, new)
    return Whole(new)


def _list_difference(old: list[Any], new: list[Any]) -> Delta:
    removed = _without(old, new)
    kept = _without(old, removed)
    for start in range(len(new) - len(kept) + 1):
        if new[start : start + len(kept)] == kept:
            return ListDelta(tuple(new[:start]), tuple(new[start + len(kept) :]), tuple(removed))
    return Whole(new)


def _without(entries: list[Any], taken: list[Any]) -> list[Any]:
    """`entries` less one of each in `taken`; the entries need not be hashable."""
    left = list(taken)
    kept: list[Any] = []
    for entry in entries:
        if entry in left:
            left.remove(entry)
        else:
            kept.append(entry)
    return kept


def _equal(left: Any, right: Any) -> bool:
    try:
        return left is right or bool(left == right)
    except Exception:  # as in `_same`
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
            changed = {key: value for key, value in new.items() if key not in old or not _equal(old[key], value)}
            untouched = {key: value for key, value in changed.items() if _equal(base.get(key), old.get(key))}
            states[name] = {**base, **untouched}
    return Snapshot(MappingProxyType(states))
