"""One fact as one line of a journal, and back: a checksum, and JSON.

It must not decide what is written down, and never fails on a line that it reads: what it cannot read is None.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

from ...core.events import ChildrenMoved, Event, RetriesDue, RunEnded, RunStarted, TaskMapped, TaskMoved
from ...core.run_task import RunTask
from ...core.states import State
from ...core.tasks import Retry


class Opened(NamedTuple):
    """A kernel began to write: the first line of every journal."""

    at: float
    session: str
    notebook: str
    version: int = 1


class Logged(NamedTuple):
    """Lines that the present attempt of a task logged or printed ("log"), or its traceback ("traceback")."""

    at: float
    task: str
    kind: str
    lines: tuple[str, ...]
    dropped: int = 0


Fact: TypeAlias = "Event | Opened | Logged"

_KINDS: dict[str, type[Any]] = {
    "opened": Opened,
    "run": RunStarted,
    "task": TaskMoved,
    "map": TaskMapped,
    "children": ChildrenMoved,
    "due": RetriesDue,
    "end": RunEnded,
    "log": Logged,
}
_SCALARS = frozenset({str, int, float, bool})
_TASK = tuple(field.name for field in fields(RunTask))
_RETRY = tuple(field.name for field in fields(Retry))
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(fact: Fact) -> bytes:
    """A line with its end."""
    body = json.dumps([_NAMES[type(fact)], *map(_plain, fact)], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> Fact | None:
    """The fact in a line; None for a torn, damaged or unknown one."""
    sum_, _, body = line.rstrip(b"\n").partition(b" ")
    try:
        if int(sum_, 16) != zlib.crc32(body):
            return None
        name, *fields = json.loads(body)
        fact: Fact = _KINDS[name](*(_made(name, position, value) for position, value in enumerate(fields)))
    except (ValueError, KeyError, TypeError):
        return None
    return fact


def _plain(value: Any) -> Any:
    if value is None or type(value) in _SCALARS:
        return value
    if isinstance(value, State):
        return int(value)
    if isinstance(value, range):
        return {"from": value.start, "to": value.stop}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, RunTask):
        return {**{name: getattr(value, name) for name in _TASK}, "retry": _retry(value.retry)}
    return value


def _retry(retry: Retry) -> dict[str, Any]:
    return {name: getattr(retry, name) for name in _RETRY}


def _made(kind: str, position: int, value: Any) -> Any:
    field = _KINDS[kind]._fields[position]
    if field == "state":
        return State(value)
    if field == "states":
        return bytes.fromhex(value)
    if field in ("forced", "resumed") or (kind, field) == ("due", "tasks"):
        return frozenset(value)
    if field == "tasks":
        return tuple(_task(task) for task in value)
    if field == "limits":
        return tuple((tag, number) for tag, number in value)
    if field == "children" and isinstance(value, dict):
        return range(value["from"], value["to"])
    return tuple(value) if isinstance(value, list) else value


def _task(fields: dict[str, Any]) -> RunTask:
    retry = Retry(**_tuples(fields.pop("retry")))
    return RunTask(**_tuples(fields), retry=retry)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
