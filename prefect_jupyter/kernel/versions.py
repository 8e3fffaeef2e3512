"""Versions of names: what each cell made of a name, and which of these versions a place in the document sees.

It must not touch the namespace or load values: that is `user_namespace`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

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
        self._writers: dict[str, list[tuple[int, str]]] = {}

    def expect(self, cell: str, names: frozenset[str]) -> None:
        """The text of `cell` says that it will write these names."""
        self._expected[cell] = names

    def rebuild(self) -> None:
        """Sorts the writers of each name by document order; to be called when the order or a text has changed."""
        self._writers = {}
        for place, cell in enumerate(self._document.order):
            for name in self._expected.get(cell, frozenset()) | self.made.get(cell, {}).keys():
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
        known = self._expected.get(cell, frozenset()) | self.made.get(cell, {}).keys()
        self.made[cell] = dict(versions)
        if place is not None:
            for name in versions.keys() - known:
                writers = self._writers.setdefault(name, [])
                at = bisect_left(writers, (place, cell))
                if at == len(writers) or writers[at] != (place, cell):  # it may have made it in an earlier run
                    writers.insert(at, (place, cell))

    def add(self, cell: str, versions: dict[str, Version]) -> None:
        """`cell` has made these besides what is recorded of its last run."""
        if versions:
            self.record(cell, self.made.get(cell, {}) | versions)

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
        for index in range(end - 1, -1, -1):
            writer = writers[index][1]
            made = self.made.get(writer)
            if made is None:
                return writer
            if name in made:
                return made[name]
            if writer in self.unsettled and name in self._expected.get(writer, ()):
                if self.is_harmless(writer, name):
                    continue
                return writer
        return None

    def latest(self, name: str) -> Version | None:
        """The version at the end of the document, of what has run."""
        for writer in self._writers_before(len(self._document.order), name):
            version = self.made.get(writer, {}).get(name)
            if version is not None:
                return version
        return None
