"""What the notebook's cells say: the analysis of each text, what runs taught beyond it, and the graph of both.

It must not run, bind or show anything.
"""

from __future__ import annotations

import ast
import builtins
import threading
from collections.abc import Callable, Iterable, Sequence
from operator import is_not

from IPython.core.interactiveshell import InteractiveShell

from ..analysis.directives import read_header
from ..analysis.reads_writes import analyse
from ..analysis.statements import bound_by, stores_into, surely_bound
from ..core.bindings import Learned
from ..core.cells import Cell
from ..core.graph import Graph, connect
from .declared import Declared
from .document import Document
from .names import is_pseudo
from .standing import Standing
from .user_namespace import UserNamespace
from .versions import Version, Versions


class Reading:
    """The cells of one document as they read now. `awaits` tells whether IPython would run a code in its event loop."""

    def __init__(
        self, shell: InteractiveShell, document: Document, versions: Versions, namespace: UserNamespace,
        standing: Standing, declared: Declared, lock: threading.RLock, awaits: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self._shell = shell
        self._document = document
        self._versions = versions
        self._standing = standing
        self._declared = declared
        self._lock = lock
        self._awaits = awaits
        self._external = _External(shell, namespace, document)
        self._graph_is_old = True
        self._learned: dict[str, Learned] = {}
        self._connected: dict[str, Learned] = {}  # what was taught of the cells when they were last connected
        self._known_awaits: dict[str, bool] = {}
        self._known_definitions: dict[str, dict[str, ast.stmt]] = {}
        self._known_forms: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._unsure: set[str] = set()  # cells that have not run as they stand, and may write more than their text says
        self._waiting: set[str] = set()  # tasks that need an event loop

    # --- cells

    def cell(self, cell_id: str) -> Cell:
        """The present reading of a cell, analysed when its text is new."""
        text = self._document.texts[cell_id]
        known = self._standing.cells.get(cell_id)
        if known is not None and known.source == text:
            return known
        cell = analyse(cell_id, text, self.transform)
        self._standing.cells[cell_id] = cell
        (self._waiting.add if self._may_wait(cell) else self._waiting.discard)(cell_id)
        written = self._declared.written_by(cell.options) if cell.options is not None else ()
        files = frozenset(f"file:{path}" for path in written)
        self._versions.expect(cell_id, cell.writes | cell.in_place | cell.deletes | files)
        if known is not None and known.digest != cell.digest:
            self._versions.unsettled.add(cell_id)
        self._standing.forget(cell_id)
        self._graph_is_old = True
        return cell

    def transform(self, text: str) -> str:
        """IPython's transformation, but with the empty lines at the top that keep the editor's line numbers."""
        lines = text.splitlines(keepends=True)
        leading = next((i for i, line in enumerate(lines) if line.strip()), 0)
        transformed: str = self._shell.transform_cell(text)
        return "\n" * leading + transformed

    def forms(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """What a text surely binds, and what it sets attributes or items of."""
        known = self._known_forms.get(text)
        if known is None:
            try:
                tree = ast.parse(self._transform_safely(text))
            except (SyntaxError, ValueError):
                tree = ast.Module([], [])
            known = self._known_forms[text] = (surely_bound(tree), stores_into(tree))
        return known

    def writes_of(self, text: str) -> frozenset[str]:
        """The names that a text writes, be it of a cell as it was."""
        return analyse("", text, self.transform).writes

    def definition(self, cell_id: str, name: str) -> str:
        """The text of the last statement of a cell that binds `name`, as Python writes it; "" where there is none."""
        cell = self._standing.cells.get(cell_id)
        if cell is None:
            return ""
        known = self._known_definitions.get(cell.source)
        if known is None:
            try:
                body = ast.parse(self._transform_safely(body_of(cell))).body
            except (SyntaxError, ValueError):
                body = []
            known = {bound: statement for statement in body for bound in bound_by(statement)}
            self._known_definitions[cell.source] = known
        return ast.unparse(known[name]) if name in known else ""

    def written_names(self) -> set[str]:
        return set().union(*(cell.writes for cell in self._standing.cells.values() if cell.id in self._document))

    def _transform_safely(self, text: str) -> str:
        try:
            return self.transform(text)
        except SyntaxError:
            return ""

    # --- what has to wait

    @property
    def is_anything_waiting(self) -> bool:
        """Whether there is a task that has to wait for something, so that an event loop has to run it."""
        return bool(self._waiting)

    def needs_loop(self, text: str, cell_id: str | None) -> bool:
        """Whether a cell with this text, or a task above it, has to wait for something."""
        known = self._standing.cells.get(cell_id or "")
        if known is None or known.source != text:
            known = analyse(cell_id or "", text, self.transform)
        if self._may_wait(known):
            return True
        graph = self.graph_now() if self._waiting else None
        if graph is None or cell_id is None or cell_id not in graph:
            return False
        return not self._waiting.isdisjoint(graph.ancestors([cell_id]))

    def has_await(self, cell: Cell) -> bool:
        if "await" not in cell.source and "async" not in cell.source:
            return False
        known = self._known_awaits.get(cell.source)
        if known is None:
            known = self._known_awaits[cell.source] = self._awaits(self._transform_safely(body_of(cell)))
        return known

    def _may_wait(self, cell: Cell) -> bool:
        retries = cell.options is not None and (cell.options.retry.retries > 0 or "RETRY" in cell.source)
        return cell.is_task and (retries or self.has_await(cell))

    # --- the graph

    def graph_now(self) -> Graph:
        with self._lock:
            if self._graph_is_old:
                cells = [self.cell(cell_id) for cell_id in self._document.order]
                self._graph_is_old = False
                if not self._is_longer_by_one(cells):
                    self._versions.rebuild()  # who shares what depends on the order as it is now
                taught = self._with_suspects(cells, self._known_links(cells))
                if taught != self._connected or not self._extend(cells):
                    self._connect(cells, taught)
            return self._standing.graph

    def _known_links(self, cells: Iterable[Cell]) -> dict[str, Learned]:
        """What runs have taught, and what headers declare of files."""
        known = dict(self._learned)
        for cell_id, declared in self._declared.links(cells).items():
            taught = known.get(cell_id, Learned())
            known[cell_id] = Learned(reads=taught.reads | declared.reads, writes=taught.writes | declared.writes)
        return known

    def _with_suspects(self, cells: Sequence[Cell], taught: dict[str, Learned]) -> dict[str, Learned]:
        """`taught`, with what cells that have not run as they stand may write besides the names in their text.

        What they change in place they change for all names that share it; and what they wrote when they last ran
        is what stands there until they run again.
        """
        self._unsure.clear()
        for cell in cells:
            if self._versions.is_settled(cell.id):
                continue
            if cell.in_place:
                self._unsure.add(cell.id)
            names = frozenset(self._versions.sharers(cell.id, cell.in_place)) - cell.in_place
            self._versions.suspect(cell.id, names)
            made = self._versions.made.get(cell.id, {})
            names |= {name for name in made if not is_pseudo(name)} - cell.writes - cell.in_place - cell.deletes
            if names:
                self._unsure.add(cell.id)
                known = taught.get(cell.id, Learned())
                taught[cell.id] = Learned(reads=known.reads, writes=known.writes | names)
        return taught

    def _extend(self, cells: Sequence[Cell]) -> bool:
        """Adds a cell that came below all others to the graph, where nothing else has changed."""
        if not self._is_longer_by_one(cells):
            return False
        graph, cell = self._standing.graph, cells[-1]
        extended = graph.extended(cell) if cell.id not in self._connected else None
        if extended is None:
            return False
        self._versions.append(cell.id)
        self._standing.connect(extended, (cell.id,))
        return True

    def _is_longer_by_one(self, cells: Sequence[Cell]) -> bool:
        known = self._standing.graph.cells
        return len(cells) == len(known) + 1 and not any(map(is_not, cells, known))

    def _connect(self, cells: Sequence[Cell], taught: dict[str, Learned]) -> None:
        self._connected = taught
        self._versions.rebuild()
        labels = {cell.id: self._document.label(cell.id) for cell in cells}
        graph = connect(cells, taught, labels=labels, external=self._external)
        self._standing.connect(graph, graph.changed_since(self._standing.graph))

    def outdate(self) -> None:
        """The cells, their order or what is known of them changed: the graph is connected anew when it is needed."""
        self._graph_is_old = True

    def learn(self, cell: Cell, written: Iterable[str], read: Iterable[str]) -> None:
        """Remembers what the run of a cell read and wrote beyond its text."""
        writes = frozenset(written) - cell.writes - cell.in_place - cell.deletes
        writes = frozenset(name for name in writes if not name.startswith("@"))
        graph = self._standing.graph
        reads = frozenset(read) - (graph.reads(cell.id) if cell.id in graph else frozenset())
        learned = Learned(reads=reads, writes=writes)
        if learned != self._learned.get(cell.id, Learned()):
            self._learned[cell.id] = learned
            self._graph_is_old = True
        if cell.id in self._unsure or (self._unsure and self._versions.leaves_shared(cell.id)):
            self._graph_is_old = True

    def is_wanted_by_a_task(self, version: Version) -> bool:
        """Whether a task reads what this version is, as far as the graph is known."""
        graph = self._standing.graph
        if version.cell is None or version.cell not in graph:
            return False
        return any(self._standing.cells[reader].is_task for reader in graph.readers(version.cell, version.name))


class _External:
    """Names that the namespace has from elsewhere than the notebook's cells."""

    def __init__(self, shell: InteractiveShell, namespace: UserNamespace, document: Document) -> None:
        self._shell = shell
        self._namespace = namespace
        self._document = document

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        bound = self._namespace.bound.get(name)
        if bound is not None:
            return bound.cell is None or bound.cell not in self._document
        return name in self._shell.user_ns or hasattr(builtins, name)


def body_of(cell: Cell) -> str:
    header = read_header(cell.source)
    return cell.source if header is None else header.body
