"""The digest of normalised code: equal for two texts that mean the same although they are written differently.

Comments, layout, most docstrings and the names of local variables do not count. Equal in every process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from .locals import renamed_locals
from .names import Wrapped

_SCHEMA = "1"
_UNSEEN = frozenset(("ctx", "kind", "type_comment", "type_ignores"))
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_DOC_READERS = re.compile("__doc__|help|getdoc|doctest|testmod|pinfo2?|pdoc|getsource|cleandoc")


class _Leave:
    """Marks on the stack where a definition ends."""

    __slots__ = ("documented", "names")

    def __init__(self, documented: bool, names: Mapping[str, str]) -> None:
        self.documented = documented
        self.names = names


def digest_of(
    tree: ast.Module,
    text: str,
    *,
    wrapped: Mapping[int, Wrapped] | None = None,
    suppressed: bool = False,
    declared: Iterable[tuple[str, tuple[str, ...] | None]] = (),
) -> str:
    """The digest of a cell's code. `text` is what `tree` was parsed from.

    `wrapped` holds code inside of magics, by `id` of the call. `suppressed` says that the last value is not shown.
    `declared` are the options that change what the cell makes.
    """
    options = sorted((name, value) for name, value in declared if value is not None)
    parts = [_SCHEMA, ";" if suppressed else "", repr(options)]
    _write(tree, wrapped or {}, parts, _reads_docstrings(tree, text))
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _write(tree: ast.AST, wrapped: Mapping[int, Wrapped], out: list[str], documented: bool) -> None:
    """Appends the normal form of a tree, through a stack: chains may be thousands long."""
    write = out.append
    stack: list[Any] = [tree]
    push = stack.append
    pop = stack.pop
    names: Mapping[str, str] = {}
    while stack:
        node = pop()
        kind = type(node)
        if kind is str:
            write(node)
        elif kind is ast.Name:
            write("." + names.get(node.id, node.id))
        elif kind is ast.Constant:
            write(f"={type(node.value).__name__} {node.value!r}")
        elif kind is ast.Attribute:
            write("@" + node.attr)
            push(node.value)
        elif kind is _Leave:
            documented, names = node.documented, node.names
        elif kind is ast.Call and id(node) in wrapped:
            _push_wrapped(wrapped[id(node)], stack)
        else:
            write(kind.__name__)
            without = None
            if kind in _DOCUMENTED:
                push(_Leave(documented, names))
                documented = documented or bool(node.decorator_list) or _has_heads(node)
                without = None if documented else _docstring(node)
                if kind is not ast.ClassDef:
                    names = renamed_locals(node, names)
            for name in _FIELDS[kind] if kind in _FIELDS else _fields_of(kind):
                value = getattr(node, name, None)
                if type(value) is list:
                    if without is not None and name == "body":
                        value = value[1:] or [ast.Pass()]
                    push("]")
                    stack += [part if isinstance(part, ast.AST) else repr(part) for part in value[::-1]]
                    push("[")
                elif isinstance(value, ast.AST):
                    push(value)
                else:
                    push(repr(value))


def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields that count, from the last to the first: each kind has a fixed number, so none needs a mark."""
    return _FIELDS.setdefault(kind, tuple(name for name in reversed(kind._fields) if name not in _UNSEEN))


def _push_wrapped(code: Wrapped, stack: list[Any]) -> None:
    """The code inside of a magic counts as code, its options as text."""
    stack.append(")")
    stack.extend(reversed(code.body))
    stack.append(f"magic {code.heading} {code.suppressed}")


def _has_heads(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and bool(node.bases or node.keywords)


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.stmt | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first
    return None


def _reads_docstrings(tree: ast.AST, text: str) -> bool:
    return _DOC_READERS.search(text) is not None and any(
        isinstance(word, str) and _DOC_READERS.fullmatch(word) is not None
        for node in ast.walk(tree)
        for word in (getattr(node, attribute, None) for attribute in ("id", "attr", "value"))
    )
