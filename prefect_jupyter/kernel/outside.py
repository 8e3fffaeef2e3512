"""What tasks depend on outside of the kernel: files, code on disk and the time that goes by.

It must not open what it can tell from size and time, and it judges no task.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable

from ..analysis.changes import explain_change
from ..core.rebuilder import FileStamp, Trace
from ..runtime.stamps import unchanged
from ..runtime.workspace import Workspace, stat_of
from .declared import Declared
from .versions import Versions


class Outside:
    """Compares what traces say of the outside with what is there now. `clock` tells seconds since the epoch."""

    def __init__(
        self, workspace: Workspace, versions: Versions, declared: Declared, clock: Callable[[], float]
    ) -> None:
        self._workspace = workspace
        self._versions = versions
        self._declared = declared
        self._clock = clock
        self._cells_of: dict[str, set[str]] = {}
        self._files_of: dict[str, set[str]] = {}
        self._stats: dict[str, object] = {}
        self._expiring: dict[str, float] = {}
        self._matches: dict[str, tuple[Trace, tuple[str, ...]]] = {}

    # --- what to look at again

    def watch(self, cell: str, trace: Trace | None, expires_s: float | None) -> None:
        """From now on the files of this trace are what `cell` depends on; at `expires_s` it is stale anyway."""
        self._expiring.pop(cell, None)
        self._matches.pop(cell, None)
        for path in self._files_of.pop(cell, ()):
            self._cells_of[path].discard(cell)
        if trace is None:
            return
        if expires_s is not None:
            self._expiring[cell] = expires_s
        if trace.globs:
            self._matches[cell] = (trace, ())
        self._files_of[cell] = {*trace.files_in, *trace.files_out, *trace.sources}
        for path in self._files_of[cell]:
            self._cells_of.setdefault(path, set()).add(cell)
            self._stats.setdefault(path, stat_of(path))

    def moved(self) -> set[str] | None:
        """The cells whose files look other than when this was last asked; None: code did, which may be anyone's."""
        now_s = self._clock()
        found = {cell for cell, at_s in self._expiring.items() if at_s <= now_s}
        for cell, (trace, said) in self._matches.items():
            now = tuple(self._declared.changed_matches(trace))
            if now != said:
                self._matches[cell] = (trace, now)
                found.add(cell)
        is_code = False
        for path in {*self._cells_of, *self._workspace.files()}:
            stat = stat_of(path)
            if self._stats.setdefault(path, self._workspace.stat_when_loaded(path)) != stat:
                self._stats[path] = stat
                found |= self._cells_of.get(path, set())
                is_code |= self._workspace.is_module(path)
        return None if is_code else found

    # --- what is another now

    def changed_files(self, cell: str, trace: Trace) -> list[str]:
        """What to say of files that are not as the run read them, or left them; what cells write is versioned."""
        said = [
            f"the file {path} that it writes " + ("has changed since" if stat_of(path) is not None else "is gone")
            for path in trace.blobs
            if self._is_last_writer(cell, path) and not unchanged(path, trace.files_out[path])
        ]
        return said + [
            _said_of(path, known)
            for path, known in trace.files_in.items()
            if not self._versions.is_written(f"file:{path}") and not unchanged(path, known)
        ]

    def _is_last_writer(self, cell: str, path: str) -> bool:
        latest = self._versions.latest(f"file:{path}")
        return latest is not None and latest.cell == cell

    def changed_code(self, trace: Trace) -> list[tuple[str, str]]:
        """Modules that the run imported on its way whose code is another now: file, and what changed."""
        found: list[tuple[str, str]] = []
        for path, known in trace.sources.items():
            if self._workspace.digest(path) != known:
                before = self._workspace.text_with(path, known)
                now = self._workspace.text(path)
                found.append((path, explain_change(before, now) if before is not None and now is not None else ""))
        return found

    def edited(self, sources: Iterable[str], files: Collection[str] = ()) -> list[tuple[str, str]]:
        """Files of `sources` and of `files` with other code than is loaded: file, and the difference."""
        also = {f"{module}:*" for path in files if (module := self._workspace.module_of(path))}
        found: list[tuple[str, str]] = []
        for path in self._workspace.edited({*sources, *also}):
            loaded, now = self._workspace.text(path), self._workspace.text_on_disk(path)
            found.append((path, explain_change(loaded, now) if loaded is not None and now is not None else ""))
        return found


def _said_of(path: str, known: FileStamp) -> str:
    """What became of a file, or a folder, that a run read."""
    if os.path.isdir(path):
        return f"the folder {path} has other files"
    if stat_of(path) is None:
        return f"the file {path} is gone"
    return f"the file {path} is new" if known.size < 0 else f"the file {path} has changed"
