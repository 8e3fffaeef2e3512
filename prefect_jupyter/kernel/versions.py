"""Versions of names: what each cell made of a name, and which of these versions a place in the document sees.

It must not touch the namespace or load values: that is `user_namespace`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..core.rebuilder import Trace
from .document import Document


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


@dataclass(slots=True, eq=False, kw_only=True)
class Version:
    """One value that a name had: made by `cell`, or there before (None).

    `fingerprint` is None until somebody has to know it. `reference` is where the store keeps the value,
    together with the other names of `group`, which share storage with it. `reach` are the notebook
    names that its code reads when called, `sources` the code of workspace modules that it reaches.
    `handle` says that reading changes it (an iterator, an open file, a figure). `storage` is None until it
    is known which mutable objects the value reaches.
    `is_absent` marks a name that the cell deleted. `origin` is the cell whose work the value is, where
    `cell` only made another name that shares storage with it.
    """

    name: str
    cell: str | None
    fingerprint: str | None = None
    reference: str | None = None
    group: frozenset[str] = frozenset()
    reach: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    storage: frozenset[int] | None = None
    handle: str | None = None
    definition: bool = False
    in_place: bool = False
    origin: str | None = None
    from_failure: bool = False
    is_absent: bool = False
    summary: str = ""
    retained: object = NOTHING

    @property
    def producer(self) -> str | None:
        """The cell whose work the value is."""
        return self.origin or self.cell

    @property
    def may_share(self) -> bool:
        """Whether it is, or holds, something that can be changed, as far as that is known."""
        return not self.definition and (bool(self.storage) or (self.storage is None and len(self.group) > 1))

    def shares_with(self, other: Version) -> bool:
        if self.reference is not None and self.reference == other.reference:
            return True
        return bool(self.storage and other.storage and not self.storage.isdisjoint(other.storage))

    @property
    def can_be_stored(self) -> bool:
        return self.handle not in ("iterator", "io", "memo")


class Versions:
    """What every cell made when it last ran, by document order."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.made: dict[str, dict[str, Version]] = {}
        self.unsettled: set[str] = set()  # cells whose last run failed or was of another text
        self.is_harmless: Callable[[str, str], bool] = lambda cell, name: False
        self._expected: dict[str, frozenset[str]] = {}
        self._suspected: dict[str, frozenset[str]] = {}
        self._writers: dict[str, list[tuple[int, str]]] = {}

    def expect(self, cell: str, names: frozenset[str]) -> None:
        """The text of `cell` says that it will write these names."""
        self._expected[cell] = names

    def rebuild(self) -> None:
        """Sorts the writers of each name by document order; to be called when the order or a text has changed."""
        self._writers = {}
        for place, cell in enumerate(self._document.order):
            for name in self._may_write(cell) | self.made.get(cell, {}).keys():
                self._writers.setdefault(name, []).append((place, cell))

    def append(self, cell: str) -> None:
        """`cell` has come below all others."""
        place = self._document.place(cell)
        if place is not None:
            for name in self._expected.get(cell, frozenset()) | self.made.get(cell, {}).keys():
                self._writers.setdefault(name, []).append((place, cell))

    def record(self, cell: str, versions: dict[str, Version]) -> None:
        """`cell` has run and made these versions."""
        place = self._document.place(cell)
        known = self._may_write(cell) | self.made.get(cell, {}).keys()
        self.made[cell] = dict(versions)
        if place is not None:
            for name in versions.keys() - known:
                writers = self._writers.setdefault(name, [])
                at = bisect_left(writers, (place, cell))
                if at == len(writers) or writers[at] != (place, cell):  # it may have made it in an earlier run
                    writers.insert(at, (place, cell))

    def _may_write(self, cell: str) -> frozenset[str]:
        expected = self._expected.get(cell, frozenset())
        return expected if self.is_settled(cell) else expected | self._suspected.get(cell, frozenset())

    def add(self, cell: str, versions: dict[str, Version]) -> None:
        """`cell` has made these besides what is recorded of its last run."""
        if versions:
            self.record(cell, self.made.get(cell, {}) | versions)

    def suspect(self, cell: str, names: frozenset[str]) -> None:
        """`cell` has not run as it stands, and may change these names along with those of its text."""
        self._suspected[cell] = names

    def sharers(self, cell: str, names: Iterable[str]) -> dict[str, Version]:
        """What other names hold, where `cell` stands, that shares mutable storage with what `names` hold there."""
        given = {*names}
        found: dict[str, Version] = {}
        for each in self.sharers_of_each(cell, given).values():
            found |= {name: version for name, version in each.items() if name not in given}
        return found

    def sharers_of_each(self, cell: str, names: Iterable[str]) -> dict[str, dict[str, Version]]:
        """`sharers` of each name by itself."""
        seen = {name: self.seen_by(cell, name) for name in names}
        if not any(isinstance(version, Version) and version.may_share for version in seen.values()):
            return {name: {} for name in seen}
        everything = {
            name: version for name in self._writers if isinstance(version := self.seen_by(cell, name), Version)
        }
        mutable = {name: version for name, version in everything.items() if version.may_share}
        return {name: _joined(mutable, name) if name in mutable else {} for name in seen}

    def sharing(self, cell: str, trace: Trace) -> dict[str, str]:
        """`Trace.shared_in` as it would be if `cell` ran now and did what it did in the run of `trace`."""
        bound = bound_anew(trace)
        return {name: shared(each, bound) for name, each in self.sharers_of_each(cell, trace.shared_in).items()}

    def leaves_shared(self, cell: str) -> bool:
        """Whether a value that `cell` made shares storage with one of another name."""
        made = [version for version in self.made.get(cell, {}).values() if version.may_share]
        if not made:
            return False
        others = [seen for name in self._writers if isinstance(seen := self.seen_by(cell, name), Version)]
        return any(one is not other and one.name != other.name and one.shares_with(other)
                   for one in made for other in (*made, *others))  # fmt: skip

    def is_settled(self, cell: str) -> bool:
        """Whether the cell has run to its end as it stands."""
        return cell in self.made and cell not in self.unsettled

    def is_written(self, name: str) -> bool:
        """Whether any cell of the document writes `name`."""
        return bool(self._writers.get(name))

    def writers_above(self, cell: str, name: str) -> Iterator[str]:
        """The cells above `cell` that write `name`, nearest first."""
        place = self._document.place(cell)
        return self._writers_before(len(self._document.order) if place is None else place, name)

    def _writers_before(self, place: int, name: str) -> Iterator[str]:
        writers = self._writers.get(name)
        if writers is None:
            return iter(())
        return (writers[index][1] for index in range(bisect_left(writers, (place, "")) - 1, -1, -1))

    def seen_by(self, cell: str, name: str) -> Version | str | None:
        """What `cell` reads under `name` where it stands.

        A version; or the id of the cell above that will write the name but has not run as it stands; or None.
        """
        writers = self._writers.get(name)
        if not writers:
            return None
        place = self._document.place(cell)
        end = len(writers) if place is None else bisect_left(writers, (place, ""))
        shared: Version | None = None  # a cell left it as it was, and only stored it along with what it made
        for index in range(end - 1, -1, -1):
            writer = writers[index][1]
            made = self.made.get(writer)
            if made is not None and name in made:
                version = made[name]
                if version.origin is not None:
                    shared = shared or version
                    continue
                if shared is None or shared.fingerprint != version.fingerprint:
                    return version
                shared.origin = version.cell  # cells may have moved since it was stored
                return shared
            if made is None:
                return writer
            if writer in self.unsettled and name in self._may_write(writer) and not self.is_harmless(writer, name):
                return writer
        return None

    def latest(self, name: str) -> Version | None:
        """The version at the end of the document, of what has run."""
        for writer in self._writers_before(len(self._document.order), name):
            version = self.made.get(writer, {}).get(name)
            if version is not None:
                return version
        return None


def _joined(versions: Mapping[str, Version], name: str) -> dict[str, Version]:
    """Those of `versions` that share storage with that of `name`, at any remove."""
    others = {other: version for other, version in versions.items() if other != name}
    found: dict[str, Version] = {}
    todo = [versions[name]]
    while todo and others:
        one = todo.pop()
        joining = {other: version for other, version in others.items() if one.shares_with(version)}
        found |= joining
        todo += joining.values()
        for other in joining:
            del others[other]
    return found


def bound_anew(trace: Trace) -> set[str]:
    """The names that a run gave new values, whatever shared their old ones."""
    return {name for name, output in trace.outputs.items() if not (output.in_place or output.shared)}


def shared(sharers: Mapping[str, Version], bound: Container[str]) -> str:
    """A description of what shares storage with a name, equal in every kernel."""
    return ",".join(f"{name}={sharers[name].fingerprint}" for name in sorted(sharers) if name not in bound)
