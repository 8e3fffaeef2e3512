"""What the code of a notebook holds on to: default arguments and attributes of classes that can be changed.

A value that shares one of these cannot be stored: loaded again, it would share it no longer. It must not
describe or change what it finds.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from .origins import Origin, module_of, origin_of
from .walk import ATOMS

_CONTAINERS = (list, tuple, set, frozenset)
_INSIDE_MAX = 1_000


def owners(storage: AbstractSet[int], namespace: Mapping[str, object]) -> frozenset[str]:
    """The names of the functions and classes of this namespace that hold any of these mutable objects."""
    code = [(name, value) for name, value in list(namespace.items()) if isinstance(value, (type, types.FunctionType))]
    return frozenset(name for name, value in code if not storage.isdisjoint(owned(value, namespace)))


def owned(definition: object, namespace: Mapping[str, object]) -> frozenset[int]:
    """The ids of the mutable objects that a function or class of this namespace holds."""
    if isinstance(definition, types.FunctionType):
        return frozenset(map(id, _of_function(definition))) if definition.__globals__ is namespace else frozenset()
    if not isinstance(definition, type) or issubclass(definition, enum.Enum):
        return frozenset()
    is_own = origin_of(module_of(definition)) is Origin.NOTEBOOK
    return frozenset(map(id, _of_class(definition))) if is_own else frozenset()


def _of_function(function: types.FunctionType) -> Iterator[object]:
    yield from _changeable(function.__defaults__ or ())
    yield from _changeable((function.__kwdefaults__ or {}).values())


def _of_class(cls: type) -> Iterator[object]:
    for name, member in list(vars(cls).items()):
        if isinstance(member, (staticmethod, classmethod)):
            member = member.__func__
        if isinstance(member, types.FunctionType):
            yield from _of_function(member)
        elif not name.startswith("__"):
            yield from _changeable((member,))


def _changeable(values: Iterable[object]) -> Iterator[object]:
    """Those of `values`, and what they hold at once, that are no atoms, code or descriptors."""
    for value in values:
        if type(value) in ATOMS or isinstance(value, (type, types.FunctionType)) or hasattr(type(value), "__get__"):
            continue
        yield value
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, _CONTAINERS) else ()
        if len(inside) <= _INSIDE_MAX:
            yield from (part for part in inside if type(part) not in ATOMS)
