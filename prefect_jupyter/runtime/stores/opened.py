"""A store's folder, opened: index, files and seal, and how an entry is read with all its checks.

It must not heal or forgive: what is amiss raises `Broken`, and a disk that fails OSError or sqlite3.Error.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from ...core.decisions import Decision
from ...core.rebuilder import Trace
from ..pickles import Pickle
from .blobs import Blobs
from .claims import Claims
from .codec import decode, decode_decision, encode, encode_decision
from .filesystem import FileSystem
from .folders import is_on_network
from .index import Index
from .ledger import Ledger
from .orphans import has_others
from .records import lay_out, read_record
from .seal import FORMAT, Broken, Seal

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


class BrokenFiles(Broken):
    """A value whose files are amiss; `names` are theirs."""

    def __init__(self, text: str, names: list[str]) -> None:
        super().__init__(text)
        self.names = names


class Opened:
    """What there is once folder and secret are known to be good."""

    def __init__(self, folder: Path, secret: Callable[[], bytes], files: FileSystem) -> None:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "is a link to another folder", str(folder))
        files.make_folder(folder)
        files.make_private(folder)
        self.seal = Seal(secret())
        owner = self.seal.name
        on_network = is_on_network(folder)
        path = folder / f"index-{FORMAT}-{owner}.sqlite"
        self.is_news = not path.exists() and has_others(folder, owner, files)
        self.blobs = Blobs(folder / "values" / owner, files)
        self.index = Index(path, files, "DELETE" if on_network else "WAL")
        # Over a network a lock may be granted to nobody for minutes: there the work is done twice instead.
        self.claims = Claims(folder / f"claims-{owner}", files, work=not on_network)
        self.ledger = Ledger(self.index)

    def close(self) -> None:
        self.claims.close()
        self.index.close()

    # Traces

    def write_trace(self, trace: Trace, variant: str, now_s: float) -> int:
        """Keep a trace and return its size."""
        entry = self.seal.close(_trace_address(trace.key, variant), encode(trace))
        self.index.put_trace(
            trace.key, variant, entry, values=(*trace.groups, *trace.ambient_out.values(), *trace.blobs.values()),
            made_s=trace.started_s or now_s, saves_s=trace.duration_s, now_s=now_s,
        )  # fmt: skip
        return len(entry)

    def read_trace(self, key: str, variant: str, entry: bytes) -> Trace:
        try:
            trace = decode(self.seal.open(_trace_address(key, variant), entry))
        except _UNREADABLE:
            raise Broken("does not read") from None
        if trace.key != key:
            raise Broken("belongs to another task")
        return trace

    # Values

    def write_value(self, reference: str, pickled: Pickle, now_s: float) -> int:
        """Keep a value and return how many bytes were written."""
        if self._is_whole(reference):
            return 0
        record, contents = lay_out(pickled)
        entry = self.seal.close(_value_address(reference), record.to_bytes())
        for name, parts in contents.items():
            self.blobs.put(name, parts)
        self.index.put_record(reference, entry, pickled.size_bytes, contents, now_s)
        for name, parts in contents.items():
            # Another kernel may have removed it, as nobody's, before it was named.
            if not self.blobs.is_whole(name):
                self.blobs.put(name, parts)
        return pickled.size_bytes

    def read_value(self, reference: str, entry: bytes, *, afresh: bool = False) -> Pickle:
        """A value, every byte of it checked; large files once a process, unless `afresh`."""
        record = read_record(self.seal.open(_value_address(reference), entry))
        files: list[memoryview] = []
        for file in record.files:
            try:
                files.append(self.blobs.get(file.name, file.size, is_stream=file.is_stream, afresh=afresh))
            except Broken as broken:
                raise BrokenFiles(str(broken), [file.name]) from None
        inline = memoryview(record.inline)
        parts = [(files[at] if at >= 0 else inline)[start : start + size] for at, start, size in record.parts]
        return Pickle(bytes(parts[0]), tuple(parts[1:]))

    # Decisions

    def _is_whole(self, reference: str) -> bool:
        """Whether a value is there whose entry can be trusted; a damaged one is written anew."""
        entry = self.index.record(reference)
        try:
            return entry is not None and bool(self.seal.open(_value_address(reference), entry))
        except Broken:
            return False

    def write_decision(self, notebook: str, task: str, decision: Decision) -> None:
        entry = self.seal.close(_decision_address(notebook, task), encode_decision(decision))
        self.index.decide(notebook, task, decision.kind, decision.trace.key, decision.at_s, entry, decision.values)

    def read_decision(self, notebook: str, task: str, entry: bytes) -> Decision:
        try:
            return decode_decision(self.seal.open(_decision_address(notebook, task), entry))
        except _UNREADABLE:
            raise Broken("does not read") from None


def _trace_address(key: str, variant: str) -> str:
    return f"trace {key} {variant}"


def _value_address(reference: str) -> str:
    return f"value {reference}"


def _decision_address(notebook: str, task: str) -> str:
    return f"decision {notebook!r} {task!r}"
