"""Is a task fresh, and if not, why: verifying traces in the sense of *Build systems à la carte*.

It compares fingerprints that others took; it must not load values, read files or run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One name that a task bound or changed.

    `group` is the position in `Trace.groups` of the pickle that holds it (names that share storage
    share a group), or None when the value was not stored: a definition that is replayed, or a value
    that cannot be stored. `reach` are the notebook names that its code reads when it is called; they
    are not part of the fingerprint. `summary` says type, shape and size, never a value.
    """

    fingerprint: str
    group: int | None = None
    definition: bool = False
    in_place: bool = False
    reach: tuple[str, ...] = ()
    handle: str | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """A file as a task saw it: size in bytes, modification time in ns, content digest."""

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything that one successful run of a task read and left: what the store keeps.

    JSON only: every field is made of str, int, float, bool, None, lists and dicts.
    `key` is the static key (code, options, fingerprints of the inputs by name); `ambient_in`,
    `files_in` are the inputs discovered while it ran and are verified after the key was found.
    `groups` are value references of the store; `ambient_out` maps each kind of process-wide state that
    the task changed to a value reference of the store. `displays` are nbformat v4 outputs to show
    again on a hit. `replays` are the positions of the top-level statements to run again on a hit.
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
    files_in: Mapping[str, FileStamp] = field(default_factory=dict)
    files_out: Mapping[str, FileStamp] = field(default_factory=dict)
    displays: tuple[dict[str, Any], ...] = ()
    executes: bool = False
    started_s: float = 0.0
    duration_s: float = 0.0
