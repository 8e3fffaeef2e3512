"""What a cell's body sees when it runs, as a digest: taken in the kernel and in the plain run alike.

It must not import the project: it runs in the bare process too.
"""

from __future__ import annotations

import hashlib
import types
from typing import Any

Digest = Any  # of `probe.digest_of`, given by whoever imports this


def described(value: object, digest: Digest) -> str:
    """The content of a value; of a function and a module also what its code reaches through global names."""
    parts: list[str] = []
    _describe(value, digest, parts, set())
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:16]


def sharing(values: tuple[object, ...], space: dict[str, object], digest: Digest) -> str:
    """The names whose values share a list or dictionary with one of `values`, and what they hold."""
    ids: set[int] = set().union(*(_containers(value) for value in values))
    if not ids:
        return ""
    held = {name: value for name, value in sorted(space.items()) if not name.startswith("_")}
    return ",".join(f"{name}={digest(value)}" for name, value in held.items() if _containers(value) & ids)


def _containers(value: object) -> set[int]:
    found: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if id(one) not in found and isinstance(one, (list, dict, tuple)):
            found.add(id(one))
            todo += [*one.keys(), *one.values()] if isinstance(one, dict) else one
    return found


def _describe(value: object, digest: Digest, parts: list[str], done: set[int]) -> None:
    if isinstance(value, types.ModuleType):
        for name in sorted(vars(value)):
            if not name.startswith("__"):
                parts.append(name)
                _describe(vars(value)[name], digest, parts, done)
        return
    parts.append(str(digest(value)))
    if not isinstance(value, types.FunctionType) or id(value) in done:
        return
    done.add(id(value))
    for name in sorted(_names(value.__code__)):
        if name in value.__globals__:
            parts.append(name)
            _describe(value.__globals__[name], digest, parts, done)


def _names(code: types.CodeType) -> set[str]:
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*inner)
