"""Is a task fresh, and if not, why: verifying traces in the sense of *Build systems à la carte*.

It compares fingerprints that others took; it must not load values, read files or run anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One name that a task bound or changed.

    `group` is the position in `Trace.groups` of the pickle that holds it (names that share storage
    share a group), or None when the value was not stored: a definition that is replayed, or a value
    that cannot be stored. `shared` marks a name that the task did not touch, but that shares storage with
    one that it made. `reach` are the notebook names that its code reads when it is called; they
    are not part of the fingerprint. `sources` is the code of workspace modules that it reaches, as
    `module:name`. `summary` says type, shape and size, never a value.
    """

    fingerprint: str
    group: int | None = None
    definition: bool = False
    in_place: bool = False
    shared: bool = False
    reach: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    handle: str | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """A file as a task saw it: size in bytes, modification time in ns, content digest, change time in ns, inode.

    A time that later writes could share is -1; so is the size of a file that was not there.
    """

    size: int
    mtime_ns: int
    digest: str
    ctime_ns: int = 0
    inode: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything that one successful run of a task read and left: what the store keeps.

    JSON only: every field is made of str, int, float, bool, None, lists and dicts.
    `key` is the static key (code, options, fingerprints of the inputs by name); `ambient_in`,
    `files_in` are the inputs discovered while it ran and are verified after the key was found.
    `shared_in` says of each input that it changed in place, or that it gave another name, which other names
    shared storage with it before, and what they held.
    `sources` are files of workspace modules that it imported on its way, with the digests of their code.
    `libraries` says which library, in which version, the inputs come from that are its code.
    `globs` are the declared patterns with the files that each matched; `blobs` are value references to the
    content of files that it was declared to write, by path.
    `groups` are value references of the store; `ambient_out` maps each kind of process-wide state that
    the task changed to a value reference of the store. `displays` are nbformat v4 outputs to show
    again on a hit; `last` is a value reference of the store, for the value that `_` holds for a cell below which
    reads it, else "". `replays` are the positions of the top-level statements to run again on a hit.
    `executes` says that the task has to run in every kernel, because a later cell reads a value of it
    that cannot be stored.
    """

    key: str
    source: str
    digest: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, Output]
    groups: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    replays: tuple[int, ...] = ()
    ambient_in: Mapping[str, str] = field(default_factory=dict)
    ambient_out: Mapping[str, str] = field(default_factory=dict)
    shared_in: Mapping[str, str] = field(default_factory=dict)
    files_in: Mapping[str, FileStamp] = field(default_factory=dict)
    files_out: Mapping[str, FileStamp] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    globs: Mapping[str, list[str]] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    displays: tuple[dict[str, Any], ...] = ()
    last: str = ""
    executes: bool = False
    started_s: float = 0.0
    duration_s: float = 0.0


SCHEMA = 3


def key_of(digest: str, ordinal: int, inputs: Mapping[str, str], python: str) -> str:
    """The static key of a task: hex digest of its code, its rank among equal cells, and its inputs by name.

    `inputs` maps names to fingerprints, those of functions without what they reach (which are inputs of
    their own); `python` is the interpreter's "major.minor".
    """
    parts = [str(SCHEMA), python, digest, str(ordinal)]
    for name in sorted(inputs):
        parts += (name, inputs[name])
    content = bytearray()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        content += len(encoded).to_bytes(4, "little") + encoded
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task is not fresh, in one line; `cell` is where the cause lies, `detail` has more lines (a diff)."""

    text: str
    cell: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kind` is fresh, stale, unverified or unchecked."""

    kind: str
    reasons: tuple[Reason, ...] = ()

    @property
    def is_fresh(self) -> bool:
        return self.kind == "fresh"

    @property
    def reason(self) -> str:
        """The first reason in one line, "" when fresh."""
        return self.reasons[0].text if self.reasons else ""


FRESH = Verdict("fresh")


class Evidence(Protocol):
    """What is known about one cell and its inputs when a verdict is asked for."""

    def trace(self, cell: str) -> Trace | None: ...

    def failure(self, cell: str) -> str | None:
        """The one line of the error with which the task failed as it stands, if it did."""

    def absence(self, cell: str) -> str:
        """Why there is no trace of a run of the task."""

    def explain_code(self, before: str, cell: str) -> Reason: ...

    def inputs(self, cell: str) -> Mapping[str, Input]: ...

    def describe_change(self, name: str, before: str, after: str, library_then: str) -> tuple[str, str]:
        """What changed between two fingerprints of a name, in a sentence, and lines that show it."""

    def changed_outside(self, cell: str, trace: Trace) -> list[Reason]:
        """What the task read outside of the notebook's names, and is another now: files, code, time that went by."""

    def doubts(self, cell: str, trace: Trace) -> list[Reason]:
        """Why it cannot be known whether a run from the top would give the same."""

    def changed_sharing(self, cell: str, trace: Trace) -> list[str]:
        """Those inputs which the task changed in place that other names share otherwise now."""


class Input(NamedTuple):
    """One input where the task stands: its fingerprint (None: unknown now), who made it, what is wrong with it."""

    fingerprint: str | None
    producer: str | None = None
    label: str = ""
    trouble: Verdict | None = None


def verdict(cell: str, digest: str, evidence: Evidence) -> Verdict:
    """Whether what `cell` left is what a run from the top would leave, with all reasons why it may not be."""
    failure = evidence.failure(cell)
    if failure is not None:
        return Verdict("stale", (Reason(f"failed: {failure}", cell),))
    trace = evidence.trace(cell)
    if trace is None:
        return Verdict("stale", (Reason(evidence.absence(cell), cell),))
    stale: list[Reason] = []
    unverified: list[Reason] = []
    if trace.digest != digest:
        stale.append(evidence.explain_code(trace.source, cell))
    now = evidence.inputs(cell)
    for name, known in now.items():
        if known.trouble is not None and not known.trouble.is_fresh:
            (stale if known.trouble.kind == "stale" else unverified).extend(known.trouble.reasons)
        elif name.startswith("file:") and _before(trace, name) is None:
            continue  # read once, but not in the run that counts
        elif known.fingerprint is not None and _before(trace, name) != known.fingerprint:
            stale.append(_changed_input(name, trace, known, evidence))
    stale += [Reason(f"`{name}` is no longer written above", cell) for name in trace.inputs if name not in now]
    stale += evidence.changed_outside(cell, trace)
    stale += [
        Reason(f"other names share storage with `{name}` than when it ran", cell)
        for name in evidence.changed_sharing(cell, trace)
    ]
    unverified += evidence.doubts(cell, trace)
    if stale:
        return Verdict("stale", _once(stale + unverified))
    if unverified:
        return Verdict("unverified", _once(unverified))
    return FRESH


def _changed_input(name: str, trace: Trace, known: Input, evidence: Evidence) -> Reason:
    where = f" · {known.label}" if known.label else ""
    before = _before(trace, name)
    if name.startswith("@"):
        return Reason(f"{described(name[1:])} changed{where}", known.producer)
    if before is None:
        return Reason(f"`{name}` is new here{where}", known.producer)
    said, detail = evidence.describe_change(name, before, known.fingerprint or "", trace.libraries.get(name, ""))
    return Reason(f"{said}{where}", known.producer, detail)


def described(item: str) -> str:
    """A kind of process-wide state, or one key of it, in words; never its value."""
    kind, _, key = item.partition(":")
    return f"environment variable `{key}`" if key else f"process-wide state `{kind}`"


def _before(trace: Trace, name: str) -> str | None:
    if name.startswith("@"):
        return trace.ambient_in.get(name[1:])
    if name.startswith("file:"):
        stamp = trace.files_in.get(name.removeprefix("file:"))
        return None if stamp is None else stamp.digest
    return trace.inputs.get(name)


def _once(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
