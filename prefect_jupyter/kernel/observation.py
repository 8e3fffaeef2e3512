"""What a run of a cell read and left: in the namespace, in process-wide state, and in files.

It must not know whether the cell is a task, nor store anything.
"""

from __future__ import annotations

import io
import sys
import threading
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..core.cells import Cell
from ..core.rebuilder import FileStamp
from ..runtime.files import FileTracer, Seen
from ..runtime.fingerprints import Fingerprinter
from ..runtime.origins import Origin, origin_of
from ..runtime.stamps import Look, absolute, look
from ..runtime.workspace import Workspace
from .ambient import CHANCE, Watch
from .ambient_deltas import Delta
from .comparison import Changes, Comparison
from .outputs import RawOutput
from .surroundings import Surroundings
from .traced import written_files
from .user_namespace import UserNamespace


@dataclass(slots=True)
class Observation:
    """One run of `cell`: what was seen while it lasted and, when it is settled, what it changed."""

    cell: Cell
    watch: Watch
    seen: Seen
    behind: Mapping[str, Look] = field(default_factory=dict)
    """Files behind handles that cells above have opened for writing, and how they looked before the run."""
    changes: Changes = field(default_factory=Changes)
    delta: Mapping[str, Delta] = field(default_factory=dict)

    @property
    def read(self) -> set[str]:
        """The files that the run depended on."""
        return self.seen.read - self.seen.written


class Observer:
    """Watches the runs of one notebook's cells, plain ones and tasks alike."""

    def __init__(
        self, namespace: UserNamespace, surroundings: Surroundings, files: FileTracer, lock: threading.RLock,
        workspace: Workspace, observe_code: Callable[[], None],
    ) -> None:  # fmt: skip
        self._namespace = namespace
        self._comparison = Comparison(namespace)
        self._surroundings = surroundings
        self._files = files
        self._lock = lock
        self._workspace = workspace
        self._observe_code = observe_code

    @contextmanager
    def run(self, cell: Cell, inputs: Collection[str], writes: Iterable[str] = ()) -> Iterator[Observation]:
        """A run of `cell`, whose values are loaded: it meets the process-wide state of its place in the document."""
        with self._lock:
            self._comparison.begin(inputs, writes)
            before = self._surroundings.restore(cell.id)
        try:
            with self._surroundings.ambient.watch(before) as watch, self._files.task() as seen:
                yield Observation(cell, watch, seen, self._behind(inputs))
        except BaseException:
            self._comparison.abandon()
            raise

    def _behind(self, inputs: Collection[str]) -> dict[str, Look]:
        paths = {_written_through(self._namespace.values.get(name)) for name in inputs}
        return {path: look(path) for path in paths if path is not None}

    def rebinds(self, cell: Cell) -> set[str]:
        """The names that `cell` may bind: those of its text, and those that it bound when it last ran."""
        return self._comparison.rebinds(cell)

    def settle(
        self, run: Observation, provenance: str, *, surely: Iterable[str] = (), stored_into: Iterable[str] = (),
        failed: bool,
    ) -> None:  # fmt: skip
        """The run has ended: finds what it changed. The arguments are those of `Comparison.settle`."""
        self._observe_code()
        run.changes = self._comparison.settle(
            run.cell, provenance, surely=surely, stored_into=stored_into, failed=failed
        )
        self._namespace.versions.record(run.cell.id, run.changes.made)
        options = run.cell.options
        run.watch.reads.variables |= {*options.env} if options is not None else set()
        run.delta = self._surroundings.changed_by(run.watch)
        if _is_seeded(run.cell):
            run.delta = {**run.delta, **self._surroundings.chance_now()}
        if run.seen.is_relative:
            run.watch.reads.kinds.add("cwd")
        run.seen.written |= {path for path, before in run.behind.items() if look(path).what != before.what}
        run.seen.read |= self._modules_written_here(run.changes)

    def _modules_written_here(self, changes: Changes) -> set[str]:
        """The files of modules that the run bound, as far as cells of the notebook write them: they are inputs then."""
        modules = {source.partition(":")[0] for version in changes.made.values() for source in version.sources}
        is_written = self._namespace.versions.is_written
        return {path for path in self._workspace.paths(modules) if is_written(f"file:{path}")}

    def imported(self, run: Observation) -> set[str]:
        """The modules of the workspace that the run imported and did not bind, and those that their code reaches.

        What it bound is described by itself, and compared when it is bound again on a hit.
        """
        made = {source.partition(":")[0] for version in run.changes.made.values() for source in version.sources}
        found: set[str] = set()
        for name in run.watch.imported - made:
            module = sys.modules.get(name)
            if isinstance(module, types.ModuleType) and origin_of(name) is Origin.WORKSPACE:
                taken = Fingerprinter(self._namespace.values, {}).own(module)
                found |= {source.partition(":")[0] for source in taken.sources}
        return found

    def ambient_in(self, run: Observation, displays: Iterable[RawOutput]) -> dict[str, str]:
        """The process-wide state that the run depended on, with its fingerprints where the cell stands."""
        found = self._surroundings.inputs(run.cell.id, run.watch, run.delta, displays)
        if _is_seeded(run.cell):
            found = {item: known for item, known in found.items() if item not in CHANCE}
        return found

    def record(self, run: Observation, written: Mapping[str, FileStamp]) -> None:
        """From here on cells below see the process-wide state that the run changed and the files that it wrote."""
        self._surroundings.note(run.cell.id, run.delta)
        self._namespace.versions.add(run.cell.id, written_files(run.cell.id, written))


def _is_seeded(cell: Cell) -> bool:
    """Whether the cell begins with random states of its own, whatever they were before."""
    return cell.options is not None and cell.options.seed is not None


def _written_through(value: object) -> str | None:
    """The file that an open or closed handle writes to; None for everything else."""
    if not issubclass(type(value), io.IOBase):  # a value may answer for `__class__` in its own way
        return None
    name, mode = getattr(value, "name", None), getattr(value, "mode", "")
    return absolute(name) if isinstance(name, str) and set(str(mode)) & set("wax+") else None
