"""Who reads and writes what: every read bound to the nearest writer above it, cell by cell from the top.

It must not know names of tasks or problems. Bindings are a value: one more cell makes new bindings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .cells import Cell

Needs: TypeAlias = "Mapping[int, tuple[str, ...]]"
"""The cells that one cell needs, by position, and the names that it needs from each."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What earlier runs of a cell taught beyond its text.

    `writes` are names that it changed in place, or bound, without its text saying so.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


_NOTHING_LEARNED = Learned()
NO_LEARNING: Mapping[str, Learned] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """Who reads and writes what, by position in the document.

    `above[i]` maps each cell that cell `i` needs to the names it needs from it, `below` is the reverse;
    `writers[name]` are the cells that bind, change or delete `name`, from the top. `late` is what the bodies of
    functions read when they are called below all cells, `evaluating` are those that evaluate strings from elsewhere.
    `words[i]` are the reads of cell `i` that may be no more than words in such strings. `carried[i]` are the tasks
    that cell `i` needs through any number of plain cells, and their names.
    """

    reads: tuple[frozenset[str], ...] = ()
    words: tuple[frozenset[str], ...] = ()
    writers: Mapping[str, Sequence[int]] = field(default_factory=dict)
    above: tuple[Needs, ...] = ()
    below: tuple[Needs, ...] = ()
    late: Mapping[str, frozenset[str]] = field(default_factory=dict)
    evaluating: frozenset[str] = frozenset()
    carried: tuple[Needs, ...] = ()

    def extended(self, cells: Sequence[Cell]) -> Bindings:
        """With the last of `cells` below the others, of which these are the bindings."""
        cell, position = cells[-1], len(cells) - 1
        reads = _effective_reads(cell, _NOTHING_LEARNED, self.writers, self.late)
        words = _words_read(cell, cells, reads, self.writers, self.evaluating)
        reads = _with_late(reads | words, self.late)
        above = _sources(reads, self.writers)
        below: list[Needs] = [*self.below, {}]
        for source, names in above.items():
            below[source] = {**below[source], position: names}
        written = _written(cell, _NOTHING_LEARNED)
        return replace(
            self,
            reads=(*self.reads, reads),
            words=(*self.words, words),
            writers={**self.writers, **{name: [*self.writers.get(name, ()), position] for name in written}},
            above=(*self.above, above),
            below=tuple(below),
            late=_late_below(cell, self.late, words),
            evaluating=_evaluating_below(cell, reads, self.evaluating),
            carried=(*self.carried, _carried(cells, above, self.carried)),
        )


def bind(cells: Sequence[Cell], learned: Mapping[str, Learned]) -> Bindings:
    """One pass from the top that knows, for each name, its last writer and what its body reads when called."""
    late: Mapping[str, frozenset[str]] = {}
    writers: dict[str, list[int]] = {}
    evaluating: frozenset[str] = frozenset()
    reads: list[frozenset[str]] = []
    words: list[frozenset[str]] = []
    above: list[Needs] = []
    below: list[dict[int, tuple[str, ...]]] = [{} for _ in cells]
    carried: list[Needs] = []
    for position, cell in enumerate(cells):
        taught = learned.get(cell.id, _NOTHING_LEARNED)
        effective = _effective_reads(cell, taught, writers, late)
        words.append(_words_read(cell, cells, effective, writers, evaluating))
        effective = _with_late(effective | words[-1], late)
        needed = _sources(effective, writers)
        for source, names in needed.items():
            below[source][position] = names
        above.append(needed)
        reads.append(effective)
        for name in _written(cell, taught):
            writers.setdefault(name, []).append(position)
        late = _late_below(cell, late, words[-1])
        evaluating = _evaluating_below(cell, effective, evaluating)
        carried.append(_carried(cells, needed, carried))
    return Bindings(
        reads=tuple(reads), words=tuple(words), writers=writers, above=tuple(above), below=tuple(below), late=late,
        evaluating=evaluating, carried=tuple(carried),
    )  # fmt: skip


def _sources(reads: frozenset[str], writers: Mapping[str, Sequence[int]]) -> Needs:
    """The nearest writers of what a cell below them all reads."""
    sources: dict[int, list[str]] = {}
    for name in reads:
        known = writers.get(name)
        if known:
            sources.setdefault(known[-1], []).append(name)
    return {source: tuple(sorted(sources[source])) for source in sorted(sources)}


def _written(cell: Cell, taught: Learned) -> frozenset[str]:
    return cell.writes | _declared_outputs(cell) | cell.in_place | cell.deletes | taught.writes


def _late_below(cell: Cell, late: Mapping[str, frozenset[str]], words: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """What functions read when they are called below `cell`.

    A value that was given strings to evaluate may evaluate them when it is read: `words` are the names in them.
    """
    gone = (cell.writes | _declared_outputs(cell) | cell.deletes) & late.keys()
    if not gone and not cell.late and not words:
        return late
    given = dict.fromkeys(cell.writes - cell.definitions, words) if words else {}
    return {**{name: names for name, names in late.items() if name not in gone}, **given, **cell.late}


def _evaluating_below(cell: Cell, reads: frozenset[str], evaluating: frozenset[str]) -> frozenset[str]:
    """The functions and classes that evaluate strings from elsewhere, also through others that they are made of."""
    if not evaluating and not cell.evaluating:
        return evaluating
    made = frozenset(cell.late) if not evaluating.isdisjoint(reads) else cell.evaluating
    return (evaluating - cell.writes - cell.deletes) | made


def _words_read(
    cell: Cell, cells: Sequence[Cell], reads: frozenset[str], writers: Mapping[str, Sequence[int]],
    evaluating: frozenset[str],
) -> frozenset[str]:  # fmt: skip
    """What a cell below `writers` may read in strings, because it calls code of another cell that evaluates them.

    The strings stand in its own text or in that of a cell which made what it reads; where these name nothing, the
    code may read anything.
    """
    if evaluating.isdisjoint(reads) or (cell.options is not None and cell.options.inputs is not None):
        return frozenset()
    makers = {writers[name][-1] for name in cell.reads if name in writers}
    words = cell.words.union(*(cells[maker].words for maker in makers)) & writers.keys()
    return (words or frozenset(writers)) - reads


def _effective_reads(
    cell: Cell, taught: Learned, latest: Collection[str], late: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    reads = set(cell.reads | cell.in_place | taught.reads)
    reads.update(name for name in cell.maybe if name in latest)
    if cell.options is not None and cell.options.inputs is not None:
        reads.update(cell.options.inputs)
    elif cell.reads_everything:
        reads.update(latest)
    return _with_late(reads | _reads_of_own_functions(cell), late)


def _with_late(names: Collection[str], late: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """A body looks its names up when it is called, so they are bound where the caller stands."""
    reads = set(names)
    stack = [name for name in reads if name in late]
    while stack:
        for name in late[stack.pop()]:
            if name not in reads:
                reads.add(name)
                if name in late:
                    stack.append(name)
    return frozenset(reads)


def _reads_of_own_functions(cell: Cell) -> frozenset[str]:
    """What functions read that the cell defines and may call itself; a plain cell that only defines calls none."""
    only_defines = not cell.is_task and not cell.reads and cell.writes == cell.definitions
    if only_defines or not cell.late:
        return frozenset()
    return frozenset().union(*cell.late.values()) - cell.late.keys()


def _declared_outputs(cell: Cell) -> frozenset[str]:
    return frozenset(cell.options.outputs or ()) if cell.options is not None else frozenset()


def _carried(cells: Sequence[Cell], above: Needs, carried: Sequence[Needs]) -> Needs:
    """The tasks that a cell needs through any number of plain cells: `above` are the cells that it needs directly."""
    direct = {source: names for source, names in above.items() if cells[source].is_task}
    parts: list[Needs] = [direct] if direct else []
    parts += [carried[source] for source in above if not cells[source].is_task and carried[source]]
    # Chains of plain cells share one mapping instead of copying it from cell to cell.
    return parts[0] if len(parts) == 1 else _merged(parts)


def _merged(parts: Collection[Needs]) -> dict[int, tuple[str, ...]]:
    merged: dict[int, tuple[str, ...]] = {}
    for part in parts:
        for source, names in part.items():
            known = merged.get(source)
            merged[source] = names if known is None or known is names else tuple(sorted({*known, *names}))
    return merged
