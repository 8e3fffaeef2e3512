"""What a code object does, as a digest, and the global names that it loads.

It must not follow those names: what they are bound to is `fingerprints`.
"""

from __future__ import annotations

import dis
import hashlib
import marshal
import sys
from collections import OrderedDict
from dataclasses import dataclass
from types import CodeType
from typing import Any, cast

# Code that can see the names of its own locals.
_INTROSPECTS = frozenset({"locals", "eval", "exec", "vars", "dir", "_getframe", "currentframe", "stack"})
_WITHOUT_DOCSTRING = frozenset({"<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<module>"})
_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING, since Python 3.14
_FLAGS_SEEN = 0x3FF  # calling convention and kind; the rest are compiler hints and `__future__`
_MARSHAL = 2  # the last version without references, which depend on identity and interning
_FACTS_MAX = 8_192


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """`names` are the global names loaded, nested functions included, sorted."""

    digest: bytes
    names: tuple[str, ...]


# Keyed by identity, because comparing code objects compares their line numbers and costs a walk.
_facts: OrderedDict[int, tuple[CodeType, CodeFacts]] = OrderedDict()


def code_facts(code: CodeType) -> CodeFacts:
    """Digest and global names. Positions, local names, comments and docstrings do not count."""
    known = _facts.get(id(code))
    if known is not None:
        return known[1]
    parts: list[bytes] = []
    names: set[str] = set()
    _describe(code, parts, names)
    facts = CodeFacts(hashlib.blake2b(b"".join(parts), digest_size=16).digest(), tuple(sorted(names)))
    _facts[id(code)] = (code, facts)
    if len(_facts) > _FACTS_MAX:
        _facts.popitem(last=False)
    return facts


def _describe(code: CodeType, parts: list[bytes], names: set[str]) -> None:
    arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    introspects = not _INTROSPECTS.isdisjoint(code.co_names)
    parts.append(
        marshal.dumps(
            (
                code.co_name,
                code.co_code,
                getattr(code, "co_exceptiontable", b""),
                code.co_names,
                code.co_varnames if introspects else code.co_varnames[:arguments],
                (code.co_cellvars, code.co_freevars) if introspects else (len(code.co_cellvars), len(code.co_freevars)),
                (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _FLAGS_SEEN),
            ),
            _MARSHAL,
        )
    )
    parts.append(b"(%d;" % len(code.co_consts))
    docstring = docstring_position(code)
    for position, constant in enumerate(code.co_consts):
        _describe_constant(None if position == docstring else constant, parts, names)
    names.update(
        str(instruction.argval)
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    )


def docstring_position(code: CodeType) -> int | None:
    """Where the docstring is among the constants, if there is one."""
    if sys.version_info >= (3, 14):
        return 0 if code.co_flags & _HAS_DOCSTRING else None
    is_function = code.co_flags & 3 == 3 and code.co_name not in _WITHOUT_DOCSTRING
    return 0 if is_function and code.co_consts and isinstance(code.co_consts[0], str) else None


def _describe_constant(constant: object, parts: list[bytes], names: set[str]) -> None:
    if isinstance(constant, CodeType):
        parts.append(b"c")
        _describe(constant, parts, names)
    elif type(constant) is tuple:
        parts.append(b"t%d;" % len(constant))
        for item in constant:
            _describe_constant(item, parts, names)
    elif type(constant) is frozenset:
        # Sorted, since the order of a set depends on the hash seed.
        items: list[bytes] = []
        for item in constant:
            inner: list[bytes] = []
            _describe_constant(item, inner, names)
            items.append(b"".join(inner))
        parts.append(b"f%d;" % len(items) + b"".join(sorted(items)))
    elif type(constant) is slice:  # a constant since Python 3.14
        parts.append(b"s")
        _describe_constant((constant.start, constant.stop, constant.step), parts, names)
    else:
        parts.append(b"a" + marshal.dumps(cast("Any", constant), _MARSHAL))
