"""Whether code that showed and bound nothing surely did nothing at all, such as a check: `assert f(2) == 4`.

It reads compiled code and the names that it loads, and runs none of it. Whatever it does not know may do
anything.
"""

from __future__ import annotations

import builtins
import collections
import dis
import functools
import re
import sys
import types
from collections.abc import Mapping
from typing import Any

from .origins import Origin, module_of, origin_of

# Of the standard library: what these do is their result, or a change that is followed elsewhere (chance).
_PURE_MODULES = frozenset(
    (
        "abc", "bisect", "builtins", "calendar", "cmath", "collections", "copy", "dataclasses", "datetime", "difflib",
        "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator",
        "random", "re", "statistics", "string", "struct", "textwrap", "typing", "unicodedata",
    )
)  # fmt: skip
_LIBRARIES = frozenset(("numpy", "pandas"))
_SETTINGS = re.compile(r"set_|set[a-z]+$|seterr|reset_|register|option|add_|_")
_NOT_PURE = frozenset(
    (
        "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "help",
        "input", "locals", "open", "quit", "setattr", "vars",
    )
)  # fmt: skip
_KINDS: tuple[type, ...] = (
    str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex, range, slice, object, Exception,
    collections.Counter, collections.defaultdict, collections.deque, collections.OrderedDict, re.Pattern, re.Match,
)  # fmt: skip
_ATTRIBUTES = frozenset().union(*map(dir, _KINDS))
_LOADS_NAME = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"))
_REFUSED = frozenset(("STORE_GLOBAL", "DELETE_GLOBAL", "DELETE_ATTR", "DELETE_NAME", "IMPORT_NAME", "IMPORT_FROM"))


class _Unknown(Exception):  # noqa: N818 - an outcome, not an error
    """Something of the code may do anything."""


def is_silent(code: types.CodeType, namespace: Mapping[str, object]) -> bool:
    """Whether this code of a notebook can have had no effect but on the values that it was given."""
    reading = _Reading(namespace)
    try:
        reading.code(code, of_class=False)
    except _Unknown:
        return False
    return reading.attributes <= reading.known


class _Reading:
    """The closure of one piece of code: attributes that it uses by name, and those that are known."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._seen: set[int] = set()
        self.attributes: set[str] = set()
        self.known: set[str] = set(_ATTRIBUTES)

    def code(self, code: types.CodeType, *, of_class: bool) -> None:
        if id(code) in self._seen:
            return
        self._seen.add(id(code))
        for step in dis.get_instructions(code):
            if step.opname in _REFUSED or (step.opname == "STORE_ATTR" and not of_class):
                raise _Unknown
            if step.opname == "STORE_ATTR":
                self.known.add(step.argval)
            elif step.opname in _LOADS_NAME:
                self._name(step.argval)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                self.attributes.add(step.argval)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.code(constant, of_class=of_class)

    def _name(self, name: str) -> None:
        if name in self._namespace:
            self._value(self._namespace[name])
        elif name in _NOT_PURE or not hasattr(builtins, name):
            raise _Unknown

    def _value(self, value: Any) -> None:
        if isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        if isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.ModuleType):
            self._library(value.__name__)
        elif isinstance(value, types.BuiltinFunctionType):
            if value.__name__ in _NOT_PURE or (value.__module__ or "").partition(".")[0] not in _PURE_MODULES:
                raise _Unknown
        else:
            self._class(type(value))

    def _function(self, function: types.FunctionType) -> None:
        if function.__globals__ is self._namespace:
            if function.__closure__:
                raise _Unknown
            self.code(function.__code__, of_class=False)
        elif (function.__module__ or "").partition(".")[0] not in _PURE_MODULES:
            raise _Unknown

    def _class(self, cls: type) -> None:
        root = module_of(cls).partition(".")[0]
        if root in _PURE_MODULES | _LIBRARIES:
            self.known.update(dir(cls))
        elif origin_of(module_of(cls)) is Origin.NOTEBOOK:
            self._own_class(cls)
        else:
            raise _Unknown

    def _own_class(self, cls: type) -> None:
        if id(cls) in self._seen:
            return
        self._seen.add(id(cls))
        self.known.update(vars(cls))
        for base in (*cls.__bases__, type(cls)):
            self._class(base)
        for member in list(vars(cls).values()):
            if isinstance(member, (staticmethod, classmethod)):
                member = member.__func__
            for function in (member.fget, member.fset) if isinstance(member, property) else (member,):
                if isinstance(function, types.FunctionType):
                    self.code(function.__code__, of_class=True)

    def _library(self, name: str) -> None:
        root = name.partition(".")[0]
        if root not in _PURE_MODULES | _LIBRARIES:
            raise _Unknown
        inside = dir(sys.modules[name]) if name in sys.modules else []
        settings = _SETTINGS if root in _LIBRARIES else re.compile("_")
        self.known.update(found for found in inside if not settings.match(found))
