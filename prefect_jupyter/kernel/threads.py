"""Runs the bodies of several tasks at once, each in a thread with names of its own, and looks at what they did.

It must not decide which tasks run, nor bind or store what they made: a result counts only where nothing was seen that
another body could have noticed, and is settled like any other one afterwards.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from ..core.cells import Cell
from ..runtime.context import stopped_by
from ..runtime.files import FileTracer, Seen
from ..runtime.fingerprints import Fingerprinter
from .ambient import Snapshot, Watch
from .ambient_kinds import KINDS
from .names import is_notebook_name
from .outputs import Outputs, RawOutput
from .surroundings import Surroundings
from .user_namespace import DEFINITIONS, UNCHANGEABLE, UserNamespace
from .versions import Version

Sink = Callable[[str, RawOutput | None], None]

# How long bodies that are asked to stop are waited for.
GRACE_S = 1.5
_LOOK_S = 0.02
_IMPORT = "import it in a cell of its own above, restart the kernel and run the tasks again"
_MAIN = "restart the kernel, and give the tasks `--on main`"
# The body's own one, and the one of who asks.
_REFERENCES = 2
# Each thread has its own of these; what a body makes of them in its thread would be lost.
_OF_THE_THREAD = ("decimal", "np_err")
# Who enters one of these changes something of the whole process for a while.
_GUARDS = (
    ("warnings", "catch_warnings", "silences warnings for the whole process"),
    ("contextlib", "_RedirectStream", "redirects the output of the whole process"),
    ("pandas._config.config", "option_context", "changes options of pandas for a while"),
)


@dataclass(slots=True, eq=False, kw_only=True)
class Body:
    """One body for a thread. `names` are the globals that it runs in; `bound` is what it has bound there.

    `inputs` are the versions that it reads, `taken` the names that it binds itself, `around` the process-wide state
    that it is to meet. Its `last` expression has the `value` that is shown.
    """

    cell: Cell
    inputs: Mapping[str, Version]
    statements: CodeType
    last: CodeType | None
    context: contextvars.Context
    sink: Sink
    taken: frozenset[str]
    names: dict[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    has_ended: bool = False
    value: object = None
    error: BaseException | None = None
    seen: Seen = field(default_factory=Seen)
    displays: list[RawOutput] = field(default_factory=list)
    bound: dict[str, Any] = field(default_factory=dict)
    started_s: float = 0.0
    duration_s: float = 0.0
    did: str = ""
    watch: Watch | None = None

    @property
    def known(self) -> dict[str, str]:
        """The fingerprints of what it read."""
        return {name: version.fingerprint or "" for name, version in self.inputs.items()}

    def merge_into(self, seen: Seen, watch: Watch) -> None:
        """What it opened, and what any of the bodies read of the process, is what its run has seen."""
        for path, look in self.seen.before.items():
            seen.before.setdefault(path, look)
        seen.read |= self.seen.read
        seen.written |= self.seen.written
        seen.network |= self.seen.network
        seen.is_relative |= self.seen.is_relative
        if self.watch is not None:
            watch.reads.kinds |= self.watch.reads.kinds
            watch.reads.variables |= self.watch.reads.variables
            watch.imported |= self.watch.imported


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """How bodies ran that ran at once. `undeclared` says what makes their results void, "" when they count.

    `culprits` are the cells that it comes from, as far as that is known, `running` those whose code still runs.
    With a `cure` it cannot be put back, and that is what a person has to do.
    """

    undeclared: str = ""
    culprits: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    cure: str = ""


class Threads:
    """The threads of one notebook's tasks. Main thread only."""

    def __init__(self, outputs: Outputs, namespace: UserNamespace, surroundings: Surroundings) -> None:
        self._outputs = outputs
        self._namespace = namespace
        self._surroundings = surroundings
        self._left: list[threading.Thread] = []

    @property
    def still_running(self) -> bool:
        """Whether the code of a stopped task still runs: what is computed meanwhile must not be kept."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        return bool(self._left)

    def meets_the_same(self, cell: Cell, other: Cell) -> bool:
        """Whether both cells see the same process-wide state where they stand."""
        see = self._surroundings.seen
        return all(see(cell.id, kind) == see(other.id, kind) for kind in KINDS)

    def run(self, bodies: Sequence[Body], is_stopped: Callable[[str], bool]) -> Together:
        """Runs all of `bodies` to their ends, or until those that `is_stopped` names have had their time.

        Afterwards names, values and process-wide state are as before; where that cannot be, the names are gone.
        """
        values = self._namespace.values
        before = self._surroundings.restore(bodies[0].cell.id)
        held, modules = dict(values), _states_of_modules(bodies)
        for body in bodies:
            body.around = before.states
        try:
            with self._surroundings.ambient.watch(before) as watch, FileTracer().task() as common, _guarded(bodies):
                running = self._perform(bodies, is_stopped)
        except BaseException:
            self._put_back(bodies, before, held)
            raise
        for body in bodies:
            body.watch = watch
        found = self._undeclared(bodies, running, before, watch, held, common)
        changed = [] if found.undeclared else _changed_in_modules(modules, _states_of_modules(bodies))
        if changed:
            everyone = frozenset(body.cell.id for body in bodies)
            said = f"`{changed[0][1]}` of the module `{changed[0][0]}` is changed"
            found = Together(undeclared=said, culprits=everyone, cure=_MAIN)
        if found.undeclared:
            self._put_back(bodies, before, held, with_state=not found.cure)
        return found

    # --- running

    def _perform(self, bodies: Sequence[Body], is_stopped: Callable[[str], bool]) -> frozenset[str]:
        threads: dict[str, threading.Thread] = {}
        done = threading.Semaphore(0)
        for body in bodies:
            body.names = {name: value for name, value in self._namespace.values.items() if name not in body.taken}
            work = threading.Thread(
                target=self._work, args=(body, done), name=f"prefect_jupyter-{body.cell.id}", daemon=True
            )
            threads[body.cell.id] = work
        for thread in threads.values():
            thread.start()
        left, asked_s = len(bodies), None
        try:
            while left:
                if done.acquire(timeout=_LOOK_S):
                    left -= 1
                    continue
                for body in bodies:
                    if not body.has_ended and not body.stop.is_set() and is_stopped(body.cell.id):
                        body.stop.set()
                        asked_s = time.monotonic()
                active = [body for body in bodies if not body.has_ended]
                if asked_s is None or not active or not all(body.stop.is_set() for body in active):
                    continue
                if time.monotonic() - asked_s > GRACE_S:
                    break
        except BaseException:
            for body in bodies:
                body.stop.set()
            self._left += threads.values()
            raise
        running = frozenset(body.cell.id for body in bodies if not body.has_ended)
        self._left += [threads[cell] for cell in running]
        return running

    def _work(self, body: Body, done: threading.Semaphore) -> None:
        try:
            body.context.run(self._attempt, body)
        finally:
            done.release()

    def _attempt(self, body: Body) -> None:
        """The body itself: what it raises is kept, what it prints goes to its own cell."""
        before = {kind: KINDS[kind].read() for kind in _OF_THE_THREAD}
        body.started_s = time.time()
        with (
            stopped_by(body.stop),
            FileTracer().task() as body.seen,
            self._outputs.capture(through=False, sink=body.sink, figures=False) as capture,
        ):
            try:
                exec(body.statements, body.names)
                if body.last is not None:
                    body.value = eval(body.last, body.names)
            except BaseException as error:
                body.error = error
        body.duration_s = time.time() - body.started_s
        body.displays = capture.finish()
        for kind, known in before.items():
            if known is not None and not KINDS[kind].same(known, KINDS[kind].read()):
                body.did = "changes settings of its thread"
            if known is not None and kind in body.around and not KINDS[kind].same(known, body.around[kind]):
                body.did = "does not meet in a thread the settings that were made above"
        body.has_ended = True

    # --- what they did

    def _undeclared(
        self, bodies: Sequence[Body], running: frozenset[str], before: Snapshot, watch: Watch,
        held: Mapping[str, Any], common: Seen,
    ) -> Together:  # fmt: skip
        everyone = frozenset(body.cell.id for body in bodies)
        moved = watch.baseline is not before and any(
            state is not before.states.get(kind) for kind, state in watch.baseline.states.items()
        )
        if moved:
            said = "a library that was imported changed settings of the process"
            return Together(undeclared=said, culprits=everyone, running=running, cure=_IMPORT)
        if running:
            return Together(undeclared="code that was stopped still runs", running=running)
        delta = self._surroundings.changed_by(watch)
        if delta or "rcParams" in watch.reads.kinds:
            words = ", ".join(sorted(delta)) or "rcParams"
            return Together(undeclared=f"they use process-wide state ({words})", culprits=everyone)
        if common.read or common.written or common.effects:
            return Together(undeclared="they open files in threads of their own", culprits=everyone)
        for name in held.keys() | self._namespace.values.keys():
            if held.get(name, self) is not self._namespace.values.get(name, self):
                return Together(undeclared=f"`{name}` was bound from within a function", culprits=everyone)
        for body in bodies:
            did = body.did or self._did(body, bodies, held)
            if did:
                return Together(undeclared=f"`{body.cell.id}` {did}", culprits=frozenset({body.cell.id}))
        changed = self._changed(bodies)
        if changed:
            readers = frozenset(body.cell.id for body in bodies if changed in body.inputs)
            return Together(undeclared=f"`{changed}` is changed in place", culprits=readers)
        return Together()

    def _did(self, body: Body, bodies: Sequence[Body], held: Mapping[str, Any]) -> str:
        if body.seen.effects:
            return f"did {min(body.seen.effects)}"
        for other in bodies:
            if other is not body and body.seen.written & (other.seen.read | other.seen.written):
                return f"writes a file that `{other.cell.id}` uses"
        if body.error is not None:
            return ""
        taken = body.taken
        gone = {name for name in held if name not in body.names and name not in taken and is_notebook_name(name)}
        if gone:
            return f"deletes `{min(gone)}`"
        bound = {
            name: value for name, value in body.names.items() if name in taken or held.get(name, self) is not value
        }
        body.bound = {name: value for name, value in bound.items() if is_notebook_name(name)}
        unknown = body.bound.keys() - body.cell.writes
        if unknown:
            return f"binds `{min(unknown)}`, which its text does not show"
        return "makes functions, which live in the notebook" if _escape(body) else ""

    def _changed(self, bodies: Sequence[Body]) -> str:
        """A name that some body reads and whose value is another now, "" when there is none."""
        values = self._namespace.values
        versions = {name: version for body in bodies for name, version in body.inputs.items()}
        for name, version in sorted(versions.items()):
            if isinstance(values.get(name), UNCHANGEABLE):
                continue
            if Fingerprinter(values, {}).own(values[name]).digest != version.fingerprint:
                return name
        return ""

    # --- as before

    def keep(self, inputs: Mapping[str, Version]) -> bool:
        """Stores what a body could change in place, so that it can be put back. False: it cannot be stored."""
        from ..runtime.pickles import Unstorable

        values, bound = self._namespace.values, self._namespace.bound
        names = [name for name in inputs if _is_changeable(values.get(name))]
        for group in self._namespace.sharing(names):
            references = {bound[name].reference for name in group}
            if len(references) == 1 and None not in references and all(bound[name].group == group for name in group):
                continue
            try:
                reference = self._namespace.keep(group)
            except Unstorable:
                return False
            for name in group:
                bound[name].reference, bound[name].group = reference, group
        return True

    def _put_back(
        self, bodies: Sequence[Body], before: Snapshot, held: Mapping[str, Any], *, with_state: bool = True
    ) -> None:  # fmt: skip
        """Names and process-wide state are those from before; what may have changed in place is read anew."""
        values, bound = self._namespace.values, self._namespace.bound
        for name in values.keys() - held.keys():
            del values[name]
        values.update(held)
        now = self._surroundings.ambient.snapshot().states
        for kind, state in before.states.items():
            if with_state and now.get(kind) is not state:
                self._surroundings.ambient.restore_full(kind, state)
        versions = {name: version for body in bodies for name, version in body.inputs.items()}
        for name, version in versions.items():
            value = values.get(name)
            if isinstance(value, DEFINITIONS) and not isinstance(value, UNCHANGEABLE):
                if Fingerprinter(values, {}).own(value).digest != version.fingerprint:
                    self._namespace.drop(name)  # nothing can put it back: who reads it is told that it is not there
            elif _is_changeable(value):
                for other in bound[name].group or {name}:
                    values.pop(other, None)
                    self._namespace.now_bound(other, bound[other], pending=True)


def _states_of_modules(bodies: Sequence[Body]) -> dict[tuple[str, str], object]:
    """What the workspace's modules hold that the bodies may use: numbers by value, other data by its digest."""
    versions = [version for body in bodies for version in body.inputs.values()]
    names = {source.partition(":")[0] for version in versions for source in version.sources}
    states: dict[tuple[str, str], object] = {}
    for name in names:
        for key, value in list(vars(sys.modules[name]).items()) if name in sys.modules else ():
            if key.startswith("__") or isinstance(value, DEFINITIONS):
                continue
            taken = value if isinstance(value, UNCHANGEABLE) else Fingerprinter({}, {}).own(value).digest
            states[name, key] = (type(value), taken)
    return states


def _changed_in_modules(
    before: Mapping[tuple[str, str], object], now: Mapping[tuple[str, str], object]
) -> list[tuple[str, str]]:
    return sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))


def _is_changeable(value: object) -> bool:
    return not isinstance(value, (*UNCHANGEABLE, *DEFINITIONS))


def _escape(body: Body) -> bool:
    """Whether functions that the body made are still somewhere: they would read the body's names for ever."""
    for name in body.bound:
        del body.names[name]
    if sys.getrefcount(body.names) <= _REFERENCES:
        return False
    gc.collect()
    return sys.getrefcount(body.names) > _REFERENCES


@contextlib.contextmanager
def _guarded(bodies: Sequence[Body]) -> Iterator[None]:
    """Notices in which body something of the whole process is changed for a while."""
    current: contextvars.ContextVar[Body | None] = contextvars.ContextVar("prefect_jupyter_body", default=None)
    for body in bodies:
        body.context.run(current.set, body)
    shadowed: list[tuple[Any, str, Any]] = []

    def shadow(owner: Any, name: str, words: str) -> None:
        original = vars(owner)[name]

        def noticing(*arguments: Any, **keywords: Any) -> Any:
            body = current.get()
            for each in bodies if body is None else (body,):
                each.did = each.did or words
            return original(*arguments, **keywords)

        setattr(owner, name, noticing)
        shadowed.append((owner, name, original))

    for module, owner, words in _GUARDS:
        found = getattr(sys.modules.get(module), owner, None)
        if found is not None and "__enter__" in vars(found):
            shadow(found, "__enter__", words)
    shadow(os, "chdir", "changes the working folder")
    try:
        yield
    finally:
        for owner, name, original in shadowed:
            setattr(owner, name, original)
