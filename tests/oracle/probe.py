"""Digests of the values in a kernel, for comparing two kernels; its text is run inside them.

It imports nothing but the standard library, looks at libraries only where the notebook has imported them,
and changes no value that it looks at.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import io
import json
import marshal
import re
import struct
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NODES_MAX = 300_000
_UNCHANGEABLE_OF = ("typing", "datetime", "decimal", "fractions", "pathlib")  # modules whose values nobody can change
_ATOMS = (bool, int, str, bytes, complex, type(None), type(Ellipsis), type(NotImplemented), range)
_MANY = 1_000
# What `marshal` writes by type and content alone.
_MARSHALLED = {bool, int, float, str, bytes, complex, type(None)}
_UNREADABLE = ("generator", "coroutine", "async_generator", "lock", "RLock", "TextIOWrapper", "BufferedReader")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


class Walk:
    """One canonical walk over a value: equal values give equal text in every process."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.seen: dict[int, int] = {}
        self.keep: list[Any] = []
        self.nodes = 0

    def put(self, *words: object) -> None:
        for word in words:
            self.text.write(str(word))
            self.text.write("\x1f")

    def walk(self, value: Any) -> None:
        self.nodes += 1
        if self.nodes > _NODES_MAX:
            return
        kind = type(value)
        if kind in _ATOMS:
            self.put(kind.__name__, repr(value))
        elif kind is float:
            self.put("float", struct.pack(">d", value).hex())
        elif id(value) in self.seen:
            self.put("again", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.keep.append(value)
            self.compound(value, kind)

    def compound(self, value: Any, kind: type) -> None:
        name = f"{kind.__module__}.{kind.__qualname__}"
        root = kind.__module__.partition(".")[0]
        if isinstance(value, enum.Enum):
            self.put("enum", name, value.name)
        elif isinstance(value, (set, frozenset)):
            self.put(name, *sorted(repr(item) if type(item) in _ATOMS else digest_of(item) for item in value))
        elif kind in (list, tuple):
            self.put(name, len(value))
            if len(value) > _MANY and set(map(type, value)) <= _MARSHALLED:
                self.put(hashlib.sha256(marshal.dumps(value, 2)).hexdigest())
                return
            for item in value:
                self.walk(item)
        elif kind is dict:
            self.items(name, value)
        elif isinstance(value, types.ModuleType):
            self.put("module", value.__name__)
        elif isinstance(value, types.FunctionType):
            self.function(value)
        elif isinstance(value, type):
            self.a_class(value)
        elif kind.__name__ in _UNREADABLE or hasattr(value, "__next__"):
            self.put("moving", name)
        elif hasattr(value, "cache_info"):
            self.put("cached")
            self.walk(value.__wrapped__)
        elif root == "numpy" and hasattr(value, "dtype") and hasattr(value, "tobytes"):
            self.array(name, value)
        elif root == "pandas":
            self.frame(name, value)
        elif root == "matplotlib":
            self.drawing(name, value)
        else:
            self.instance(name, value)

    def items(self, name: str, value: dict[Any, Any]) -> None:
        self.put(name, len(value))
        for key, item in value.items():
            self.walk(key)
            self.walk(item)

    def function(self, value: types.FunctionType) -> None:
        self.put("function", value.__qualname__)
        self.code(value.__code__)
        self.walk(value.__defaults__)
        self.walk(value.__kwdefaults__)
        for cell in value.__closure__ or ():
            self.walk(_content(cell))
        self.items("attributes", value.__dict__)

    def code(self, code: types.CodeType) -> None:
        self.put(code.co_code.hex(), *code.co_names, *code.co_varnames)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.code(constant)
            else:
                self.walk(constant)

    def a_class(self, value: type) -> None:
        self.put("class", value.__module__, value.__qualname__)
        if value.__module__ != "__main__":
            return
        for base in value.__bases__:
            self.walk(base)
        for name, member in sorted(vars(value).items()):
            if not name.startswith(("_abc", "__")) or name in ("__init__", "__call__", "__eq__", "__repr__"):
                self.put(name)
                self.walk(member)

    def array(self, name: str, value: Any) -> None:
        self.put(name, value.dtype, getattr(value, "shape", ()))
        if value.dtype.hasobject:
            self.walk(value.tolist())
        else:
            self.put(hashlib.sha256(value.tobytes()).hexdigest())

    def frame(self, name: str, value: Any) -> None:
        self.put(name, getattr(value, "dtype", ""), getattr(value, "name", ""))
        if hasattr(value, "columns") and hasattr(value, "index"):
            self.walk(list(value.columns))
            self.put(*value.dtypes)
            self.walk(value.index)
            for position in range(value.shape[1]):
                self.column(value.iloc[:, position])
        elif hasattr(value, "tolist"):
            if hasattr(value, "index") and not callable(value.index):
                self.walk(value.index)
            self.column(value)
        else:
            self.put(_ADDRESS.sub("", repr(value)))
        self.walk(dict(getattr(value, "attrs", {})))

    def column(self, value: Any) -> None:
        """A series or an index: its bytes where it has some, else as many elements as the walk would see."""
        values = getattr(value, "_values", None)
        if type(values).__name__ == "ndarray" and not values.dtype.hasobject:
            self.array("column", values)
        else:
            self.walk(value[:_NODES_MAX].tolist())

    def drawing(self, name: str, value: Any) -> None:
        self.put(name)
        for axes in getattr(value, "axes", None) or () if name.endswith("Figure") else (value,):
            if hasattr(axes, "get_title"):
                self.put(axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
                self.put(len(axes.patches), len(axes.collections), len(axes.texts))
                for line in axes.lines:
                    self.walk(line.get_xydata().tolist())

    def instance(self, name: str, value: Any) -> None:
        self.put(name)
        try:
            parts = value.__reduce_ex__(4)
        except Exception:
            self.put("opaque")
            self.items("vars", dict(getattr(value, "__dict__", {})))
            return
        if isinstance(parts, str):
            self.put(parts)
            return
        for part in parts:
            if hasattr(part, "__next__"):
                part = list(part)
            self.walk(part)


def digest_of(value: Any) -> str:
    """The digest of one value, and its type to read in a report."""
    walk = Walk()
    walk.walk(value)
    digest = hashlib.sha256(walk.text.getvalue().encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{type(value).__name__} {digest}"


def _digest_or_reason(value: Any) -> str:
    try:
        return digest_of(value)
    except Exception as error:
        return f"{type(value).__name__} not digested: {type(error).__name__}: {error}"


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty cell"


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"repr raises {error!r}"
    return text if len(text) <= 120 else text[:119] + "…"


def shared(names: dict[str, Any]) -> list[list[str]]:
    """Groups of names that share mutable storage, NumPy views included."""
    numpy = sys.modules.get("numpy")
    groups: list[list[str]] = []
    mutable = [
        (name, value)
        for name, value in sorted(names.items())
        if not isinstance(value, (*_ATOMS, float, types.ModuleType, types.FunctionType, type, enum.Enum))
        and type(value).__module__ not in _UNCHANGEABLE_OF
        and not isinstance(value, (types.GenericAlias, re.Pattern))
    ]
    for position, (name, value) in enumerate(mutable):
        for other, second in mutable[:position]:
            arrays = numpy is not None and isinstance(value, numpy.ndarray) and isinstance(second, numpy.ndarray)
            if value is second or (arrays and numpy.may_share_memory(value, second)):
                groups.append([other, name])
    return groups


_kept: dict[str, Any] = {}


def keep(name: str, read: Callable[[], Any]) -> None:
    """Take the value of a name as a cell of the notebook reads it; a name that is not there is left out."""
    with contextlib.suppress(NameError):
        _kept[name] = read()


def kept() -> str:
    """The report on what was kept since the last one."""
    taken = dict(_kept)
    _kept.clear()
    return report(taken)


def names_of(shell: Any) -> dict[str, Any]:
    """The names a person has bound, without IPython's own."""
    hidden = shell.user_ns_hidden
    return {
        name: value
        for name, value in list(shell.user_ns.items())
        if not name.startswith("_") and (name not in hidden or hidden[name] is not value)
    }


def report(names: dict[str, Any]) -> str:
    """A JSON object: digest, text and sharing of every name."""
    return json.dumps(
        {
            "digests": {name: _digest_or_reason(value) for name, value in names.items()},
            "texts": {name: _ADDRESS.sub("0x", _short(value)) for name, value in names.items()},
            "shared": shared(names),
        }
    )
