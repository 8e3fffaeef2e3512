"""Traces as JSON, and back.

It must not guess: what does not read as a trace is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ...core.rebuilder import FileStamp, Output, Trace

_FIELDS = tuple(field.name for field in fields(Trace))
_TUPLES = frozenset(field.name for field in fields(Trace) if str(field.type).startswith("tuple"))
_OUTPUT = tuple(field.name for field in fields(Output))
_OUTPUT_TUPLES = frozenset(field.name for field in fields(Output) if str(field.type).startswith("tuple"))
_STAMP = tuple(field.name for field in fields(FileStamp))


def encode(trace: Trace) -> bytes:
    plain: dict[str, Any] = {name: getattr(trace, name) for name in _FIELDS}
    plain["outputs"] = _rows(trace.outputs, _OUTPUT)
    plain["files_in"], plain["files_out"] = _rows(trace.files_in, _STAMP), _rows(trace.files_out, _STAMP)
    # Escapes keep lone surrogates; the order of mappings is kept as well.
    return json.dumps(plain, separators=(",", ":"), default=dict).encode("ascii")


def decode(content: bytes | memoryview) -> Trace:
    """Raises ValueError, TypeError, KeyError or AttributeError on what is not a trace."""
    plain: dict[str, Any] = json.loads(bytes(content))
    plain["outputs"] = {name: _output(row) for name, row in plain["outputs"].items()}
    for name in ("files_in", "files_out"):
        plain[name] = {path: FileStamp(**dict(zip(_STAMP, row, strict=True))) for path, row in plain[name].items()}
    for name in _TUPLES:
        plain[name] = tuple(plain[name])
    return Trace(**plain)


def _rows(items: Mapping[str, object], names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {key: [getattr(item, name) for name in names] for key, item in items.items()}


def _output(row: list[Any]) -> Output:
    plain = dict(zip(_OUTPUT, row, strict=True))
    for name in _OUTPUT_TUPLES:
        plain[name] = tuple(plain[name])
    return Output(**plain)
