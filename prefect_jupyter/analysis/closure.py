"""The global names that compiled code looks up.

It reads code objects and runs nothing; whether a name is the notebook's or a builtin is for others to know.
"""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType

_LOADS_AND_CHANGES = frozenset(
    ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL")
)
_OF_EVERY_CLASS = frozenset(("__name__", "__qualname__", "__module__", "__classdict__", "__classcell__"))


@lru_cache(maxsize=4096)
def code_globals(code: CodeType) -> frozenset[str]:
    """Global names that a function's code loads, or changes through `global`, nested functions and classes included.

    What a nested class body loads is among them even if it may be a name of the class.
    """
    found: set[str] = set()
    if code.co_names:
        for instruction in dis.get_instructions(code):
            if instruction.opname in _LOADS_AND_CHANGES:
                found.add(instruction.argval)
    found -= _OF_EVERY_CLASS
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= code_globals(constant)
    return frozenset(found)
