"""The digest of normalised code: equal for two texts that mean the same although they are written differently.

Comments, layout, most docstrings and the names of local variables do not count. Equal in every process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from .locals import renamed_locals
from .names import Wrapped

_SCHEMA = "1"
_UNSEEN = frozenset(("ctx", "kind", "type_comment", "type_ignores"))
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (*_FUNCTIONS, ast.ClassDef)
_DOC_READERS = frozenset(("__doc__", "help", "getdoc", "doctest", "testmod", "pinfo", "getsource", "cleandoc"))


class _Leave:
    """Marks on the stack where a definition ends."""

    __slots__ = ("documented", "names")

    def __init__(self, documented: bool, names: Mapping[str, str]) -> None:
        self.documented = documented
        self.names = names


def digest_of(
    tree: ast.Module,
    *,
    wrapped: Mapping[int, Wrapped] | None = None,
    suppressed: bool = False,
    declared: Iterable[tuple[str, tuple[str, ...] | None]] = (),
) -> str:
    """The digest of a cell's code.

    `wrapped` holds code inside of magics, by `id` of the call. `suppressed` says that the last value is not shown.
    `declared` are the options that change what the cell makes.
    """
    options = sorted((name, value) for name, value in declared if value is not None)
    parts = [_SCHEMA, ";" if suppressed else "", repr(options)]
    _write(tree, wrapped or {}, parts)
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _write(tree: ast.AST, wrapped: Mapping[int, Wrapped], out: list[str]) -> None:
    """Appends the normal form of a tree, through a stack: chains may be thousands long."""
    write = out.append
    stack: list[object] = [tree]
    documented = _reads_docstrings(tree)
    names: Mapping[str, str] = {}
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is str:
            write(node)  # type: ignore[arg-type]
        elif kind is ast.Name:
            write("." + names.get(node.id, node.id))  # type: ignore[attr-defined]
        elif kind is ast.Constant:
            write(f"={type(node.value).__name__} {node.value!r}")  # type: ignore[attr-defined]
        elif kind is _Leave:
            documented, names = node.documented, node.names  # type: ignore[attr-defined]
        elif kind is ast.Call and id(node) in wrapped:
            _push_wrapped(node, wrapped[id(node)], stack)  # type: ignore[arg-type]
        else:
            assert isinstance(node, ast.AST)
            without: ast.stmt | None = None
            if isinstance(node, _DOCUMENTED):
                stack.append(_Leave(documented, names))
                documented = documented or bool(node.decorator_list) or _has_heads(node)
                if not documented:
                    without = _docstring(node)
                if not isinstance(node, ast.ClassDef):
                    names = renamed_locals(node, names)
            write(kind.__name__)
            _push_fields(node, kind, without, stack)  # type: ignore[arg-type]


def _push_fields(node: ast.AST, kind: type[ast.AST], without: ast.stmt | None, stack: list[object]) -> None:
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(reversed([name for name in kind._fields if name not in _UNSEEN]))
    if fields:
        stack.append(")")
    for name in fields:
        value = getattr(node, name, None)
        if type(value) is list:
            stack.append("]")
            if without is not None and name == "body":
                stack.extend(reversed(value[1:] or [ast.Pass()]))
            else:
                stack.extend(part if isinstance(part, ast.AST) else repr(part) for part in reversed(value))
            stack.append("[")
        elif isinstance(value, ast.AST):
            stack.append(value)
        else:
            stack.append(repr(value))


def _push_wrapped(call: ast.Call, code: Wrapped, stack: list[object]) -> None:
    """The code inside of a magic counts as code, its options as text."""
    name, *rest = (argument.value for argument in call.args if isinstance(argument, ast.Constant))
    options = rest[0] if len(rest) > 1 else ""
    stack.append(")")
    stack.extend(reversed(code.body))
    stack.append(f"magic {name!r} {options!r} {code.suppressed}")


def _has_heads(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and bool(node.bases or node.keywords)


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.stmt | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first
    return None


def _reads_docstrings(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in _DOC_READERS)
        or (isinstance(node, ast.Attribute) and node.attr in _DOC_READERS)
        or (isinstance(node, ast.Constant) and node.value in ("pinfo", "pinfo2", "pdoc"))
        for node in ast.walk(tree)
    )
