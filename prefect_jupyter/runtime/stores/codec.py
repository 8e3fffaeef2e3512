"""Traces as JSON, and back.

It must not guess: what does not read as a trace is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ...core.decisions import KINDS, Decision
from ...core.rebuilder import FileStamp, Output, Trace

_FIELDS = tuple(field.name for field in fields(Trace))
_TUPLES = frozenset(field.name for field in fields(Trace) if str(field.type).startswith("tuple"))
_OUTPUT = tuple(field.name for field in fields(Output))
_OUTPUT_TUPLES = frozenset(field.name for field in fields(Output) if str(field.type).startswith("tuple"))
_STAMP = tuple(field.name for field in fields(FileStamp))


def encode(trace: Trace) -> bytes:
    return _json(_plain(trace))


def decode(content: bytes | memoryview) -> Trace:
    """Raises ValueError, TypeError, KeyError or AttributeError on what is not a trace."""
    return _trace(json.loads(str(content, "ascii")))


def encode_decision(decision: Decision) -> bytes:
    return _json(
        {
            "kind": decision.kind,
            "at_s": decision.at_s,
            "trace": _plain(decision.trace),
            "digest": decision.digest,
            "inputs": dict(decision.inputs),
            "files": _rows(decision.files, _STAMP),
        }
    )


def decode_decision(content: bytes | memoryview) -> Decision:
    """Raises ValueError, TypeError, KeyError or AttributeError on what is not a decision."""
    plain: dict[str, Any] = json.loads(bytes(content))
    if plain["kind"] not in KINDS:
        raise ValueError(plain["kind"])
    return Decision(**{**plain, "trace": _trace(plain["trace"]), "files": _stamps(plain["files"])})


def _plain(trace: Trace) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(trace, name) for name in _FIELDS}
    plain["outputs"] = _rows(trace.outputs, _OUTPUT)
    plain["files_in"], plain["files_out"] = _rows(trace.files_in, _STAMP), _rows(trace.files_out, _STAMP)
    return plain


def _json(plain: dict[str, Any]) -> bytes:
    # Escapes keep lone surrogates; the order of mappings is kept as well.
    return json.dumps(plain, separators=(",", ":"), default=dict).encode("ascii")


def _trace(plain: dict[str, Any]) -> Trace:
    plain["outputs"] = {name: _output(row) for name, row in plain["outputs"].items()}
    for name in ("files_in", "files_out"):
        plain[name] = _stamps(plain[name])
    for name in _TUPLES:
        plain[name] = tuple(plain[name])
    return Trace(**plain)


def _rows(items: Mapping[str, object], names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {key: [getattr(item, name) for name in names] for key, item in items.items()}


def _stamps(rows: Mapping[str, list[Any]]) -> dict[str, FileStamp]:
    return {path: FileStamp(**dict(zip(_STAMP, row, strict=True))) for path, row in rows.items()}


def _output(row: list[Any]) -> Output:
    plain = dict(zip(_OUTPUT, row, strict=True))
    for name in _OUTPUT_TUPLES:
        plain[name] = tuple(plain[name])
    return Output(**plain)
