"""How the cells of one notebook depend on each other: every read is bound to the nearest writer above it.

A graph is a value: new text, order or experience makes a new graph. It must not know what ran or is fresh.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from .bindings import NO_LEARNING, Bindings, Learned, bind
from .naming import Places, default_name, name_tasks
from .order_problems import find_problems, is_awaited

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from .cells import Cell, Problem

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


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
    _ranks: tuple[int, ...] = field(default=(), repr=False)
    _bindings: Bindings = field(default_factory=Bindings, repr=False)
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
        writers = self._bindings.writers.get(name, ())
        index = bisect_left(writers, self._positions[cell_id])
        return self.cells[writers[index - 1]].id if index else None

    def reads(self, cell_id: str) -> frozenset[str]:
        """Every name whose value can matter to the cell, through the functions that it calls too."""
        return self._bindings.reads[self._positions[cell_id]]

    def rank(self, cell_id: str) -> int:
        """How many cells above have the same code."""
        return self._ranks[self._positions[cell_id]]

    def readers(self, cell_id: str, name: str) -> tuple[str, ...]:
        """The cells that read `name` in the version that `cell_id` leaves."""
        below = self._bindings.below[self._positions[cell_id]]
        return tuple(self.cells[target].id for target, names in below.items() if name in names)

    def upstream(self, cell_id: str) -> tuple[str, ...]:
        return self._ids(self._bindings.above[self._positions[cell_id]])

    def downstream(self, cell_id: str) -> tuple[str, ...]:
        return self._ids(self._bindings.below[self._positions[cell_id]])

    def task_upstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that this task needs, directly or through plain cells."""
        return self._tasks_above[cell_id]

    def needed(self, reader: str, task: str) -> frozenset[str]:
        """The names that a cell needs of a task, directly or through plain cells."""
        above = self._bindings.above[self._positions[reader]].get(self._positions[task], ())
        through = (edge.names for edge in self.task_edges if (edge.source, edge.target) == (task, reader))
        return frozenset(above).union(*through)

    def loosely_upstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that this one may need or not: they make only words of its texts, or it looks at all names."""
        position = self._positions[cell_id]
        cell = self.cells[position]
        sure = cell.reads | cell.in_place | frozenset((cell.options and cell.options.inputs) or ())
        words = cell.maybe | self._bindings.words[position]
        if not (words or cell.reads_everything):
            return ()
        return tuple(
            self.cells[source].id
            for source, names in self._bindings.above[position].items()
            if sure.isdisjoint(names) and (cell.reads_everything or words.issuperset(names))
        )

    def task_downstream(self, cell_id: str) -> tuple[str, ...]:
        """The tasks that need this task, directly or through plain cells."""
        return self._tasks_below[cell_id]

    def ancestors(self, cell_ids: Iterable[str]) -> tuple[str, ...]:
        """All that any of `cell_ids` needs; one of them is included only when another one needs it."""
        return self._reach(cell_ids, self._bindings.above)

    def descendants(self, cell_ids: Iterable[str]) -> tuple[str, ...]:
        """All that needs any of `cell_ids`; one of them is included only when it needs another one."""
        return self._reach(cell_ids, self._bindings.below)

    def changed_since(self, before: Graph) -> tuple[str, ...]:
        """The cells that may stand otherwise than in `before`: all of them, unless cells were only added below."""
        kept = len(before.cells)
        if self.cells[:kept] != before.cells:
            return tuple(self._positions)
        return tuple(
            cell.id
            for position, cell in enumerate(self.cells)
            if position >= kept
            or self._bindings.reads[position] != before._bindings.reads[position]
            or self._bindings.above[position] != before._bindings.above[position]
            or self.names.get(cell.id) != before.names.get(cell.id)
            or self.problems.get(cell.id) != before.problems.get(cell.id)
        )

    def extended(self, cell: Cell) -> Graph | None:
        """What `connect` makes of these cells with `cell` below them, of which no run has taught anything.

        At the cost of that cell: notebooks that nobody announces grow like this. None: something about the cells
        above depends on it, so that all have to be connected anew.
        """
        if cell.id in self or any(is_awaited(name, self.cells, self._bindings) for name in cell.writes):
            return None
        name = "" if cell.options is None else cell.options.name or default_name(cell)
        if name in self.names.values():
            return None
        cells = (*self.cells, cell)
        bindings = self._bindings.extended(cells)
        edges = tuple(Edge(cells[source].id, cell.id, given) for source, given in bindings.above[-1].items())
        tasks_above, tasks_below = dict(self._tasks_above), dict(self._tasks_below)
        task_edges: tuple[Edge, ...] = ()
        if name:
            given_by = sorted(bindings.carried[-1].items())
            task_edges = tuple(Edge(cells[source].id, cell.id, given) for source, given in given_by)
            tasks_above[cell.id], tasks_below[cell.id] = tuple(edge.source for edge in task_edges), ()
            for edge in task_edges:
                tasks_below[edge.source] = (*tasks_below[edge.source], cell.id)
        return replace(
            self,
            cells=cells,
            names=MappingProxyType({**self.names, cell.id: name}) if name else self.names,
            edges=self.edges + edges,
            task_edges=self.task_edges + task_edges,
            _positions={**self._positions, cell.id: len(self.cells)},
            _ranks=(*self._ranks, sum(other.digest == cell.digest for other in self.cells)),
            _bindings=bindings,
            _tasks_above=tasks_above,
            _tasks_below=tasks_below,
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
    learned: Mapping[str, Learned] = NO_LEARNING,
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
    bindings = bind(cells, learned)
    names = name_tasks(cells)
    task_edges = tuple(
        Edge(cells[source].id, cells[target].id, given)
        for target, cell in enumerate(cells)
        if cell.is_task
        for source, given in sorted(bindings.carried[target].items())
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
        _ranks=_ranked(cells),
        _bindings=bindings,
        _tasks_above=_grouped(names, ((edge.target, edge.source) for edge in task_edges)),
        _tasks_below=_grouped(names, ((edge.source, edge.target) for edge in task_edges)),
    )


def _ranked(cells: Iterable[Cell]) -> tuple[int, ...]:
    counts: Counter[str] = Counter()
    ranks: list[int] = []
    for cell in cells:
        ranks.append(counts[cell.digest])
        counts[cell.digest] += 1
    return tuple(ranks)


def _grouped(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {name: [] for name in names}
    for key, member in pairs:
        groups[key].append(member)
    return {key: tuple(members) for key, members in groups.items()}
