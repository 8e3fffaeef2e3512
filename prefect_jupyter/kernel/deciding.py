"""`accept`, `pin` and `unpin`: a person says that a result stands, and takes it back.

It must not run a task or write a result: what is kept is the decision, beside what it is about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..core.cells import Cell
from ..core.decisions import Decision
from ..core.rebuilder import Trace
from ..runtime.stamps import stamped
from ..runtime.stores import Store
from .decisions import Decisions
from .document import Document
from .errors import TaskError
from .reading import Reading
from .standing import Standing
from .versions import Versions
from .wording import clock_time


class Deciding:
    """What a person decides about the tasks of one notebook. All answers are one line."""

    def __init__(
        self, document: Document, versions: Versions, standing: Standing, reading: Reading, decisions: Decisions,
        store: Store, lock: threading.RLock, *, last_keys: Callable[[], Mapping[str, str]],
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._document = document
        self._versions = versions
        self._standing = standing
        self._reading = reading
        self._decisions = decisions
        self._store = store
        self._lock = lock
        self._last_keys = last_keys
        self._clock = clock

    def accept(self, task: str) -> str:
        """The result that a task has stands for its present text and inputs. Raises `TaskError`."""
        with self._lock:
            cell, name = self._cell(task), self._standing.name(task)
            found = self._standing.verdict(task)
            if found.kind in ("accepted", "pinned"):
                return f"`{name}` is {found.kind} already."
            if found.is_fresh:
                return f"`{name}` is fresh: there is nothing to accept."
            trace = self._standing.traces.get(task)
            if trace is None:
                raise TaskError(f"`{name}` cannot be accepted: it has no result, for it {self._without_result(task)}.")
            self._refuse_what_is_unknown(cell, name, trace)
            seen = self._standing.fingerprints(task, trace)
            decision = Decision(
                kind="accepted", at_s=self._clock(), trace=trace, digest=cell.digest, inputs=seen,
                files=stamped(set(trace.files_in)),
            )  # fmt: skip
            kept = self._take(cell, decision)
        return f"`{name}` is accepted as unchanged: its result stands until its text or an input changes again{kept}."

    def pin(self, task: str) -> tuple[str, bool]:
        """The result that a task has, or had last, stays whatever changes. Raises `TaskError`.

        Beside the words: whether the task has to be answered with that result first, as it has none in this kernel.
        """
        with self._lock:
            cell, name = self._cell(task), self._standing.name(task)
            before = self._decisions.of(cell)
            if before is not None and before.kind == "pinned":
                return f"`{name}` is pinned already.", False
            trace = self._standing.traces.get(task)
            is_here = trace is not None
            if trace is None:
                trace = self.last_result(name)
            if trace is None:
                raise TaskError(
                    f"`{name}` cannot be pinned: it {self._without_result(task)}, and no earlier result of it is in"
                    " the cache. Run it first."
                )
            kept = self._take(cell, Decision(kind="pinned", at_s=self._clock(), trace=trace))
        made = f" of {clock_time(trace.started_s)}" if trace.started_s else ""
        return f"`{name}` is pinned: its result{made} stays whatever changes{kept}.", not is_here

    def unpin(self, task: str) -> str:
        """Takes back what a person decided about a task. Raises `TaskError`."""
        with self._lock:
            cell, name = self._cell(task), self._standing.name(task)
            decision = self._decisions.of(cell)
            if decision is None:
                raise TaskError(f"`{name}` is neither pinned nor accepted: there is nothing to take back.")
            self._decisions.drop(cell)
            self._standing.forget(task)
            return f"`{name}` is no longer {decision.kind}: it is {self._standing.verdict(task).kind}."

    def _cell(self, task: str) -> Cell:
        self._reading.graph_now()
        cell = self._standing.cells[task]
        problems = self._standing.problems(task)
        if problems:
            raise TaskError(f"{self._document.label(task)} {problems[0].message}. Nothing is decided.")
        return cell

    def _take(self, cell: Cell, decision: Decision) -> str:
        """Notes a decision. Returns what there is to say about how long it is known."""
        survives = self._decisions.take(cell, decision)
        self._standing.forget(cell.id)
        return "" if survives else ", in this kernel: its values cannot be stored"

    def _without_result(self, task: str) -> str:
        failure = self._standing.failure(task)
        return f"failed ({failure})" if failure is not None else "has not run in this kernel"

    def _refuse_what_is_unknown(self, cell: Cell, name: str, trace: Trace) -> None:
        """An acceptance is about one text and known inputs: where these are yet to be made there is none to give."""
        for known in self._standing.inputs(cell.id).values():
            if known.trouble is not None and known.trouble.kind == "stale":
                raise TaskError(
                    f"`{name}` cannot be accepted: it {known.trouble.reason}. Run or accept that one first, or pin it."
                )
        made = self._versions.made.get(cell.id, {})
        new = sorted(cell.writes - cell.hidden - made.keys() - self._reading.writes_of(trace.source))
        if new:
            raise TaskError(f"`{name}` cannot be accepted: it now writes `{new[0]}`, which its result lacks. Run it.")

    def last_result(self, name: str) -> Trace | None:
        """The newest stored result of what ran last under this name."""
        key = self._last_keys().get(name)
        traces = self._store.traces(key) if key is not None else []
        return next((trace for trace in traces if self._decisions.can_answer(trace)), None)
