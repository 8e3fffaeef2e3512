"""How a value of each type is described: containers, plain instances, and whatever can be pickled.

Which handler a type gets is decided once per type. It must not know how digests are combined.
"""

from __future__ import annotations

import array
import copyreg
import enum
import functools
import gc
import io
import marshal
import random
import sys
import types
import uuid
from typing import Any

from . import arrays, definitions, frames
from .origins import module_of, version_of
from .walk import ATOMS, Handler, Walk, atoms_token, big_token

_SINGLE_KINDS = frozenset({int, str, bytes})
_BY_TYPE_ALONE = (types.CoroutineType, types.AsyncGeneratorType, types.GeneratorType)
# State that a mere read fills in, and that a reader cannot tell from its absence.
_CACHES = {"vectorize": frozenset({"_ufunc"})}
_NO_NAMES: frozenset[str] = frozenset()
_LIBRARY_CACHES = {
    "scipy": frozenset({"_has_sorted_indices", "_has_canonical_format"}),
    "pandas": frozenset({"_cache"}),
    "statsmodels": frozenset({"_cache", "_summary_cache", "diagn", "_nobs_int"}),
    # Live views of the graph, kept in its dictionary when they are first asked for.
    "networkx": frozenset(
        {
            "adj", "nodes", "edges", "degree", "succ", "pred", "in_edges", "out_edges", "in_degree", "out_degree",
            "__networkx_cache__",
        }
    ),
}  # fmt: skip
# Their state counts, at these places, how often they were asked.
_COUNTING = frozenset({"KDTree", "KDTree64", "KDTree32", "BallTree", "BallTree64", "BallTree32"})
_COUNTERS = slice(7, 11)


def handler_for(kind: type) -> Handler:
    """The handler of a type, by the libraries that are loaded."""
    exact = _EXACT.get(kind)
    if exact is not None:
        return exact
    for family, handler in _FAMILIES:
        if issubclass(kind, family):
            return handler
    for find in (arrays.handler_for, frames.handler_for):
        found = find(kind)
        if found is not None:
            return found
    if _is_artist(kind):
        return _artist
    if issubclass(kind, io.IOBase) and not issubclass(kind, (io.BytesIO, io.StringIO)):
        return _open_file
    if is_iterator(kind):
        return _iterator
    if module_of(kind).startswith("numba.") and hasattr(kind, "get_call_template"):
        return _compiled
    return _plain_instance if _is_plain(kind) else describe_reduced


def is_iterator(kind: type) -> bool:
    """Iterators made in C show nothing of what they will give; those written in Python are plain instances."""
    if issubclass(kind, _BY_TYPE_ALONE):
        return True
    following = getattr(kind, "__next__", None)
    return following is not None and not isinstance(following, types.FunctionType) and not issubclass(kind, io.IOBase)


def is_figure(kind: type) -> bool:
    """Figures, axes and all that they hold: drawing them changes them, and walking them takes minutes."""
    return _is_artist(kind)


def _is_artist(kind: type) -> bool:
    artist = sys.modules.get("matplotlib.artist")
    if artist is None:
        return False
    if issubclass(kind, artist.Artist):
        return True
    module = module_of(kind)
    if not module.startswith(("matplotlib.", "mpl_toolkits.", "seaborn.")):
        return False
    return not module.startswith(("matplotlib.colors", "matplotlib.cm", "matplotlib.path", "matplotlib.transforms"))


def _is_plain(kind: type) -> bool:
    """Instances whose whole state is their `__dict__`, so that asking them to pickle themselves can be skipped."""
    special = ("__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs_ex__", "__getnewargs__")
    return (
        all(getattr(kind, name, None) is getattr(object, name, None) for name in special)
        and kind.__basicsize__ <= _PLAIN_SIZE
        and kind.__itemsize__ == 0
        and kind.__dictoffset__ != 0
        and not any("__slots__" in vars(base) for base in kind.__mro__[:-1])
        and kind not in copyreg.dispatch_table
    )


class _Plain:
    """The measure of an instance that has nothing but a `__dict__`."""


_PLAIN_SIZE = _Plain.__basicsize__


# Containers


def _list(walk: Walk, value: list[Any]) -> None:
    if walk.seen(value):
        return
    walk.stores(id(value))
    _items(walk, value, b"l")


def _tuple(walk: Walk, value: tuple[Any, ...]) -> None:
    _items(walk, value, b"t")


def _items(walk: Walk, value: list[Any] | tuple[Any, ...], tag: bytes) -> None:
    if set(map(type, value)) <= ATOMS:
        walk.count(len(value))
        walk.emit(atoms_token(value))
    else:
        walk.emit(b"\x80%b%d;" % (tag, len(value)))
        walk.push(*value)


def _dict(walk: Walk, value: dict[Any, Any]) -> None:
    if walk.seen(value):
        return
    walk.stores(id(value))
    _pairs(walk, value)


def _pairs(walk: Walk, value: dict[Any, Any]) -> None:
    # The order is content: it is visible.
    if set(map(type, value)) <= ATOMS and set(map(type, value.values())) <= ATOMS:
        walk.count(len(value))
        walk.emit(atoms_token(value))
        return
    walk.emit(b"\x80d%d;" % len(value))
    walk.push(*[part for pair in value.items() for part in pair])


def _set(walk: Walk, value: set[Any]) -> None:
    if walk.seen(value):
        return
    walk.stores(id(value))
    _elements(walk, value, b"s")


def _frozenset(walk: Walk, value: frozenset[Any]) -> None:
    _elements(walk, value, b"f")


def _elements(walk: Walk, value: set[Any] | frozenset[Any], tag: bytes) -> None:
    kinds = set(map(type, value))
    walk.emit(b"\x80%b%d;" % (tag, len(value)))
    if len(kinds) == 1 and kinds <= _SINGLE_KINDS:
        walk.count(len(value))
        walk.emit(atoms_token(sorted(value)))
    elif kinds <= ATOMS:
        walk.count(2 * len(value))
        walk.emit(atoms_token(sorted(marshal.dumps(element, 2) for element in value)))
    else:
        walk.emit(b"".join(sorted(map(walk.apart, list(value)))))


def _bytearray(walk: Walk, value: bytearray) -> None:
    if not walk.seen(value):
        walk.stores(id(value))
        walk.emit(b"\x80B" + big_token(bytes(value)))


def _memoryview(walk: Walk, value: memoryview) -> None:
    walk.stores(id(value.obj))
    walk.emit(b"\x80M" + atoms_token((value.format, tuple(value.shape or ()))) + big_token(value.tobytes()))


def _array(walk: Walk, value: array.array[Any]) -> None:
    if not walk.seen(value):
        walk.stores(id(value))
        walk.emit(b"\x80A" + atoms_token(value.typecode) + big_token(memoryview(value).cast("B")))


def _view_of_dict(walk: Walk, value: Any) -> None:
    """A live view: its dictionary is the storage."""
    referents = gc.get_referents(value)
    owner = referents[0] if referents else value
    walk.emit_text("view", type(value).__name__)
    if isinstance(owner, dict):
        _dict(walk, owner)
    else:
        walk.push(owner)


# Instances


def _plain_instance(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    walk.stores(id(value))
    walk.emit(b"\x80o")
    # not by `value.__dict__`: a type may answer every name in a way of its own
    walk.push(type(value), *_attributes(walk, type(value), object.__getattribute__(value, "__dict__")))


def _attributes(walk: Walk, kind: type, state: dict[Any, Any]) -> list[Any]:
    """Names and values by name: the order in which attributes were set does not count."""
    caches = _CACHES.get(kind.__name__, _NO_NAMES) | _LIBRARY_CACHES.get(module_of(kind).partition(".")[0], _NO_NAMES)
    names = sorted((name for name in state if name not in caches), key=str)
    walk.emit(b"\x80a%d;" % len(names))
    return [part for name in names for part in (name, state[name])]


def describe_reduced(walk: Walk, value: Any) -> None:
    """Whatever can be pickled, by what pickle would keep of it."""
    kind = type(value)
    try:
        registered = copyreg.dispatch_table.get(kind)  # what pickle asks first: patterns, for one, know no other way
        parts: Any = registered(value) if registered is not None else value.__reduce_ex__(4)
    except RecursionError:
        raise
    except Exception:  # whatever a type of somebody else's raises, it means that it cannot be described
        walk.opaque(value, "io")
        return
    if isinstance(parts, str):
        said = getattr(value, "__module__", None)
        home = said if isinstance(said, str) else module_of(kind)
        walk.emit_text("global", module_of(kind), kind.__qualname__, home, parts, version_of(home))
        return
    make, arguments, state, items, pairs = (*parts, None, None, None)[:5]
    if state is not None or items is not None or pairs is not None or not _hashes_by_content(kind):
        if walk.seen(value):
            return
        walk.stores(id(value))
    following: list[Any] = [make, arguments]
    following += [() if items is None else tuple(items), () if pairs is None else tuple(pairs)]
    walk.emit(b"\x80r")
    if type(state) is tuple and len(state) == 2 and all(part is None or type(part) is dict for part in state):
        state = {**(state[0] or {}), **(state[1] or {})}  # `__dict__` and `__slots__`
    if type(state) is tuple and kind.__name__ in _COUNTING and module_of(kind).startswith("sklearn."):
        state = state[: _COUNTERS.start] + state[_COUNTERS.stop :]
    following += _attributes(walk, kind, state) if type(state) is dict else [state]
    walk.keep.append(following)
    walk.push(*following)


def _hashes_by_content(kind: type) -> bool:
    """Dates, decimals, paths, patterns: values that nobody can tell from their copies."""
    return getattr(kind, "__hash__", None) not in (None, object.__hash__)


def _enum_member(walk: Walk, value: enum.Enum) -> None:
    walk.emit(b"\x80e")
    walk.push(type(value), value.name, value.value)


def _uuid(walk: Walk, value: uuid.UUID) -> None:
    walk.emit_text("uuid", value.hex, str(value.is_safe))


def _random(walk: Walk, value: random.Random) -> None:
    if value is _GLOBAL_RANDOM:
        walk.emit_text("global random")  # its state is ambient
    else:
        describe_reduced(walk, value)


def _memo(walk: Walk, value: Any) -> None:
    walk.note("memo")
    walk.emit(b"\x80m")
    walk.push(value.__wrapped__, value.cache_parameters() if hasattr(value, "cache_parameters") else None)


def _compiled(walk: Walk, value: Any) -> None:
    """A function that numba compiles when it is called: what it is made of, not what has been compiled so far."""
    if walk.seen(value):
        return
    walk.stores(id(value))
    walk.emit(b"\x80j")
    walk.push(type(value), value.py_func, value.targetoptions)


# Values without content


def _artist(walk: Walk, value: Any) -> None:
    figure = getattr(value, "figure", None) or value
    walk.stores(id(getattr(figure, "figure", None) or figure))
    walk.opaque(value, "figure")


def _iterator(walk: Walk, value: object) -> None:
    walk.stores(id(value))
    walk.opaque(value, "iterator")


def _open_file(walk: Walk, value: object) -> None:
    walk.stores(id(value))
    walk.opaque(value, "io")


_GLOBAL_RANDOM = getattr(random, "_inst", None)

_EXACT: dict[type, Handler] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    bytearray: _bytearray,
    memoryview: _memoryview,
    array.array: _array,
    uuid.UUID: _uuid,
    random.Random: _random,
    types.MappingProxyType: _view_of_dict,
    type({}.keys()): _view_of_dict,
    type({}.values()): _view_of_dict,
    type({}.items()): _view_of_dict,
    type(functools.lru_cache(lambda: None)): _memo,
    **definitions.HANDLERS,
}
_FAMILIES: tuple[tuple[type, Handler], ...] = (
    (enum.Enum, _enum_member),
    (type, definitions.describe_class),
    (types.ModuleType, definitions.describe_module),
)
