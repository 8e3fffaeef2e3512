"""How the cells of one notebook depend on each other: every read is bound to the nearest writer above it.

A graph is a value: new text, order or experience makes a new graph. It must not know what ran or is fresh.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from .naming import Places, name_tasks
from .order_problems import Bindings, find_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence

    from .cells import Cell, Problem

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Learned:
    """What earlier runs of a cell taught beyond its text.

    `writes` are names that it changed in place, or bound, without its text saying so.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


_NOTHING_LEARNED = Learned()
_NO_LEARNING: Mapping[str, Learned] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` needs `names` as `source` leaves them. Both are cell ids; `names` are sorted."""

    source: str
    target: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Cells in document order and who reads whose versions of which names.

    `edges` join cells of both kinds. `task_edges` join tasks only: what reaches a task through plain cells
    counts as reached directly, under the names that leave the first task. `names` are the names of the
    tasks; `problems` are what makes tasks refuse to run, by cell id, beside the cells' own problems.
    Cell ids that are not of this graph raise KeyError. Ids are always returned in document order.
    """

    cells: tuple[Cell, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    task_edges: tuple[Edge, ...] = ()
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    _positions: Mapping[str, int] = field(default_factory=dict, repr=False)
    _reads: tuple[frozenset[str], ...] = field(default=(), repr=False)
    _ranks: tuple[int, ...] = field(default=(), repr=False)
    _writers: Mapping[str, Sequence[int]] = field(default_factory=dict, repr=False)
    _above: tuple[Mapping[int, tuple[str, ...]], ...] = field(default=(), repr=False)
    _below: tuple[Mapping[int, tuple[str, ...]], ...] = field(default=(), repr=False)
    _tasks_above: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _tasks_below: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._positions

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.names)

    def position(self, cell_id: str) -> int:
        return self._positions[cell_id]

    def cell(self, cell_id: str) -> Cell:
        return self.cells[self._positions[cell_id]]

    def below(self, cell_id: str, count: int) -> tuple[Cell, ...]:
        """The next `count` cells of the document."""
        position = self._positions[cell_id]
        return self.cells[position + 1 : position + 1 + count]

    def writer(self, cell_id: str, name: str) -> str | None:
        """The nearest cell above `cell_id` that binds, changes or deletes `name`."""
        writers = self._writers.get(name, ())
        index = bisect_left(writers, self._positions[cell_id])
        return self.cells[writers[index - 1]].id if index else None

    def reads(self, cell_id: str) -> frozenset[str]:
        """Every name whose value can matter to the cell, through the functions that it calls too."""
        return self._reads[self._positions[cell_id]]

    def rank(self, cell_id: str) -> int:
        """How many cells above have the same code."""
        return self._ranks[self._positions[cell_id]]

    def readers(self, cell_id: str, name: str) -> tuple[str, ...]:
        """The cells that read `name` in the version that `cell_id` leaves."""
        below = self._below[self._positions[cell_id]]
        return tuple(self.cells[target].id for target, names in below.items() if name in names)

    def upstream(self, cell_id: str) -> tuple[str, ...]:
        return self._ids(self._above[self._positions[cell_id]])

    def downstream(self, cell_id: str) -> tuple[str, ...]:
        return self._ids(self._below[self._positions[cell_id]])

    def task_upstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that this task needs, directly or through plain cells."""
        return self._tasks_above[cell_id]

    def needed(self, reader: str, task: str) -> frozenset[str]:
        """The names that a cell needs of a task, directly or through plain cells."""
        above = self._above[self._positions[reader]].get(self._positions[task], ())
        through = (edge.names for edge in self.task_edges if (edge.source, edge.target) == (task, reader))
        return frozenset(above).union(*through)

    def loosely_upstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that this one may need or not: they make only words of its texts, or it looks at all names."""
        position = self._positions[cell_id]
        cell = self.cells[position]
        sure = cell.reads | cell.in_place | frozenset((cell.options and cell.options.inputs) or ())
        if not (cell.maybe or cell.reads_everything):
            return ()
        return tuple(
            self.cells[source].id
            for source, names in self._above[position].items()
            if sure.isdisjoint(names) and (cell.reads_everything or cell.maybe.issuperset(names))
        )

    def task_downstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that need this task, directly or through plain cells."""
        return self._tasks_below[cell_id]

    def ancestors(self, cell_ids: Iterable[str]) -> tuple[str, ...]:
        """All that any of `cell_ids` needs; one of them is included only when another one needs it."""
        return self._reach(cell_ids, self._above)

    def descendants(self, cell_ids: Iterable[str]) -> tuple[str, ...]:
        """All that needs any of `cell_ids`; one of them is included only when it needs another one."""
        return self._reach(cell_ids, self._below)

    def changed_since(self, before: Graph) -> tuple[str, ...]:
        """The cells that may stand otherwise than in `before`: all of them, unless cells were only added below."""
        kept = len(before.cells)
        if self.cells[:kept] != before.cells:
            return tuple(self._positions)
        return tuple(
            cell.id
            for position, cell in enumerate(self.cells)
            if position >= kept
            or self._reads[position] != before._reads[position]
            or self._above[position] != before._above[position]
            or self.names.get(cell.id) != before.names.get(cell.id)
            or self.problems.get(cell.id) != before.problems.get(cell.id)
        )

    def _reach(self, cell_ids: Iterable[str], neighbours: Sequence[Iterable[int]]) -> tuple[str, ...]:
        seen: set[int] = set()
        stack = [self._positions[cell_id] for cell_id in cell_ids]
        while stack:
            for position in neighbours[stack.pop()]:
                if position not in seen:
                    seen.add(position)
                    stack.append(position)
        return self._ids(sorted(seen))

    def _ids(self, positions: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.cells[position].id for position in positions)


def connect(
    cells: Sequence[Cell],
    learned: Mapping[str, Learned] = _NO_LEARNING,
    *,
    labels: Mapping[str, str] = _NO_LABELS,
    external: Container[str] = frozenset(),
) -> Graph:
    """The graph of `cells`, which come in document order.

    `labels` maps cell ids to what is shown beside them ("[4]"), for messages. `external` holds the names that
    the namespace has from elsewhere; builtins need not be among them. Two cells with one id: ValueError.
    """
    cells = tuple(cells)
    positions = {cell.id: position for position, cell in enumerate(cells)}
    if len(positions) != len(cells):
        twice = next(cell.id for position, cell in enumerate(cells) if positions[cell.id] != position)
        raise ValueError(f"Two cells have the id {twice!r}; every cell of a document needs an id of its own.")
    bindings = _bind(cells, learned)
    names = name_tasks(cells)
    condensed = _condense(cells, bindings.above)
    task_edges = tuple(
        Edge(cells[source].id, cells[target].id, given)
        for target, sources in condensed.items()
        for source, given in sorted(sources.items())
    )
    return Graph(
        cells=cells,
        names=MappingProxyType(names),
        edges=tuple(
            Edge(cells[source].id, cells[target].id, given)
            for target, sources in enumerate(bindings.above)
            for source, given in sources.items()
        ),
        task_edges=task_edges,
        problems=find_problems(cells, bindings, Places(names, labels, positions), external),
        _positions=positions,
        _reads=bindings.reads,
        _ranks=_ranked(cells),
        _writers=bindings.writers,
        _above=bindings.above,
        _below=bindings.below,
        _tasks_above=_grouped(names, ((edge.target, edge.source) for edge in task_edges)),
        _tasks_below=_grouped(names, ((edge.source, edge.target) for edge in task_edges)),
    )


def _bind(cells: Sequence[Cell], learned: Mapping[str, Learned]) -> Bindings:
    """One pass from the top that knows, for each name, its last writer and what its body reads when called."""
    latest: dict[str, int] = {}
    late: dict[str, frozenset[str]] = {}
    writers: dict[str, list[int]] = {}
    reads: list[frozenset[str]] = []
    above: list[dict[int, tuple[str, ...]]] = []
    below: list[dict[int, tuple[str, ...]]] = [{} for _ in cells]
    for position, cell in enumerate(cells):
        taught = learned.get(cell.id, _NOTHING_LEARNED)
        effective = _effective_reads(cell, taught, latest, late)
        sources: dict[int, list[str]] = {}
        for name in effective:
            writer = latest.get(name)
            if writer is not None:
                sources.setdefault(writer, []).append(name)
        needed = {source: tuple(sorted(sources[source])) for source in sorted(sources)}
        for source, names in needed.items():
            below[source][position] = names
        above.append(needed)
        reads.append(effective)
        bound = cell.writes | _declared_outputs(cell)
        for name in bound | cell.in_place | cell.deletes | taught.writes:
            latest[name] = position
            writers.setdefault(name, []).append(position)
        for name in bound | cell.deletes:
            late.pop(name, None)
        late.update(cell.late)
    return Bindings(reads=tuple(reads), writers=writers, above=tuple(above), below=tuple(below))


def _effective_reads(
    cell: Cell, taught: Learned, latest: Mapping[str, int], late: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    reads = set(cell.reads | cell.in_place | taught.reads)
    reads.update(name for name in cell.maybe if name in latest)
    if cell.options is not None and cell.options.inputs is not None:
        reads.update(cell.options.inputs)
    elif cell.reads_everything:
        reads.update(latest)
    reads |= _reads_of_own_functions(cell)
    # A body looks its names up when it is called, so they are bound where the caller stands.
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


def _ranked(cells: Iterable[Cell]) -> tuple[int, ...]:
    counts: Counter[str] = Counter()
    ranks: list[int] = []
    for cell in cells:
        ranks.append(counts[cell.digest])
        counts[cell.digest] += 1
    return tuple(ranks)


def _condense(
    cells: Sequence[Cell], above: Sequence[Mapping[int, tuple[str, ...]]]
) -> dict[int, dict[int, tuple[str, ...]]]:
    """For each task by position, the tasks that it needs through any number of plain cells, and their names."""
    carried: list[Mapping[int, tuple[str, ...]]] = []
    condensed: dict[int, dict[int, tuple[str, ...]]] = {}
    for position, cell in enumerate(cells):
        direct = {source: names for source, names in above[position].items() if cells[source].is_task}
        parts: list[Mapping[int, tuple[str, ...]]] = [direct] if direct else []
        parts += [carried[source] for source in above[position] if not cells[source].is_task and carried[source]]
        # Chains of plain cells share one mapping instead of copying it from cell to cell.
        needed = parts[0] if len(parts) == 1 else _merged(parts)
        carried.append(needed)
        if cell.is_task:
            condensed[position] = dict(needed)
    return condensed


def _merged(parts: Collection[Mapping[int, tuple[str, ...]]]) -> dict[int, tuple[str, ...]]:
    merged: dict[int, tuple[str, ...]] = {}
    for part in parts:
        for source, names in part.items():
            known = merged.get(source)
            merged[source] = names if known is None or known is names else tuple(sorted({*known, *names}))
    return merged


def _grouped(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {name: [] for name in names}
    for key, member in pairs:
        groups[key].append(member)
    return {key: tuple(members) for key, members in groups.items()}
