"""What headers declare outside of Python: files, environment variables, seeds, and files that tasks make.

It must not run a task or judge one: it says what it finds.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.bindings import Learned
from ..core.cells import Cell
from ..core.rebuilder import FileStamp, Trace
from ..core.tasks import TaskOptions
from ..runtime.globs import TooManyError, absolute, matching, may_match
from ..runtime.kept_files import is_ours, keep, put_back
from ..runtime.stamps import stamped, unchanged
from ..runtime.stores import Store
from .errors import TaskError
from .wording import ago

_Sign = tuple[int, int, int]
_NOTHING = TaskOptions()


@dataclass(slots=True)
class Begun:
    """What was declared of one attempt, as it was before it: files by pattern, and signs of those to be written."""

    options: TaskOptions
    globs: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, FileStamp] = field(default_factory=dict)
    signs: dict[str, _Sign | None] = field(default_factory=dict)

    @property
    def answered_for(self) -> frozenset[str]:
        """Effects that a declaration of written files explains: making their folder, moving a draft to its place."""
        return frozenset({"mkdir", "rename"}) if self.signs else frozenset()

    def read(self, files: Mapping[str, FileStamp], written: Iterable[str]) -> dict[str, FileStamp]:
        """The files that the attempt depended on: those that were seen to be read, and the declared ones."""
        own = set(written)
        return {**files, **{path: known for path, known in self.files.items() if path not in own}}


class Declared:
    """The declarations of one notebook, whose files are meant from `folder`. `clock` tells seconds since the epoch."""

    def __init__(self, folder: str, store: Store, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._store = store
        self._clock = clock

    # --- around an attempt

    def is_of_all_elements(self, cell: Cell) -> bool:
        """Whether a mapped task declares what no element has for itself: its elements are computed together then."""
        options = cell.options or _NOTHING
        return bool(options.files or options.env or options.writes or options.seed is not None)

    def begin(self, cell: Cell) -> Begun:
        """What is so before an attempt. Raises `TaskError` for a pattern that nobody means."""
        options = cell.options or _NOTHING
        begun = Begun(options)
        for pattern in options.files:
            try:
                begun.globs[pattern] = matching(pattern, self.folder)
            except TooManyError as error:
                raise TaskError(f"`--file`: {error}") from None
        begun.files = stamped({path for paths in begun.globs.values() for path in paths})
        begun.signs = {path: _sign(path) for path in self.written_by(options)}
        return begun

    def seed(self, cell: Cell) -> None:
        """What `random.seed(N)` and `np.random.seed(N)` at the top of the cell would do."""
        seed = cell.options.seed if cell.options is not None else None
        if seed is None:
            return
        random.seed(seed)
        if self.prepare_chance(cell):
            sys.modules["numpy"].random.seed(seed)
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(seed)

    def prepare_chance(self, cell: Cell) -> bool:
        """Whether there is NumPy for a cell with a seed; it is loaded then, so that its generator can be set."""
        if cell.options is None or cell.options.seed is None or importlib.util.find_spec("numpy") is None:
            return False
        importlib.import_module("numpy.random")
        return True

    def not_written(self, begun: Begun, written: Iterable[str]) -> str:
        """What to say of the first declared file that the attempt has not written, "" if it wrote all."""
        seen = set(written)
        for text, path in zip(begun.options.writes, begun.signs, strict=True):
            sign = _sign(path)
            where = "" if text == path else f" (meant from {self.folder})"
            if os.path.isdir(path):
                return f"`--writes {text}` is a folder{where}: declare the files in it"
            if sign is None:
                return f"`--writes {text}`: the task has not written it{where}. Write it, or leave the option out."
            if sign == begun.signs[path] and path not in seen:
                return f"`--writes {text}`: the task has left it as it was{where}. Write it, or leave the option out."
        return ""

    def keep(self, begun: Begun, *, store: bool) -> dict[str, str]:
        """The declared files of an attempt with references to their content, "" for what is not kept."""
        return {path: keep(self._store, path) if store else "" for path in begun.signs}

    # --- answering from the store

    def hindrance(self, cell: Cell, trace: Trace) -> str:
        """Why what is declared forbids answering with this trace, "" when it does not."""
        if self.expired(cell, trace):
            return f"it {self.expired(cell, trace)}"
        for pattern, paths in trace.globs.items():
            if self._others(pattern, trace) != [path for path in paths if path not in trace.files_out]:
                return f"`{pattern}` matches other files"
        for path, known in trace.files_out.items():
            if unchanged(path, known):
                continue
            if not trace.blobs.get(path):
                return f"`{os.path.basename(path)}` is another file"
            if os.path.lexists(path) and not is_ours(self._store, path):
                return f"`{os.path.basename(path)}` was changed by somebody else"
        return ""

    def restore(self, trace: Trace) -> bool:
        """Puts declared files back that are missing, or hold what a task wrote there earlier. False: it cannot."""
        return all(
            unchanged(path, trace.files_out[path]) or put_back(self._store, path, reference, trace.files_out[path])
            for path, reference in trace.blobs.items()
            if reference and path in trace.files_out
        )

    # --- what can be said without running

    def _others(self, pattern: str, trace: Trace) -> list[str]:
        """The files that match and that the task has not written itself."""
        try:
            return [path for path in matching(pattern, self.folder) if path not in trace.files_out]
        except TooManyError:
            return []

    def written_by(self, options: TaskOptions) -> list[str]:
        return [absolute(path, self.folder) for path in options.writes]

    def expired(self, cell: Cell, trace: Trace) -> str:
        """What to say of a result that is too old, "" when it is not."""
        at = expiry_s(cell, trace)
        now = self._clock()
        if at is None or now < at:
            return ""
        return f"expired {ago(now - at)}"

    def changed_matches(self, trace: Trace) -> list[str]:
        """What to say of files that match a pattern now and did not, or the other way round."""
        said: list[str] = []
        for pattern, then in trace.globs.items():
            now = self._others(pattern, trace)
            said += [f"the file {path} is new (`--file {pattern}`)" for path in now if path not in then]
            # A file that is gone was read: its stamp says so.
            said += [
                f"the file {path} is gone" for path in then if path not in {*now, *trace.files_in, *trace.files_out}
            ]
        return said

    def links(self, cells: Iterable[Cell]) -> Mapping[str, Learned]:
        """Who writes and who reads declared files, in the words of the graph, before anything has run."""
        options_of = ((cell.id, cell.options) for cell in cells)
        asked = {cell: options for cell, options in options_of if options and (options.files or options.writes)}
        written = {path for options in asked.values() for path in self.written_by(options)}
        links: dict[str, Learned] = {}
        for cell_id, options in asked.items():
            reads = {path for path in written for text in options.files if may_match(text, self.folder, path)}
            writes = self.written_by(options)
            if reads or writes:
                links[cell_id] = Learned(
                    frozenset(map("file:{}".format, reads)), frozenset(map("file:{}".format, writes))
                )
        return links


def expiry_s(cell: Cell, trace: Trace) -> float | None:
    """When a result becomes stale, in seconds since the epoch."""
    expires_s = cell.options.expires_s if cell.options is not None else None
    return None if expires_s is None else trace.started_s + expires_s


def _sign(path: str) -> _Sign | None:
    """Tells one state of a file from another without reading it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _as_names(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(f"file:{path}" for path in paths)
