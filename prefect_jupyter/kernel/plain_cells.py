"""Runs plain cells: brings up to date what they read, lets them run, and accounts for what they left.

It must not run tasks itself (the runner does), and stores nothing.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterable, Mapping

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from ..core.cells import Cell
from ..core.rebuilder import key_of
from ..runtime.origins import Origin, origin_of
from ..runtime.stamps import stamped
from .errors import NotRun
from .interception import Execution
from .observation import Observation, Observer
from .reading import Reading
from .runner import Request, Runner
from .showing import Showing
from .standing import PlainRun, Standing
from .user_namespace import UserNamespace
from .versions import Version, Versions
from .wording import PREVIEWED


class PlainCells:
    """The cells of one notebook that are not tasks."""

    def __init__(
        self, shell: InteractiveShell, versions: Versions, namespace: UserNamespace, standing: Standing,
        reading: Reading, runner: Runner, showing: Showing, observer: Observer, lock: threading.RLock,
    ) -> None:  # fmt: skip
        self._shell = shell
        self._versions = versions
        self._namespace = namespace
        self._standing = standing
        self._reading = reading
        self._runner = runner
        self._showing = showing
        self._observer = observer
        self._lock = lock

    def adopt(self, cell: Cell) -> None:
        """A plain cell that ran before us counts as run; the names that it writes hold what it wrote."""
        if cell.is_task or cell.id in self._standing.plain_runs:
            return
        made = {}
        for name in cell.writes:
            if name in self._shell.user_ns and name not in self._namespace.bound:
                made[name] = self._namespace.bound[name] = Version(name=name, cell=cell.id)
        self._versions.record(cell.id, made)
        self._standing.plain_runs[cell.id] = PlainRun(cell.digest)
        self._standing.forget(cell.id)
        self._reading.outdate()

    async def run(self, cell: Cell, execution: Execution) -> ExecutionResult:
        refused = await self._demand(cell)
        if refused is not None and self._lacks_names(cell):
            return await execution.run(refusal=NotRun(refused))
        if refused is not None:
            print(f"{refused}; this cell reads what it left before.", file=sys.stderr)
        inputs = await self._runner.load(cell)
        with self._lock:
            lost = self._namespace.lost(cell.id, inputs)
        known = [name for name, version in inputs.items() if version.fingerprint is not None]
        with self._observer.run(cell, known) as observed:
            result = await execution.run()
        with self._lock:
            self._settle(observed, inputs, failed=not result.success)
            self._account(observed, inputs, lost)
            made = observed.changes.made
            self._take_fingerprints(made)
            self._namespace.show_latest({*self._standing.plain_runs[cell.id].inputs, *made})
            self._standing.forget(cell.id)
            self._showing.show()
        return result

    # --- before

    async def _demand(self, cell: Cell) -> str | None:
        """Brings the tasks up to date that a plain cell reads. Returns why one of them cannot be."""
        graph = self._reading.graph_now()
        above = [c for c in graph.upstream(cell.id) if self._standing.cells[c].is_task]
        stale = [c for c in above if self._standing.verdict(c).kind == "stale"]
        if stale:
            await self._runner.run(Request(targets=tuple(stale), forced=frozenset(), patient=False))
        for c in above:
            failure = self._standing.failures.get(c)
            if failure is not None and not self._runner.is_unaffected(cell.id, c):
                return f"not run: `{self._standing.name(c)}` failed ({failure.note})"
        return None

    def _lacks_names(self, cell: Cell) -> bool:
        return any(not self._namespace.holds(name) and name in self._reading.written_names() for name in cell.reads)

    # --- after

    def _settle(self, observed: Observation, inputs: Mapping[str, Version], *, failed: bool) -> None:
        cell = observed.cell
        surely, stored_into = self._reading.forms(cell.source)
        known = {name: version.fingerprint or "" for name, version in inputs.items()}
        self._observer.settle(
            observed,
            f"plain:{key_of(cell.digest, 0, known, cell.id)}",
            surely=surely | self._bound_again(cell),
            stored_into=stored_into,
            failed=failed,
        )

    def _bound_again(self, cell: Cell) -> frozenset[str]:
        """What a plain cell bound when the same text last ran, as far as it still has that value."""
        before = self._standing.plain_runs.get(cell.id)
        if before is None or before.digest != cell.digest:
            return frozenset()
        return frozenset(self._observer.rebinds(cell)) - cell.writes

    def _account(self, observed: Observation, inputs: Mapping[str, Version], lost: Iterable[str]) -> None:
        """Remembers what the run saw; `lost` are names whose value was gone."""
        cell = observed.cell
        trouble = ""
        if lost:
            trouble = f"ran twice or out of order: the `{next(iter(lost))}` that it reads in a run from the top is gone"
        ambient = self._observer.ambient_in(observed, ())
        self._observer.record(observed, stamped(observed.seen.written))
        files = {f"file:{path}" for path in observed.read}
        sources = {name: self._versions.seen_by(cell.id, name) for name in files}
        saw = {**inputs, **{name: source for name, source in sources.items() if isinstance(source, Version)}}
        self._standing.ran_plainly(cell.id, PlainRun(cell.digest, saw, trouble, ambient))
        self._versions.unsettled.discard(cell.id)
        self._reading.learn(cell, self._versions.made[cell.id].keys(), saw.keys() | files)

    def _take_fingerprints(self, made: Mapping[str, Version]) -> None:
        """What tasks read is fingerprinted as it leaves its cell, so that a later change can be seen."""
        self._reading.graph_now()
        for name, version in made.items():
            value = self._shell.user_ns.get(name)
            is_small = isinstance(value, PREVIEWED) or _is_code(value)
            if version.fingerprint is None and (is_small or self._reading.is_wanted_by_a_task(version)):
                self._namespace.version(name)
        self._showing.remember_previews(made)


def _is_code(value: object) -> bool:
    """Code that can be edited, or reloaded: it is compared with what it was."""
    if isinstance(value, types.ModuleType):
        return origin_of(value.__name__) is Origin.WORKSPACE
    is_code = isinstance(value, (types.FunctionType, type))
    return is_code and origin_of(getattr(value, "__module__", None)) is not Origin.LIBRARY
