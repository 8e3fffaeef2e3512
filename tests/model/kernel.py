"""A notebook page and its kernel in this process: a shell and a session on a store, without messages or threads.

It must not judge: it clicks as a person does and tells what is shown and what ran.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import io
import json
import os
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipykernel.displayhook import ZMQShellDisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from prefect_jupyter.core.events import Event, RunEnded, RunStarted
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.kernel.runner import Runner
from prefect_jupyter.kernel.session import Session
from prefect_jupyter.kernel.settings import Flow
from prefect_jupyter.kernel.versions import Version
from prefect_jupyter.oracle.plain import Shown
from tests.oracle import probe
from tests.oracle.cells import OracleCell, OracleNotebook
from tests.oracle.kernels import Values

from . import witness

LOOK = "look"


@dataclass(slots=True)
class Body:
    """One start of a cell's body: the digests of what it read, and which names share storage with that."""

    cell: str
    saw: tuple[str, ...]
    shared: str


@dataclass(slots=True)
class Page:
    """What a page shows, and what bodies noted when they ran. It outlives kernels."""

    notebook: OracleNotebook
    shown: dict[str, Shown] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    faults: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What the next start of a cell's body meets, once: it may raise."""

    def ids(self) -> list[str]:
        return [cell.id for cell in self.notebook.cells]


class _Sender:
    """Stands where the display hook expects the messaging of a kernel."""

    def __init__(self, take: Callable[[str, dict[str, Any]], None]) -> None:
        self._take = take

    def msg(self, kind: str, content: dict[str, Any], **others: Any) -> dict[str, Any]:
        return {"kind": kind, "content": content}

    def send(self, socket: Any, message: Any, content: Any = None, parent: Any = None, ident: Any = None) -> None:
        if isinstance(message, str):
            self._take(message, content)
        else:
            self._take(message["kind"], message["content"])


class _Hook(ZMQShellDisplayHook):
    session = AnyTrait()


class _Publisher(DisplayPublisher):
    take: Any = None

    def publish(self, data: Any, metadata: Any = None, *rest: Any, update: bool = False, **others: Any) -> None:
        if not update:
            self.take("display_data", {"data": data, "metadata": metadata or {}})

    def clear_output(self, wait: bool = False) -> None:
        self.take("clear_output", {"wait": wait})


class _Stream(io.TextIOBase):
    encoding = "utf-8"

    def __init__(self, name: str, take: Callable[[str, dict[str, Any]], None]) -> None:
        self._name = name
        self._take = take

    def write(self, text: str) -> int:
        self._take("stream", {"name": self._name, "text": text})
        return len(text)

    def isatty(self) -> bool:
        return False


class _Shell(InteractiveShell):
    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)
    front: str | None = None
    take: Any = None

    def get_parent(self) -> dict[str, Any]:
        return {"metadata": {"cellId": self.front}}

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        self.take("error", {"ename": etype.__name__, "evalue": str(evalue), "traceback": list(stb)})


def _config() -> Config:
    config = Config()
    config.HistoryManager.enabled = False
    return config


class Kernel:
    """From start to `close`. Only one of several is awake at a time: what belongs to the process is its own then."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.events: list[Event] = []
        self.broken_rules: list[str] = []
        self._undo = contextlib.ExitStack()
        self._run: Run | None = None
        self._told: tuple[tuple[str, str], ...] = ()
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self._enter_process()
        random.seed()  # as in a new process
        self.shell = _Shell(config=_config())
        atexit.unregister(self.shell.atexit_operations)
        self.shell.take = self.shell.display_pub.take = self._take
        self.shell.displayhook.session = _Sender(self._take)
        self.session = Session(self.shell, Flow(parent=self.shell))
        self.session.outputs.install()
        self.session.interception.install()
        self.session.runner.background.output = self._take_background

    # --- the process

    def _enter_process(self) -> None:
        undo = self._undo = contextlib.ExitStack()
        for name in ("stdout", "stderr"):
            undo.callback(setattr, sys, name, getattr(sys, name))
            setattr(sys, name, _Stream(name, self._take))
        undo.callback(sys.modules.__setitem__, "__main__", sys.modules["__main__"])
        undo.callback(os.chdir, os.getcwd())
        os.chdir(self.work)
        sys.path.insert(0, str(self.work))
        undo.callback(sys.path.remove, str(self.work))
        undo.callback(self._drop_modules)
        told = Runner._listen
        undo.callback(setattr, Runner, "_listen", told)
        Runner._listen = lambda runner, event: (self._follow(event), told(runner, event))[1]
        builtins.ran = self._ran  # type: ignore[attr-defined]
        undo.callback(delattr, builtins, "ran")

    def _drop_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(self.work)):
                del sys.modules[name]

    def sleep(self) -> None:
        """Another kernel is looked at meanwhile."""
        self.session.outputs.uninstall()
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if (getattr(module, "__file__", None) or "").startswith(str(self.work))
        }
        self._undo.close()

    def wake(self) -> None:
        self._enter_process()
        sys.modules |= self._modules
        sys.modules["__main__"] = self.shell.user_module
        self.session.outputs.install()

    def close(self) -> None:
        self.session.interception.uninstall()
        self.session.outputs.uninstall()
        self.session.store.close()
        self._undo.close()

    # --- what a body does

    def _ran(self, *values: object) -> None:
        """`ran(x, f)` at the top of a body: what it reads, before it does anything."""
        cell = self.session.runner.running or self.shell.front or ""
        digest = probe.digest_of
        shared = witness.sharing(values, sys._getframe(1).f_globals, digest)
        self.page.bodies.append(Body(cell, tuple(witness.described(value, digest) for value in values), shared))
        fault = self.page.faults.pop(cell, None)
        if fault is not None:
            fault()

    # --- what comes back

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if self.shell.front is not None:
            self.page.shown.setdefault(self.shell.front, Shown()).take(kind, content)

    def _take_background(self, cell: str, operation: str, output: dict[str, Any] | None) -> None:
        shown = self.page.shown.setdefault(cell, Shown())
        if operation == "clear" or output is None:
            shown.clear()
        else:
            shown.take(output["output_type"], output)

    def _follow(self, event: Event) -> None:
        """The events of a run, folded, are the run; a move that is not legal raises."""
        if isinstance(event, RunStarted):
            self._run = Run()
        assert self._run is not None, f"{event} outside of a run"
        apply(self._run, event)
        if isinstance(event, RunEnded):
            engine = self.session.runner.engine
            actual = engine.current if engine is not None else None
            self.broken_rules += [
                f"{row.task.id} ended a run in {row.state.name}" for row in self._run.rows if not row.state.is_finished
            ]
            self.broken_rules += [
                f"{row.task.id} started {row.attempt} times with {row.task.retry.retries} retries"
                for row in self._run.rows
                if row.attempt > row.task.retry.retries + 1
            ]
            if actual is not None and actual != self._run:
                self.broken_rules.append(f"the events say {self._run}, the run is {actual}")
            self._run = None

    # --- what a person does

    def tell(self) -> None:
        """What a page sends after each change and before an execution."""
        text = tuple((cell.id, cell.source) for cell in self.page.notebook.cells)
        if text != self._told:
            self._told = text
            self.session.update_document([cell_id for cell_id, _ in text], dict(text))

    def run_cell(self, cell_id: str) -> None:
        self.tell()
        self._execute(cell_id, self.page.notebook.cell(cell_id).source)

    def _execute(self, cell_id: str, source: str) -> None:
        self.page.shown[cell_id] = Shown()
        self.shell.front = cell_id
        try:
            self.shell.run_cell(source, store_history=True, cell_id=cell_id)
        finally:
            self.shell.front = None

    def press(self, verb: str, *cells: str) -> bool:
        """A button, or a command. False: it was refused."""
        from prefect_jupyter.kernel.driving import run_to_end
        from prefect_jupyter.kernel.errors import TaskError

        self.tell()
        try:
            with self.session._lock:
                self.session.reading.graph_now()
                request = self.session.verbs.request(verb, cells)
        except TaskError:
            return False
        run_to_end(self.session.buttons.carry_out(request), may_wait=self.session.reading.is_anything_waiting)
        return True

    # --- what there is to see

    def states(self) -> dict[str, tuple[str, str]]:
        """State and verdict of each task, by cell."""
        return {node.cell: (row.state, row.verdict) for node, row in self.session.view().tasks()}

    def values(self, names: Iterable[str]) -> Values:
        """What names hold for a cell at the end of the page that reads them; it is deleted again."""
        kept: dict[str, Any] = {}
        builtins.keep = lambda name, read: _keep(kept, name, read)  # type: ignore[attr-defined]
        source = "\n".join(f"keep({name!r}, lambda: {name})" for name in sorted(names))
        cells = [*self.page.notebook.cells, OracleCell(LOOK, source)]
        self.session.update_document([cell.id for cell in cells], {LOOK: source})
        self._execute(LOOK, source)
        del builtins.keep  # type: ignore[attr-defined]
        for name in list(kept):  # what a cell that has not run as it stands has left is told first
            seen = self.session.versions.seen_by(LOOK, name)
            maker = seen.cell if isinstance(seen, Version) else seen
            if maker is not None and not self.session.standing.verdict(maker).is_fresh:
                del kept[name]
        self._told = ()
        self.tell()
        said = ("not run: `", "prefect_jupyter: In the cache")
        shown = [o for o in self.page.shown.pop(LOOK).outputs if not str(o.get("text", "")).startswith(said)]
        assert not shown, f"reading {sorted(names)} shows {shown}"
        found = json.loads(probe.report(kept))
        return Values(found["digests"], found["texts"], {(one, other) for one, other in found["shared"]})


def _keep(kept: dict[str, Any], name: str, read: Callable[[], Any]) -> None:
    with contextlib.suppress(NameError):
        kept[name] = read()


@contextlib.contextmanager
def environment(folder: Path) -> Any:
    """Store, secret and history below `folder`."""
    places = {
        "PREFECT_JUPYTER_DIR": folder / "store",
        "XDG_DATA_HOME": folder / "data",
        "IPYTHONDIR": folder / "ipython",
    }
    before = dict(os.environ)
    os.environ.update({name: str(place) for name, place in places.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
