"""The wire protocol as TypeScript, made from the types of `protocol`.

It must not add anything that is not in `protocol`.
"""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from . import protocol

_HEADER = """\
/**
 * The messages between a kernel and a page.
 * Made by `python -m prefect_jupyter.view.protocol`: change prefect_jupyter/view/protocol.py instead.
 */
"""
_CONSTANTS = ("PROTOCOL", "TARGET", "HELLO_TARGET", "MIME")
_WORDS = ("STATES", "VERDICTS", "VERBS")
_ROWS = (protocol.NodeRow, protocol.EdgeRow, protocol.StateRow, protocol.RunRow)
_MESSAGES = (
    protocol.Welcome,
    protocol.GraphMessage,
    protocol.StateMessage,
    protocol.Snap,
    protocol.ReplyMessage,
    protocol.NoticeMessage,
    protocol.OutputMessage,
    protocol.Opening,
    protocol.CommandMessage,
)
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", object: "unknown"}


def typescript() -> str:
    """The whole of `labextension/src/protocol.ts`."""
    parts = [_HEADER]
    parts += [f"export const {name} = {_value(getattr(protocol, name))};" for name in _CONSTANTS]
    parts.append("")
    for name in _WORDS:
        words = "".join(f"  {_value(word)},\n" for word in getattr(protocol, name)).removesuffix(",\n")
        parts.append(f"export const {name} = [\n{words}\n] as const;\n")
    parts += [_tuple(row) for row in _ROWS]
    parts += [_interface(message) for message in _MESSAGES]
    names = [message.__name__ for message in get_args(protocol.Message)]
    parts.append("export type Message =\n" + "\n".join(f"  | {name}" for name in names) + ";")
    return "\n".join(parts) + "\n"


def _tuple(row: type) -> str:
    fields = [f"  {name}: {_type(hint)}" for name, hint in get_type_hints(row).items()]
    return f"{_doc(row)}export type {row.__name__} = readonly [\n" + ",\n".join(fields) + "\n];\n"


def _interface(message: type) -> str:
    fields = [f"  readonly {name}: {_type(hint)};" for name, hint in get_type_hints(message).items()]
    return f"{_doc(message)}export interface {message.__name__} {{\n" + "\n".join(fields) + "\n}\n"


def _doc(described: type) -> str:
    text = described.__doc__ or ""
    if not text or text.startswith("dict("):
        return ""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _type(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(_value(word) for word in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(_type(each) for each in arguments)
    if origin is list:
        return f"readonly {_type(arguments[0])}[]"
    if origin is dict:
        return f"{{ readonly [key: string]: {_type(arguments[1])} }}"
    if is_typeddict(hint) or hasattr(hint, "_fields"):
        return str(hint.__name__)
    raise TypeError(f"protocol.py uses {hint!r}, which has no TypeScript here: add it to typescript.py.")


def _value(constant: object) -> str:
    return f"'{constant}'" if isinstance(constant, str) else str(constant)
