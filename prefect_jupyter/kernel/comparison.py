"""What a run changed in the namespace: its names, and what their values reach, compared with before.

It must not know what the run was, or look at anything beside the namespace.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..core.cells import Cell
from ..runtime.fingerprints import Fingerprinter
from .names import is_notebook_name
from .user_namespace import DEFINITIONS, UNCHANGEABLE, UserNamespace
from .versions import NOTHING, Version


@dataclass(slots=True)
class Changes:
    """What one run did to the namespace. All of `made` are new versions of the cell that ran.

    `roots` are inputs whose storage it changed, whether or not it also bound them anew.
    """

    made: dict[str, Version] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    in_place: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    roots: set[str] = field(default_factory=set)


class Comparison:
    """The namespace before and after one run at a time. Main thread only."""

    def __init__(self, namespace: UserNamespace) -> None:
        self._namespace = namespace
        self._values = namespace.values
        self._bound = namespace.bound
        self._held: dict[str, Any] = {}
        self._before: dict[str, str] = {}
        self._taken: dict[str, Any] = {}
        self._outer: list[tuple[dict[str, Any], dict[str, str], dict[str, Any]]] = []

    def begin(self, inputs: Collection[str], writes: Iterable[str] = ()) -> None:
        """Remembers the namespace before a run that may read or change `inputs`.

        Names of `writes` that are no inputs are taken away meanwhile: whether the run has bound one of them
        again, perhaps to the very same object, could not be seen otherwise. A run may begin inside another one, as
        `%flow run` lets tasks run inside its cell; what it makes is not the work of the other one.
        """
        self._outer.append((self._held, self._before, self._taken))
        self._held = dict(self._values)
        self._taken = {
            name: self._values.pop(name)
            for name in writes
            if name in self._values and name not in inputs and is_notebook_name(name)
        }
        self._before = {}
        for name in inputs:
            version = self._bound.get(name)
            if version is None or version.fingerprint is None or isinstance(self._values.get(name), UNCHANGEABLE):
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
        changes.bound.update(name for name in surely if name in self._values and not failed)
        for name, value in self._taken.items():
            if name in self._values:
                changes.bound.add(name)
            elif self._is_last_bound_by(name, cell.id) and not failed:
                self._bound.pop(name)  # the text that wrote it is no more
            else:
                self._values[name] = value
        self._taken = {}
        held = self._held
        other = [name for name, value in self._values.items() if held.get(name, NOTHING) is not value]
        changes.bound.update(filter(is_notebook_name, other))
        gone = held.keys() - self._values.keys()
        changes.deleted.update(name for name in gone if name in self._bound and is_notebook_name(name))
        self._namespace.replaced.clear()
        for name in changes.bound | changes.deleted:
            self._lose(name)
        for name in changes.bound:
            changes.made[name] = self._made(name, cell.id, provenance, failed=failed)
        if all(isinstance(self._values[name], DEFINITIONS) for name in changes.bound):
            self._keep_classes(cell.id, changes)
        for name in changes.deleted:
            changes.made[name] = Version(name=name, cell=cell.id, fingerprint="absent", is_absent=True)
            self._namespace.now_bound(name, changes.made[name], pending=False)
        self._stored_into_modules(cell, provenance, changes, stored_into)
        self._changed_in_place(cell.id, provenance, changes, cell.in_place, failed=failed)
        self.abandon()
        self._make_known(changes)
        return changes

    def abandon(self) -> None:
        """The run that began last is over, or is not going to be settled."""
        self._values.update({name: value for name, value in self._taken.items() if name not in self._values})
        self._held, self._before, self._taken = self._outer.pop() if self._outer else ({}, {}, {})

    def _make_known(self, changes: Changes) -> None:
        """What a run inside another one has done is how the other one finds it."""
        if not self._held:
            return
        for name, version in changes.made.items():
            if name in self._values:
                self._held[name] = self._values[name]
                if name in self._before and version.fingerprint is not None:
                    self._before[name] = version.fingerprint
            else:
                self._held.pop(name, None)

    def _keep_classes(self, cell: str, changes: Changes) -> None:
        """A class that was defined again as it was is still the class of the objects that there are of it."""
        for name, before in self._namespace.versions.made.get(cell, {}).items():
            now = changes.made.get(name)
            if now is None or before.fingerprint != now.fingerprint or not isinstance(self._values[name], type):
                continue
            value = self._namespace.value_of(before)
            if isinstance(value, type) and self._namespace.own_digest(value) == before.fingerprint:
                self._values[name] = value
                changes.made[name] = self._bound[name] = before

    def _is_last_bound_by(self, name: str, cell: str) -> bool:
        version = self._bound.get(name)
        return version is not None and version.cell == cell and version.origin is None and not version.in_place

    def rebinds(self, cell: Cell) -> set[str]:
        """The names that `cell` may bind: those of its text, and those that it bound when it last ran."""
        made = self._namespace.versions.made.get(cell.id, {})
        return {*cell.writes, *(name for name in made if self._is_last_bound_by(name, cell.id))}

    def _stored_into_modules(self, cell: Cell, provenance: str, changes: Changes, names: Iterable[str]) -> None:
        """`math.tau = 3` makes another `math` for all who read it, which no fingerprint of a module says."""
        for name in names:
            if isinstance(self._values.get(name), types.ModuleType):
                version = Version(
                    name=name, cell=cell.id, fingerprint=f"{provenance}:{name}", in_place=True, definition=True
                )
                changes.made[name] = self._bound[name] = version

    def _lose(self, name: str) -> None:
        """`name` got another value: keep the one it had if a reader above may want it again."""
        version = self._bound.get(name)
        if version is None or name not in self._held:
            return
        value = self._held[name]
        if isinstance(value, type):
            self._namespace.replaced[version] = value
        if version.reference is None:
            self._namespace.keep_for_readers(version, value)

    def _made(self, name: str, cell: str, provenance: str, *, failed: bool) -> Version:
        version = Version(name=name, cell=cell, from_failure=failed)
        self._namespace.now_bound(name, version, pending=False)
        self._namespace.take_fingerprint(version)
        if version.handle not in (None, "memo"):
            version.fingerprint = f"{provenance}:{name}"
        return version

    def _changed_in_place(
        self, cell: str, provenance: str, changes: Changes, changing: frozenset[str], *, failed: bool
    ) -> None:
        changed: set[int] = set()  # storage whose content is another now
        touched: set[int] = set()  # storage whose content may be another now
        for name in changes.made:
            if name in self._values:
                touched |= self._namespace.storage_of(self._bound[name])
        for name, before in self._before.items():
            found: frozenset[int] = frozenset()
            if name in changes.made:
                found = self._changed_behind(name, before)
            elif name in self._values:
                found = self._compare(name, before, cell, provenance, changes, was_read=True, failed=failed)
            if found:
                changes.roots.add(name)
                changed |= found
        for name in changing & self._bound.keys():
            touched |= self._namespace.storage_of(self._bound[name]) if name in self._values else frozenset()
        if not changed and not touched:
            return
        self._namespace.invalidate(changed)
        for name, version in list(self._bound.items()):
            if name in changes.made or name in self._before or name not in self._values:
                continue
            storage = self._namespace.storage_of(version)
            if storage & changed or storage & touched:
                self._compare(
                    name, version.fingerprint, cell, provenance, changes,
                    was_read=bool(storage & changed), failed=failed,
                )  # fmt: skip

    def _changed_behind(self, name: str, before: str) -> frozenset[int]:
        """The storage of the value that `name` had before the run bound it anew, if the run had changed that first."""
        old = self._held.get(name, NOTHING)
        if old is NOTHING or isinstance(old, UNCHANGEABLE):
            return frozenset()
        if old is self._values.get(name):  # `M += [1]` binds the same list again
            now = self._bound[name]
            return frozenset() if now.fingerprint == before else self._namespace.storage_of(now)
        taken = Fingerprinter(self._values, {}).own(old)
        return frozenset() if taken.digest == before else taken.storage

    def _compare(
        self, name: str, before: str | None, cell: str, provenance: str, changes: Changes, *, was_read: bool,
        failed: bool,
    ) -> frozenset[int]:  # fmt: skip
        """Makes a new version of `name` if its value is another than before. Returns the storage that changed.

        A value that reading changes is another one when `was_read`.
        """
        old = self._bound[name]
        version = Version(name=name, cell=cell, in_place=True, from_failure=failed)
        self._bound[name] = version
        self._namespace.take_fingerprint(version)
        if not was_read if version.handle is not None else version.fingerprint == before:
            self._bound[name] = old
            old.storage = version.storage  # who shares it may be asked, and it came from the store perhaps
            return frozenset()
        if version.handle is not None:
            version.fingerprint = f"{provenance}:{name}"
        old.retained = NOTHING
        changes.in_place.add(name)
        changes.made[name] = version
        return (old.storage or frozenset()) | (version.storage or frozenset())
