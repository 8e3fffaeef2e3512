"""Values to bytes and back: one pickle with one memo for all names that share storage.

Nothing is stored as another type: what cannot be restored as it was is refused. Classes and functions of
the notebook are kept by name. It must not load bytes that nobody vouched for: that is the store's check.
"""

from __future__ import annotations

import importlib
import io
import pickle
import random
import struct
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from .arrays import base_of, bounds_of, is_global_random
from .buffers import ArrayRow, ArrayTable, build, is_raw, own
from .contents import is_iterator
from .origins import Origin, module_of, origin_of, resolves
from .walk import ATOMS

_TABLE_SIZE = struct.Struct("<Q")


class Unstorable(Exception):  # noqa: N818 - an outcome, not an error
    """The value of `name` cannot be stored: it `reason`, in words that follow the name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"`{name}` {reason}")
        self.name = name
        self.reason = reason


class Unloadable(Exception):  # noqa: N818 - an outcome, not an error
    """A pickle needs something that is not there: a name of the notebook, a library, another version of it."""


@dataclass(frozen=True, slots=True)
class Pickle:
    """`stream` is code to be run by `load`; `buffers` are raw memory, and a writable one is the loader's to keep."""

    stream: bytes
    buffers: tuple[memoryview, ...] = ()

    @property
    def size_bytes(self) -> int:
        return len(self.stream) + sum(buffer.nbytes for buffer in self.buffers)


def dump(values: Mapping[str, object], namespace: Mapping[str, object]) -> Pickle:
    """One pickle of all these values. Raises `Unstorable` with the first name that cannot be stored.

    The buffers are views of the values' own memory: write them before the values change.
    """
    try:
        return _dump(dict(values), namespace)
    except Exception as error:
        if len(values) > 1:
            for name, value in values.items():
                dump({name: value}, namespace)
        raise Unstorable(", ".join(values), _reason(error)) from error


def load(pickled: Pickle, namespace: Mapping[str, object], need: Callable[[str], None]) -> dict[str, object]:
    """The values by name. `need(name)` is called before a definition of the notebook is looked up by its name."""
    try:
        return _load(pickled, namespace, need)
    except Exception as error:
        raise Unloadable(f"{type(error).__name__}: {error}") from error


def _dump(values: dict[str, object], namespace: Mapping[str, object]) -> Pickle:
    pickler = _Pickler(namespace, frozenset(values), frozenset())
    pickler.dump(values)
    shared = pickler.shared_bases()
    if shared:
        pickler = _Pickler(namespace, frozenset(values), shared)
        pickler.dump(values)
    layout = pickler.table.layout(len(pickler.outside))
    rows = pickle.dumps(layout.rows, protocol=5) if layout.rows else b""
    return Pickle(_TABLE_SIZE.pack(len(rows)) + rows + pickler.written(), (*pickler.outside, *layout.memory))


def _load(pickled: Pickle, namespace: Mapping[str, object], need: Callable[[str], None]) -> dict[str, object]:
    (size,) = _TABLE_SIZE.unpack_from(pickled.stream)
    start = _TABLE_SIZE.size
    rows: tuple[ArrayRow, ...] = pickle.loads(pickled.stream[start : start + size]) if size else ()
    buffers = tuple(own(buffer) for buffer in pickled.buffers)
    stream = io.BytesIO(memoryview(pickled.stream)[start + size :])
    return cast("dict[str, object]", _Unpickler(stream, buffers, rows, namespace, need).load())


def _reason(error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, RecursionError):
        return "is nested too deeply to be stored"
    text = str(error)
    what = (
        text.removeprefix("cannot pickle ")
        .removesuffix(" object")
        .removesuffix(" instances")
        .removesuffix(" objects")
        .strip("'")
    )
    if what != text:
        return f"holds a {what}, which cannot be stored"
    return f"cannot be stored ({type(error).__name__}: {text[:200]})"


class _Refused(Exception):  # noqa: N818 - turned into `Unstorable` with the name
    """Why a part of a value is not stored."""


# Written into pickles by name and answered by the unpickler, which knows the notebook.


def notebook_name(*path: str) -> object:
    """A class or function of the notebook."""
    raise Unloadable(f"`{'.'.join(path)}` can only be found by a notebook")


def array_at(position: int) -> object:
    """An array of the table."""
    raise Unloadable(f"array {position} is loaded with its buffer")


def module_named(name: str) -> types.ModuleType:
    """A module, imported if need be."""
    return importlib.import_module(name)


def global_numpy_random() -> object:
    """The generator behind `numpy.random.rand`."""
    return importlib.import_module("numpy.random.mtrand")._rand


def global_random() -> object:
    """The generator behind `random.random`."""
    return cast("Any", random)._inst


def object_view(base: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> object:
    """A view into an array of Python objects."""
    numpy: Any = sys.modules["numpy"]
    flat = base.ravel(order="K")
    return numpy.lib.stride_tricks.as_strided(flat[offset // flat.itemsize :], shape, strides)


def array_of_class(cls: Any, plain: Any, attributes: dict[str, Any] | None) -> object:
    """An array of a subclass, over the memory of a plain one."""
    array = plain.view(cls)
    if attributes:
        array.__dict__.update(attributes)
    return array


def masked_array(plain: Any, mask: Any, fill_value: Any, hard_mask: bool) -> object:
    """A masked array over the memory of a plain one, and of its mask."""
    masked: Any = importlib.import_module("numpy.ma")
    return masked.MaskedArray(plain, mask, copy=False, keep_mask=False, fill_value=fill_value, hard_mask=hard_mask)


class _Pickler(pickle.Pickler):
    """`names` are what the pickle will bind; `shared` are ids of object arrays of which it has several views."""

    def __init__(self, namespace: Mapping[str, object], names: frozenset[str], shared: frozenset[int]) -> None:
        self._file = io.BytesIO()
        self.outside: list[memoryview] = []
        self.table = ArrayTable()
        self._namespace = namespace
        self._names = names
        self._shared = shared
        self._object_arrays: dict[int, list[Any]] = {}
        # What reducers make is kept: the pickle's memo knows objects by id.
        self._keep: list[object] = []
        super().__init__(self._file, protocol=5, buffer_callback=self._set_aside)

    def written(self) -> bytes:
        return self._file.getvalue()

    def _set_aside(self, buffer: pickle.PickleBuffer) -> bool:
        self.outside.append(buffer.raw().toreadonly())
        return False

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if is_raw(value):
            return array_at, (self.table.position(value),)
        if kind is types.FunctionType:
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if kind is types.ModuleType:
            return self._module(value)
        if is_iterator(kind):
            raise _Refused(f"holds a {kind.__qualname__}, which cannot be stored")
        if is_global_random(value):
            return global_numpy_random, ()
        if value is getattr(random, "_inst", None):
            return global_random, ()
        return self._of_libraries(value)

    def _function(self, function: types.FunctionType) -> Any:
        home = function.__globals__.get("__name__")
        own_code = function.__globals__ is self._namespace or origin_of(cast("str | None", home)) is Origin.NOTEBOOK
        if own_code or origin_of(function.__module__) is Origin.NOTEBOOK:
            return self._by_name(function, "function")
        if resolves(function, function.__module__, function.__qualname__):
            return NotImplemented
        if not _holds_nothing_shared(function):
            raise _Refused(f"holds the function `{function.__qualname__}`, which was made at run time")
        import cloudpickle

        return cloudpickle.loads, (cloudpickle.dumps(function, protocol=5),)

    def _class(self, cls: type) -> Any:
        return self._by_name(cls, "class") if origin_of(module_of(cls)) is Origin.NOTEBOOK else NotImplemented

    def _by_name(self, definition: Any, what: str) -> Any:
        """The name under which the notebook holds this very object; an older one of that name would not do.

        Nor would a name that this pickle is to bind: it would be looked up before it is there.
        """
        path = str(definition.__qualname__).split(".")
        if self._found(path) is definition and path[0] not in self._names:
            return notebook_name, tuple(path)
        for name, value in list(self._namespace.items()):
            if value is definition and not name.startswith("_") and name not in self._names:
                return notebook_name, (name,)
        if path[0] in self._namespace and path[0] not in self._names and "<" not in definition.__qualname__:
            raise _Refused(f"holds the {what} `{definition.__qualname__}`, which was defined again since")
        raise _Refused(f"holds the {what} `{definition.__qualname__}`, which has no name of its own in the notebook")

    def _found(self, path: list[str]) -> object:
        found = self._namespace.get(path[0])
        for part in path[1:]:
            found = getattr(found, part, None)
        return found

    def _module(self, module: types.ModuleType) -> Any:
        if sys.modules.get(module.__name__) is module:
            return module_named, (module.__name__,)
        raise _Refused(f"holds the module `{module.__name__}`, which was loaded again since")

    def _of_libraries(self, value: Any) -> Any:
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, getattr(numpy, "memmap", ())):
            raise _Refused("holds a map of a file, which cannot be stored")
        if numpy is not None and type(value) is getattr(numpy, "ndarray", None):
            return self._object_array(value)
        if numpy is not None and isinstance(value, getattr(numpy, "ndarray", ())):
            return self._array_of_class(value, numpy)
        figure: Any = sys.modules.get("matplotlib.figure")
        if figure is not None and isinstance(value, figure.Figure):
            make, arguments, state, *rest = value.__reduce_ex__(5)
            # Otherwise pyplot adopts the figure when it is loaded, and shows it after the cell.
            return (make, arguments, {**state, "_restore_to_pylab": False}, *rest)
        return NotImplemented

    def _array_of_class(self, array: Any, numpy: Any) -> Any:
        """Arrays that pickle themselves leave the memory that they share with others."""
        kind = type(array)
        plain = array.view(numpy.ndarray)
        if not is_raw(plain):
            return NotImplemented
        masked: Any = sys.modules.get("numpy.ma")
        if masked is not None and kind is masked.MaskedArray and not array._optinfo and not array._basedict:
            mask = masked.getmask(array)
            parts: tuple[Any, ...] = (plain, mask, array.fill_value, array.hardmask)
            make: Callable[..., object] = masked_array
        elif kind.__reduce__ is numpy.ndarray.__reduce__ and kind.__setstate__ is numpy.ndarray.__setstate__:
            parts = (kind, plain, getattr(array, "__dict__", None))
            make = array_of_class
        else:
            return NotImplemented
        self._keep.append(parts)
        return make, parts

    def _object_array(self, array: Any) -> Any:
        base = base_of(array)
        self._object_arrays.setdefault(id(base), []).append(array)
        if id(base) not in self._shared or base is array:
            return NotImplemented
        offset = bounds_of(array[:0] if array.ndim else array)[0] - bounds_of(base)[0]
        return object_view, (base, array.shape, array.strides, offset)

    def shared_bases(self) -> frozenset[int]:
        """Bases of object arrays with several views, as far as they are arrays that can be cut again."""
        if self._shared:
            return frozenset()
        return frozenset(
            identity
            for identity, arrays in self._object_arrays.items()
            if len({id(array) for array in arrays}) > 1 and _is_contiguous(base_of(arrays[0]))
        )


def _is_contiguous(base: Any) -> bool:
    flags = getattr(base, "flags", None)
    return flags is not None and bool(flags.c_contiguous or flags.f_contiguous)


def _holds_nothing_shared(function: types.FunctionType) -> bool:
    held: list[Any] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    held += [*function.__dict__.values()]
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            return False
    return all(
        type(part) in ATOMS
        or (isinstance(part, (type, types.FunctionType)) and resolves(part, part.__module__, part.__qualname__))
        for part in held
    ) and all(origin_of(getattr(part, "__module__", "builtins")) is Origin.LIBRARY for part in held)


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        stream: io.BytesIO,
        buffers: tuple[memoryview, ...],
        rows: tuple[ArrayRow, ...],
        namespace: Mapping[str, object],
        need: Callable[[str], None],
    ) -> None:
        # The first ones were set aside by the values themselves, in order; the rest belong to the table.
        super().__init__(stream, buffers=iter(buffers))
        self._buffers = buffers
        self._rows = rows
        self._namespace = namespace
        self._need = need
        self._arrays: dict[int, object] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__:
            if name == notebook_name.__name__:
                return self._notebook_name
            if name == array_at.__name__:
                return self._array_at
        if origin_of(module) is Origin.NOTEBOOK:
            return self._notebook_name(*name.split("."))
        return super().find_class(module, name)

    def _notebook_name(self, *path: str) -> object:
        self._need(path[0])
        if path[0] not in self._namespace:
            raise Unloadable(f"`{path[0]}` is not defined in the notebook")
        found: Any = self._namespace[path[0]]
        for part in path[1:]:
            found = getattr(found, part)
        return found

    def _array_at(self, position: int) -> object:
        if position not in self._arrays:
            self._arrays[position] = build(self._rows[position], self._buffers)
        return self._arrays[position]
