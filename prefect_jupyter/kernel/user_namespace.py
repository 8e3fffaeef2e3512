"""The notebook's namespace: which version each name holds, putting back the right ones, seeing what a run changed.

It must not know tasks, keys or the shell: it works on a dictionary, a store and the versions of the document.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.cells import Cell
from ..runtime.fingerprints import Fingerprinter
from ..runtime.pickles import Unloadable, Unstorable, dump, load
from ..runtime.stores import Store
from .versions import NOTHING, Version, Versions

_HISTORY = re.compile(r"_+$|_i+$|_i?\d+$|_[iod]h$")
_SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
_DEFINITIONS = (types.ModuleType, types.FunctionType, type)
_UNCHANGEABLE = (int, float, complex, str, bytes, bool, type(None), types.ModuleType, range)


def is_notebook_name(name: str) -> bool:
    """Whether `name` belongs to the notebook's author, not to Python or the shell."""
    is_python_s = name.startswith("__") and name.endswith("__")
    return not (is_python_s or name in _SHELL_NAMES or is_pseudo(name) or _HISTORY.match(name))


def is_pseudo(name: str) -> bool:
    """Whether this is no name at all, but a file (`file:…`) or process-wide state (`@…`) that is versioned like one."""
    return name.startswith(("@", "file:"))


@dataclass(slots=True)
class Changes:
    """What one run did to the namespace. All of `made` are new versions of the cell that ran."""

    made: dict[str, Version] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    in_place: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)


class UserNamespace:
    """One notebook's names. Values are bound at cell boundaries only, on the main thread."""

    def __init__(self, values: dict[str, Any], store: Store, versions: Versions) -> None:
        self.values = values
        self.versions = versions
        self.bound: dict[str, Version] = {}
        self.pending: set[str] = set()
        self._store = store
        self._held: dict[str, Any] = {}
        self._before: dict[str, str] = {}
        self._last_values: dict[Version, type] = {}
        self._taken: dict[str, Any] = {}
        self._loads: dict[str, object] = {}  # what each loaded name was loaded with, or made with
        self._displaced: dict[str, tuple[Version, Any, object]] = {}
        self.is_wanted: Callable[[Version], bool] = lambda version: True
        self.prepare_definition: Callable[[str], None] = lambda name: None

    # --- reading

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self.pending

    def holds(self, name: str) -> bool:
        """Whether `name` is the notebook's and has a value, loaded or not."""
        return is_notebook_name(name) and name in self

    def version(self, name: str) -> Version | None:
        """The version that `name` holds now, fingerprinted; None where there is no such name."""
        version = self.bound.get(name)
        if version is None:
            if not self.holds(name):
                return None
            version = self.bound[name] = Version(name=name, cell=None)
        if version.fingerprint is None:
            self._fingerprint(version)
        return version

    def _fingerprint(self, version: Version) -> None:
        if version.name not in self.values:
            return
        taken = Fingerprinter(self.values, {}).own(self.values[version.name])
        version.fingerprint = taken.digest
        version.reach = frozenset(name for name in taken.names if is_notebook_name(name))
        version.storage = taken.storage
        version.handle = taken.handle if taken.stable or taken.handle else "io"

    # --- binding

    def see(self, cell: str, name: str) -> Version | None:
        """Binds `name` to the version that `cell` sees where it stands, without loading it, and returns that.

        Where it cannot be had, the version is returned all the same if its fingerprint is known.
        """
        wanted = self.versions.seen_by(cell, name)
        if not isinstance(wanted, Version) or self._bind(wanted, cell, lazily=True) or wanted.fingerprint is None:
            return self.version(name)
        return wanted

    def lost(self, cell: str, names: Iterable[str]) -> dict[str, str]:
        """Loads `names` as `cell` sees them. Returns those that cannot be had, each with the cell that made it."""
        lost: dict[str, str] = {}
        for name in names:
            wanted = self.versions.seen_by(cell, name)
            if isinstance(wanted, Version):
                if not self._bind(wanted, cell):
                    lost[name] = wanted.cell or ""
            elif name in self.pending and not self.load(name):
                lost[name] = self.bound[name].cell or ""
        return lost

    def show_latest(self, names: Iterable[str]) -> None:
        """Binds `names` to their versions at the end of the document, as far as these can be had."""
        for name in {*names, *self._displaced}:
            version = self.versions.latest(name)
            if version is None:
                version = self._displaced[name][0] if name in self._displaced else None
            if version is None or version is self.bound.get(name):
                continue
            displaced, value, load = self._displaced.get(name, (None, None, None))
            if displaced is version:
                self.values[name] = value
                self._now_bound(name, version, pending=False)
                self._loads[name] = load
            else:
                # a name that has a value to look at keeps one
                self._bind(version, None, lazily=name not in self.values)
        self._displaced.clear()

    def hide(self, name: str) -> None:
        """Takes away a name that only the cell itself writes: in a run from the top it is not there yet."""
        self._displace(name)
        self.values.pop(name, None)
        self.pending.discard(name)
        self.bound.pop(name, None)

    def _bind(self, wanted: Version, cell: str | None, *, lazily: bool = False) -> bool:
        name = wanted.name
        self._gather(wanted, cell)
        if self.bound.get(name) is wanted:
            return lazily or name not in self.pending or self.load(name)
        if wanted.is_absent:
            self._displace(name)
            self.values.pop(name, None)
            self._now_bound(name, wanted, pending=False)
            return True
        if wanted.retained is not NOTHING and self._is_intact(wanted):
            self._displace(name)
            self.values[name] = wanted.retained
            self._now_bound(name, wanted, pending=False)
            self._bind_retained_with(wanted, cell)
            return True
        if wanted.reference is None or not self._store.has(wanted.reference):
            return False
        self._displace(name)
        self.values.pop(name, None)
        self._now_bound(name, wanted, pending=True)
        return lazily or self.load(name)

    def _bind_retained_with(self, wanted: Version, cell: str | None) -> None:
        """What the same cell made along with a value that was kept comes back with it."""
        for other, version in self.versions.made.get(wanted.cell or "", {}).items():
            seen = self.versions.latest(other) if cell is None else self.versions.seen_by(cell, other)
            if seen is version and self.bound.get(other) is not version and version.retained is not NOTHING:
                self._bind(version, cell, lazily=True)

    def _gather(self, wanted: Version, cell: str | None) -> None:
        """Names that share storage come from one load or one run: where they do not, all are to be loaded again."""
        if len(wanted.group) < 2 or wanted.reference is None:
            return
        members: dict[str, Version] = {}
        for other in wanted.group:
            seen = self.versions.latest(other) if cell is None else self.versions.seen_by(cell, other)
            if isinstance(seen, Version) and seen.reference == wanted.reference:
                members[other] = seen
        are_bound = all(self.bound.get(other) is version for other, version in members.items())
        loads = {0 if other in self.pending else id(self._loads.get(other)) for other in members}
        if (are_bound and len(loads) == 1) or not self._store.has(wanted.reference):
            return
        for other, version in members.items():
            self._displace(other)
            self.values.pop(other, None)
            self._now_bound(other, version, pending=True)

    def _now_bound(self, name: str, version: Version, *, pending: bool) -> None:
        self.bound[name] = version
        self._loads.pop(name, None)
        (self.pending.add if pending else self.pending.discard)(name)

    def _displace(self, name: str) -> None:
        """Keeps the value that `name` loses to an earlier version for the time of one run."""
        version = self.bound.get(name)
        if version is not None and name in self.values and name not in self._displaced:
            self._displaced[name] = (version, self.values[name], self._loads.get(name))
        self._retain(name)

    def _retain(self, name: str) -> None:
        """Keeps the value that `name` is about to lose, as long as no store has it: it may be wanted again."""
        version = self.bound.get(name)
        if version is not None and version.reference is None and name in self.values:
            self._keep_for_readers(version, self.values[name])

    def _keep_for_readers(self, version: Version, value: object) -> None:
        """Modules and numbers are never lost: they cost nothing to keep, and plain cells read them as well as tasks."""
        is_free = isinstance(value, _UNCHANGEABLE) and not isinstance(value, (str, bytes))
        if is_free or self.is_wanted(version):
            version.retained = value

    def _is_intact(self, version: Version) -> bool:
        if version.fingerprint is None or isinstance(version.retained, _UNCHANGEABLE):
            return True
        if version.handle is not None:
            return False
        taken = Fingerprinter(self.values, {}).own(version.retained)
        return taken.digest == version.fingerprint

    def adopt(self, cell: str, versions: Mapping[str, Version]) -> None:
        """`cell` was answered from the store: its names are bound, their values loaded when somebody reads them."""
        self.versions.record(cell, dict(versions))
        for name, version in versions.items():
            if version.definition and version.reference is None:
                if version.retained is not NOTHING:
                    self.values[name] = version.retained
                self._now_bound(name, version, pending=False)
                continue
            self._retain(name)
            self.values.pop(name, None)
            self._now_bound(name, version, pending=not version.is_absent)

    def load(self, name: str) -> bool:
        """Loads the value of a pending name, and of the names that share storage with it. False: it is lost."""
        if name not in self.pending:
            return name in self.values
        version = self.bound[name]
        pickle = self._store.value(version.reference) if version.reference is not None else None
        if pickle is None:
            return False
        try:
            values = load(pickle, self.values, self._definition)
        except Unloadable:
            return False
        for other, value in values.items():
            held = self.bound.get(other)
            if held is not None and held.reference == version.reference:
                self.values[other] = value
                self.pending.discard(other)
                self._loads[other] = pickle
                held.storage = None  # it was that of the objects which were stored
        return name not in self.pending

    def _storage(self, version: Version) -> frozenset[int]:
        """What mutable storage a loaded value reaches; found when it matters, for values that came from the store."""
        if version.storage is None:
            taken = Fingerprinter(self.values, {}).own(self.values[version.name])
            version.storage = taken.storage
        return version.storage

    def _definition(self, name: str) -> None:
        self.prepare_definition(name)
        if name in self.pending:
            self.load(name)

    def load_pending(self, names: Iterable[str]) -> None:
        """Loads those of `names` that have been promised but not read so far, as far as they can be had."""
        for name in list(names):
            if name in self.pending:
                self.load(name)

    # --- what a run changed

    def begin(self, inputs: Collection[str], writes: Iterable[str] = ()) -> None:
        """Remembers the namespace before a run that may read or change `inputs`.

        Names of `writes` that are no inputs are taken away meanwhile: whether the run has bound one of them
        again, perhaps to the very same object, could not be seen otherwise.
        """
        self._held = dict(self.values)
        self._last_values = {
            version: self._held[name] for name, version in self.bound.items() if isinstance(self._held.get(name), type)
        }
        self._taken = {
            name: self.values.pop(name)
            for name in writes
            if name in self.values and name not in inputs and is_notebook_name(name)
        }
        self._before = {}
        for name in inputs:
            version = self.bound.get(name)
            if version is None or version.fingerprint is None or isinstance(self.values.get(name), _UNCHANGEABLE):
                continue
            self._before[name] = version.fingerprint

    def settle(
        self, cell: Cell, provenance: str, *, surely: Iterable[str] = (), stored_into: Iterable[str] = (),
        failed: bool = False,
    ) -> Changes:  # fmt: skip
        """Compares the namespace with what it was at `begin` and gives `cell` its new versions.

        `provenance` is the fingerprint of values that have none of their own. `surely` are names that the run
        has bound even where they hold the same object as before: `import math` again, `x = 1` again;
        `stored_into` are names whose attributes or items its text sets.
        """
        changes = Changes()
        changes.bound.update(name for name in surely if name in self.values and not failed)
        for name, value in self._taken.items():
            if name in self.values:
                changes.bound.add(name)
            elif self._is_last_bound_by(name, cell.id) and not failed:
                self.bound.pop(name)  # the text that wrote it is no more
            else:
                self.values[name] = value
        self._taken = {}
        for name, value in self.values.items():
            if self._held.get(name, NOTHING) is not value and is_notebook_name(name):
                changes.bound.add(name)
        for name in self._held:
            if name not in self.values and name in self.bound and is_notebook_name(name):
                changes.deleted.add(name)
        for name in changes.bound | changes.deleted:
            self._lose(name)
        for name in changes.bound:
            changes.made[name] = self._made(name, cell.id, provenance, failed=failed)
        if all(isinstance(self.values[name], _DEFINITIONS) for name in changes.bound):
            self._keep_classes(cell.id, changes)
        for name in changes.deleted:
            changes.made[name] = Version(name=name, cell=cell.id, fingerprint="absent", is_absent=True)
            self._now_bound(name, changes.made[name], pending=False)
        self._stored_into_modules(cell, provenance, changes, stored_into)
        self._changed_in_place(cell.id, provenance, changes, cell.in_place, failed=failed)
        self._held = {}
        return changes

    def _keep_classes(self, cell: str, changes: Changes) -> None:
        """A class that was defined again as it was is still the class of the objects that there are of it."""
        for name, before in self.versions.made.get(cell, {}).items():
            now = changes.made.get(name)
            if now is None or before.fingerprint != now.fingerprint or not isinstance(self.values[name], type):
                continue
            value = self._value_of(before)
            if isinstance(value, type) and self._own_digest(value) == before.fingerprint:
                self.values[name] = value
                changes.made[name] = self.bound[name] = before

    def are_as_defined(self, versions: Mapping[str, Version], kept: set[str]) -> bool:
        """Whether definitions that ran again are what they were when their whole cell ran: `f.calls = 1` is not."""
        return all(
            name in self.values and self._own_digest(self.values[name]) == version.fingerprint
            for name, version in versions.items()
            if version.definition and name not in kept and not str(version.fingerprint).startswith("prov:")
        )

    def _own_digest(self, value: object) -> str:
        return Fingerprinter(self.values, {}).own(value).digest

    def _value_of(self, version: Version) -> object:
        """The object of a version that is still somewhere, else NOTHING."""
        if version.retained is not NOTHING:
            return version.retained
        displaced = self._displaced.get(version.name)
        if displaced is not None and displaced[0] is version:
            return displaced[1]
        return self._last_values.get(version, NOTHING)

    def kept_definitions(self, cell: str, versions: dict[str, Version]) -> set[str]:
        """Those of `versions`, of a cell to be answered from the store, that this kernel has defined already.

        They are replaced by the versions that there are; the others have to be defined by running the code.
        """
        kept: set[str] = set()
        for name, before in self.versions.made.get(cell, {}).items():
            now = versions.get(name)
            if now is None or not (now.definition and before.definition) or now.fingerprint != before.fingerprint:
                continue
            if self.bound.get(name) is before and name in self.values:
                value = self.values[name]
            else:
                value = self._value_of(before)
            if value is not NOTHING and self._own_digest(value) == before.fingerprint:
                before.retained = value
                versions[name] = before
                kept.add(name)
        return kept

    def _is_last_bound_by(self, name: str, cell: str) -> bool:
        version = self.bound.get(name)
        return version is not None and version.cell == cell and version.origin is None and not version.in_place

    def rebinds(self, cell: Cell) -> set[str]:
        """The names that `cell` may bind: those of its text, and those that it bound when it last ran."""
        made = self.versions.made.get(cell.id, {})
        return {*cell.writes, *(name for name in made if self._is_last_bound_by(name, cell.id))}

    def _stored_into_modules(self, cell: Cell, provenance: str, changes: Changes, names: Iterable[str]) -> None:
        """`math.tau = 3` makes another `math` for all who read it, which no fingerprint of a module says."""
        for name in names:
            if isinstance(self.values.get(name), types.ModuleType):
                version = Version(
                    name=name, cell=cell.id, fingerprint=f"{provenance}:{name}", in_place=True, definition=True
                )
                changes.made[name] = self.bound[name] = version

    def _lose(self, name: str) -> None:
        """`name` got another value: keep the one it had if a reader above may want it again."""
        version = self.bound.get(name)
        if version is not None and version.reference is None and name in self._held:
            self._keep_for_readers(version, self._held[name])

    def _made(self, name: str, cell: str, provenance: str, *, failed: bool) -> Version:
        version = Version(name=name, cell=cell, from_failure=failed)
        self._now_bound(name, version, pending=False)
        self._fingerprint(version)
        if version.handle not in (None, "memo"):
            version.fingerprint = f"{provenance}:{name}"
        return version

    def _changed_in_place(
        self, cell: str, provenance: str, changes: Changes, changing: frozenset[str], *, failed: bool
    ) -> None:
        changed: set[int] = set()  # storage whose content is another now
        touched: set[int] = set()  # storage whose content may be another now
        for name in changes.made:
            if name in self.values:
                touched |= self._storage(self.bound[name])
        for name, before in self._before.items():
            if name in changes.made:
                changed |= self._changed_behind(name, before)
            elif name in self.values:
                changed |= self._compare(name, before, cell, provenance, changes, was_read=True, failed=failed)
        for name in changing & self.bound.keys():
            touched |= self._storage(self.bound[name]) if name in self.values else frozenset()
        if not changed and not touched:
            return
        for name, version in list(self.bound.items()):
            if name in changes.made or name in self._before or name not in self.values:
                continue
            storage = self._storage(version)
            if storage & changed or storage & touched:
                self._compare(
                    name, version.fingerprint, cell, provenance, changes,
                    was_read=bool(storage & changed), failed=failed,
                )  # fmt: skip

    def _changed_behind(self, name: str, before: str) -> frozenset[int]:
        """The storage of the value that `name` had before the run bound it anew, if the run had changed that first."""
        old = self._held.get(name, NOTHING)
        if old is NOTHING or old is self.values.get(name) or isinstance(old, _UNCHANGEABLE):
            return frozenset()
        taken = Fingerprinter(self.values, {}).own(old)
        return frozenset() if taken.digest == before else taken.storage

    def _compare(
        self, name: str, before: str | None, cell: str, provenance: str, changes: Changes, *, was_read: bool,
        failed: bool,
    ) -> frozenset[int]:  # fmt: skip
        """Makes a new version of `name` if its value is another than before. Returns the storage that changed.

        A value that reading changes is another one when `was_read`.
        """
        old = self.bound[name]
        version = Version(name=name, cell=cell, in_place=True, from_failure=failed)
        self.bound[name] = version
        self._fingerprint(version)
        if not was_read if version.handle is not None else version.fingerprint == before:
            self.bound[name] = old
            return frozenset()
        if version.handle is not None:
            version.fingerprint = f"{provenance}:{name}"
        old.retained = NOTHING
        changes.in_place.add(name)
        changes.made[name] = version
        return (old.storage or frozenset()) | (version.storage or frozenset())

    def sharing(self, names: Iterable[str]) -> list[frozenset[str]]:
        """The groups of names that have to be stored together because they share mutable storage."""
        candidates = {
            name: self._storage(version)
            for name, version in self.bound.items()
            if name in self.values and not version.definition and not isinstance(self.values[name], _UNCHANGEABLE)
        }
        groups: list[frozenset[str]] = []
        todo = set(names)
        while todo:
            group = {todo.pop()}
            storage: set[int] = set().union(*(candidates.get(name, frozenset()) for name in group))
            grown = True
            while grown and storage:
                joining = {name for name, ids in candidates.items() if name not in group and ids & storage}
                storage |= set().union(*(candidates[name] for name in joining))
                group |= joining
                grown = bool(joining)
            todo -= group
            groups.append(frozenset(group))
        return groups

    def made_together(self, group: frozenset[str]) -> None:
        """The names of `group` hold, as they are now, values that share storage."""
        token = object()
        for name in group:
            self._loads[name] = token

    def keep(self, group: frozenset[str]) -> str:
        """Stores the values of a group as one pickle and returns its reference. Raises `Unstorable`."""
        for name in group:
            version = self.bound[name]
            if not version.can_be_stored:
                raise Unstorable(name, f"{type(self.values[name]).__name__} cannot be stored")
        pickled = dump({name: self.values[name] for name in sorted(group)}, self.values)
        return self._store.put_value(pickled, None)
