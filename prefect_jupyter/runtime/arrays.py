"""How NumPy's arrays, scalars and generators are described, without copying memory that lies in order.

It must not import NumPy: what is not loaded has no values.
"""

from __future__ import annotations

import sys
from typing import Any

import xxhash

from .walk import ATOMS, Handler, Walk, atoms_token

# Arrays that do not lie in order are copied in pieces of about this size.
_PIECE_BYTES = 16_777_216


def handler_for(kind: type) -> Handler | None:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ufunc"):  # absent, or just being imported
        return None
    masked: Any = sys.modules.get("numpy.ma")
    if masked is not None and issubclass(kind, masked.MaskedArray):
        return _masked
    for family, handler in (
        (numpy.ndarray, _ndarray),
        (numpy.generic, _scalar),
        (numpy.dtype, _dtype),
        (numpy.ufunc, _ufunc),
        (numpy.random.RandomState, _random_state),
    ):
        if issubclass(kind, family):
            return handler
    return None


def base_of(array: Any) -> Any:
    """The object that owns the memory of an array: another array, a map, a buffer, or the array itself."""
    base = array
    while _is_array(base) or isinstance(base, memoryview) or type(base).__name__ == "DummyArray":
        # `as_strided` puts an object of its own, a DummyArray, between a view and its base.
        owner = base.obj if isinstance(base, memoryview) else base.base
        if owner is None:
            break
        base = owner
    return base


def _is_array(value: object) -> bool:
    numpy: Any = sys.modules["numpy"]
    return isinstance(value, numpy.ndarray)


def bounds_of(array: Any) -> tuple[int, int]:
    """First address of an array's elements, and the address after its last."""
    low = high = int(array.__array_interface__["data"][0])
    for length, stride in zip(array.shape, array.strides, strict=True):
        if length == 0:
            return low, low
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.itemsize


def axes_of(array: Any) -> list[int]:
    """The axes from the outermost in memory to the innermost; those of length 1 stay where they are."""
    strides = array.strides
    long = [axis for axis, length in enumerate(array.shape) if length > 1]
    order = iter(sorted(long, key=lambda axis: -abs(strides[axis])))
    return [next(order) if length > 1 else axis for axis, length in enumerate(array.shape)]


def _ndarray(walk: Walk, array: Any) -> None:
    if walk.seen(array):
        return
    numpy: Any = sys.modules["numpy"]
    base = base_of(array)
    walk.stores(id(base))
    walk.keep.append(base)
    kind = type(array)
    if kind is not numpy.ndarray:
        walk.emit_text("subclass")
        walk.push(kind, *_attributes(array))
        array = numpy.asarray(array).view(numpy.ndarray)
        walk.keep.append(array)
    _sharing(walk, base, array)
    content(walk, array)


def _attributes(array: Any) -> tuple[Any, ...]:
    attributes = getattr(array, "__dict__", None) or {}
    names = [name for name in sorted(attributes) if not name.startswith("_mmap")]
    return tuple(part for name in names for part in (name, attributes[name]))


def _sharing(walk: Walk, base: Any, array: Any) -> None:
    """Two arrays of one value that overlap in memory: writing to one changes the other."""
    low, high = bounds_of(array)
    if low < high:
        for number, address in walk.overlapping(id(base), low, high):
            walk.emit(b"\x80&" + atoms_token((number, low - address, array.strides)))


def content(walk: Walk, array: Any) -> None:
    """Type, shape, order of the axes in memory (it is visible in sums and prints of views), and the elements."""
    dtype = array.dtype
    axes = axes_of(array)
    walk.emit(b"\x80n" + atoms_token((dtype.str, str(dtype) if dtype.kind in "VT" else "", array.shape, tuple(axes))))
    if dtype.kind in "OT":
        _objects(walk, array)
    elif dtype.names is not None:
        # By field: the padding between fields is not content, and is not always initialised.
        for name in dtype.names:
            content(walk, array[name])
    else:
        walk.emit(digest_of(array.transpose(axes)))


def _objects(walk: Walk, array: Any) -> None:
    items = array.ravel().tolist()
    if set(map(type, items)) <= ATOMS:
        walk.count(len(items))
        walk.emit(atoms_token(items))
    else:
        walk.emit(b"%d;" % len(items))
        walk.push(*items)


def digest_of(array: Any) -> bytes:
    """XXH3 of the elements in C order, zero-copy when they lie so."""
    numpy: Any = sys.modules["numpy"]
    if array.size == 0:
        return b""
    if array.flags.c_contiguous:
        return xxhash.xxh3_128_digest(array.reshape(-1).view(numpy.uint8).data)
    hasher = xxhash.xxh3_128()
    if array.ndim == 0 or array.nbytes <= _PIECE_BYTES:
        hasher.update(numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8).data)
        return hasher.digest()
    rows = max(1, _PIECE_BYTES * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        piece = numpy.ascontiguousarray(array[start : start + rows])
        hasher.update(piece.reshape(-1).view(numpy.uint8).data)
    return hasher.digest()


def _masked(walk: Walk, array: Any) -> None:
    if walk.seen(array):
        return
    numpy: Any = sys.modules["numpy"]
    # The shared mask flag is set by a mere read, so it does not count.
    walk.emit_text("masked", type(array).__qualname__, str(array.hardmask))
    mask = numpy.ma.getmask(array)
    following = (array.data, None if mask is numpy.ma.nomask else mask, array.fill_value)
    walk.keep.append(following)  # made just now: another object must not get its place in memory
    walk.push(*following)


def _scalar(walk: Walk, scalar: Any) -> None:
    numpy: Any = sys.modules["numpy"]
    walk.emit_text("scalar", scalar.dtype.str, str(scalar.dtype) if scalar.dtype.kind == "V" else "")
    if scalar.dtype.names is not None or scalar.dtype.hasobject:
        content(walk, numpy.asarray(scalar))
    else:
        walk.emit(atoms_token(scalar.tobytes()))


def _dtype(walk: Walk, dtype: Any) -> None:
    walk.emit_text("dtype", dtype.str, repr(dtype))


def _ufunc(walk: Walk, function: Any) -> None:
    name = str(function.__name__)
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is function:
            walk.emit_text("ufunc", module, name)
            return
    walk.opaque(function, "io")


def _random_state(walk: Walk, state: Any) -> None:
    from .contents import describe_reduced

    if is_global_random(state):
        walk.emit_text("global numpy random")  # its state is ambient
    else:
        describe_reduced(walk, state)


def is_global_random(value: object) -> bool:
    """Whether this is the generator behind `numpy.random.rand` and its like."""
    mtrand: Any = sys.modules.get("numpy.random.mtrand")
    return mtrand is not None and value is getattr(mtrand, "_rand", None)
