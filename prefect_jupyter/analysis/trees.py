"""The parts of a syntax tree's node that can hold names, without what only says how they are used.

It must not recurse: callers walk with a stack of their own.
"""

from __future__ import annotations

import ast

_WORDS = frozenset(
    (
        "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "module", "op", "ops",
        "simple", "tag", "type_comment", "type_ignores",
    )
)  # fmt: skip
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes below a node in the order of its fields. Operators and contexts are not among them."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(field for field in kind._fields if field not in _WORDS)
    found: list[ast.AST] = []
    for field in fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif type(value) is list:
            found += [part for part in value if isinstance(part, ast.AST)]
    return found
