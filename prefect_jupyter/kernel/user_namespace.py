"""The notebook's namespace: which version each name holds, putting back the right ones, loading and storing values.

It must not know tasks, keys or the shell: it works on a dictionary, a store and the versions of the document.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ..runtime.fingerprints import Fingerprinter
from ..runtime.owned import owned, owners
from ..runtime.pickles import Pickle, Unloadable, Unstorable, dump, load
from ..runtime.stores import Store
from .names import is_notebook_name, is_pseudo
from .versions import NOTHING, Version, Versions

DEFINITIONS = (types.ModuleType, types.FunctionType, type)
UNCHANGEABLE = (int, float, complex, str, bytes, bool, type(None), types.ModuleType, range)


class UserNamespace:
    """One notebook's names. Values are bound at cell boundaries only, on the main thread."""

    def __init__(self, values: dict[str, Any], store: Store, versions: Versions) -> None:
        self.values = values
        self.versions = versions
        self.bound: dict[str, Version] = {}
        self.pending: set[str] = set()
        self._store = store
        self.replaced: dict[Version, type] = {}  # the classes that the last run put others in the place of
        self._loads: dict[str, object] = {}  # what each loaded name was loaded with, or made with
        self._handles: list[Version] = []  # whose objects are kept for readers, and have not been used since
        self._displaced: dict[str, tuple[Version, Any, object]] = {}
        self._stand_ins: dict[str, Version] = {}
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
            self.take_fingerprint(version)
        return version

    def take_fingerprint(self, version: Version) -> None:
        if version.name not in self.values:
            return
        value = self.values[version.name]
        taken = Fingerprinter(self.values, {}).own(value)
        version.fingerprint = taken.digest
        version.reach = frozenset(name for name in taken.names if is_notebook_name(name))
        version.sources = taken.sources
        version.storage = taken.storage
        version.handle = taken.handle if taken.stable or taken.handle else "io"
        if isinstance(value, DEFINITIONS):
            version.storage = taken.storage | owned(value, self.values)
        elif taken.storage:
            shared = frozenset(filter(is_notebook_name, owners(taken.storage, self.values)))
            if shared:  # whoever reads the value has to meet the code that it belongs to
                version.reach |= shared
                version.handle = version.handle or "io"

    # --- binding

    def see(self, cell: str, name: str, wanted: Version | str | None) -> Version | None:
        """Binds `name` to what `cell` sees under it where it stands, without loading it, and returns that version.

        Where it cannot be had, the version is returned all the same if its fingerprint is known.
        """
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
        for name, stand_in in self._stand_ins.items():
            if self.bound.get(name) is stand_in:
                self.drop(name)
        self._stand_ins.clear()
        for name in {*names, *self._displaced}:
            version = self.versions.latest(name)
            if version is None:
                version = self._displaced[name][0] if name in self._displaced else None
            if version is None or version is self.bound.get(name):
                continue
            displaced, value, load = self._displaced.get(name, (None, None, None))
            if displaced is version:
                self.retain(name)
                self.values[name] = value
                self.now_bound(name, version, pending=False)
                self._loads[name] = load
            else:
                # a name that has a value to look at keeps one
                self._bind(version, None, lazily=name not in self.values)
        self._displaced.clear()

    def stand_in(self, name: str, value: object) -> None:
        """Binds `name` to something in place of a value that was not made; `show_latest` takes it away again."""
        self._displace(name)
        version = Version(name=name, cell=None)
        self.values[name] = value
        self.now_bound(name, version, pending=False)
        self._stand_ins[name] = version

    def drop(self, name: str) -> None:
        """Takes away a name that is not there in a run from the top."""
        self.values.pop(name, None)
        self.pending.discard(name)
        self.bound.pop(name, None)

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
            self.now_bound(name, wanted, pending=False)
            return True
        if wanted.retained is not NOTHING and self._is_intact(wanted):
            self._displace(name)
            self.values[name] = wanted.retained
            self.now_bound(name, wanted, pending=False)
            self._bind_retained_with(wanted, cell)
            return True
        if wanted.reference is None or not self._store.has(wanted.reference):
            return False
        self._displace(name)
        self.values.pop(name, None)
        self.now_bound(name, wanted, pending=True)
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
            self.now_bound(other, version, pending=True)

    def now_bound(self, name: str, version: Version, *, pending: bool) -> None:
        self.bound[name] = version
        self._loads.pop(name, None)
        (self.pending.add if pending else self.pending.discard)(name)

    def _displace(self, name: str) -> None:
        """Keeps the value that `name` loses to an earlier version for the time of one run."""
        version = self.bound.get(name)
        if version is not None and name in self.values and name not in self._displaced:
            self._displaced[name] = (version, self.values[name], self._loads.get(name))
        self.retain(name)

    def retain(self, name: str) -> None:
        """Keeps the value that `name` is about to lose, as long as no store has it: it may be wanted again.

        What shares storage with a value of another name has to stay that very object: loaded, it would share nothing.
        """
        version = self.bound.get(name)
        if version is None or name not in self.values:
            return
        if version.reference is None:
            self.keep_for_readers(version, self.values[name])
        elif self._is_shared(version):
            version.retained = self.values[name]

    def _is_shared(self, version: Version) -> bool:
        """Whether a name holds some of the storage of `version`, without having been stored along with it."""
        if not version.storage:
            return False
        return any(
            other.name != version.name and other.reference != version.reference and other.shares_with(version)
            for other in self.bound.values()
        )

    def keep_for_readers(self, version: Version, value: object) -> None:
        """Modules and numbers are never lost: they cost nothing to keep, and plain cells read them as well as tasks."""
        if _is_free(value) or self.is_wanted(version):
            version.retained = value
            if version.handle is not None and version.storage is not None:
                self._handles.append(version)

    def invalidate(self, storage: AbstractSet[int]) -> None:
        """What reaches any of this storage may be another now: handles kept for readers, which nothing can compare."""
        for version in self._handles:
            if version.storage is None or version.storage & storage:
                version.retained = NOTHING
        self._handles = [version for version in self._handles if version.retained is not NOTHING]

    def _is_intact(self, version: Version) -> bool:
        if version.fingerprint is None or isinstance(version.retained, UNCHANGEABLE):
            return True
        if version.handle is not None:
            return version in self._handles
        taken = Fingerprinter(self.values, {}).own(version.retained)
        return taken.digest == version.fingerprint

    def adopt(self, cell: str, versions: Mapping[str, Version]) -> None:
        """`cell` was answered from the store: its names are bound, their values loaded when somebody reads them."""
        self.versions.record(cell, dict(versions))
        for name, version in versions.items():
            if version.definition and version.reference is None:
                if version.retained is not NOTHING:
                    self.values[name] = version.retained
                self.now_bound(name, version, pending=False)
                continue
            self.retain(name)
            self.values.pop(name, None)
            self.now_bound(name, version, pending=not version.is_absent)

    # --- loading

    def load(self, name: str) -> bool:
        """Loads the value of a pending name, and of the names that share storage with it. False: it is lost."""
        if name not in self.pending:
            return name in self.values
        version = self.bound[name]
        pickle = self._store.value(version.reference) if version.reference is not None else None
        if pickle is None:
            return False
        try:
            values = self.loaded(pickle)
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

    def loaded(self, pickled: Pickle) -> dict[str, Any]:
        """The values in a pickle of the store, by name, without binding them. Raises `Unloadable`."""
        return load(pickled, self.values, self._definition)

    def _definition(self, name: str) -> None:
        self.prepare_definition(name)
        if name in self.pending:
            self.load(name)

    def load_pending(self, names: Iterable[str]) -> None:
        """Loads those of `names` that have been promised but not read so far, as far as they can be had."""
        for name in list(names):
            if name in self.pending:
                self.load(name)

    # --- what values are

    def storage_of(self, version: Version) -> frozenset[int]:
        """What mutable storage a loaded value reaches; found when it matters, for values that came from the store."""
        if version.storage is None:
            value = self.values[version.name]
            taken = Fingerprinter(self.values, {}).own(value)
            version.storage = taken.storage | owned(value, self.values)
        return version.storage

    def storage_held(self) -> frozenset[int]:
        """What mutable storage the values of all loaded names reach."""
        return frozenset().union(
            *(self.storage_of(version) for name, version in self.bound.items() if name in self.values)
        )

    def own_digest(self, value: object) -> str:
        return Fingerprinter(self.values, {}).own(value).digest

    def is_code(self, version: Version) -> bool:
        """Whether a version is a module, a function or a class, which is the same to all who look at it."""
        return is_pseudo(version.name) or isinstance(self.value_of(version), DEFINITIONS)

    def renew(self, version: Version, renewed: Version) -> None:
        """The value of a version is another one now although no cell has run: its code was reloaded."""
        if version.cell is not None:
            self.versions.made[version.cell][version.name] = renewed
        if self.bound.get(version.name) is version:
            self.bound[version.name] = renewed

    def value_of(self, version: Version) -> object:
        """The object of a version that is still somewhere, else NOTHING."""
        if self.bound.get(version.name) is version and version.name in self.values:
            return self.values[version.name]
        if version.retained is not NOTHING:
            return version.retained
        displaced = self._displaced.get(version.name)
        if displaced is not None and displaced[0] is version:
            return displaced[1]
        return self.replaced.get(version, NOTHING)

    # --- storing

    def sharing(self, names: Iterable[str]) -> list[frozenset[str]]:
        """The groups of names that have to be stored together because they share mutable storage."""
        todo = set(names)
        if all(isinstance(self.values[name], UNCHANGEABLE) for name in todo):
            return [frozenset({name}) for name in todo]
        candidates = {
            name: self.storage_of(version)
            for name, version in self.bound.items()
            if name in self.values and not version.definition and not isinstance(self.values[name], UNCHANGEABLE)
        }
        groups: list[frozenset[str]] = []
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
                raise Unstorable(name, f"is a {type(self.values[name]).__name__}, which cannot be stored")
        pickled = dump({name: self.values[name] for name in sorted(group)}, self.values)
        return self._store.put_value(pickled, None)


_FREE_PARTS_MAX = 200
_EMPTY_CELL = types.CellType()


def _is_free(value: object) -> bool:
    """Whether keeping a value costs next to nothing: numbers, modules, code, and small containers of such."""
    parts, todo = 0, [value]
    while todo:
        part = todo.pop()
        parts += 1
        if parts > _FREE_PARTS_MAX:
            return False
        if isinstance(part, (str, bytes)):
            parts += len(part)
        elif type(part) is dict:
            if len(part) > _FREE_PARTS_MAX:
                return False
            todo += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple, set, frozenset)) and type(part).__module__ == "builtins":
            if len(part) > _FREE_PARTS_MAX:
                return False
            todo += part
        elif isinstance(part, types.FunctionType):
            todo += [cell.cell_contents for cell in part.__closure__ or () if cell != _EMPTY_CELL]
            todo += [*(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values(), *part.__dict__.values()]
        elif not isinstance(part, (*UNCHANGEABLE, type)):
            return False
    return True
