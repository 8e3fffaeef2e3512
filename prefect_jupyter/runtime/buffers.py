"""NumPy arrays of one pickle as raw memory, beside the pickle: views stay views of one base.

It must not import NumPy before an array is loaded, nor hand out memory that is shared with another load.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .arrays import axes_of, base_of, bounds_of

# Where a stored array lies: buffer, offset in bytes, dtype, shape, strides, whether it can be written.
ArrayRow = tuple[int, int, Any, tuple[int, ...], tuple[int, ...], bool]


@dataclass(frozen=True, slots=True)
class Layout:
    """`rows` describe the arrays in the order in which they were met; `memory` are their bases."""

    rows: tuple[ArrayRow, ...]
    memory: tuple[memoryview, ...]


def is_raw(value: object) -> bool:
    """Whether this array is nothing but memory: no subclass, no Python objects, no strings on a heap."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or type(value) is not getattr(numpy, "ndarray", None):
        return False
    array: Any = value
    return not array.dtype.hasobject and array.dtype.kind != "T"


class ArrayTable:
    """The arrays met while one pickle is written."""

    def __init__(self) -> None:
        self._arrays: list[Any] = []
        self._positions: dict[int, int] = {}

    def position(self, array: Any) -> int:
        known = self._positions.get(id(array))
        if known is None:
            known = self._positions[id(array)] = len(self._arrays)
            self._arrays.append(array)
        return known

    def layout(self, first: int) -> Layout:
        """Choose what to keep of each base; buffers are numbered from `first`.

        Arrays that overlap are kept as one run of memory with their strides. An array that shares
        nothing is kept alone, however large the array is that it was cut from.
        """
        groups: dict[int, list[int]] = {}
        for position, array in enumerate(self._arrays):
            groups.setdefault(id(base_of(array)), []).append(position)
        rows: dict[int, ArrayRow] = {}
        memory: list[memoryview] = []
        for positions in groups.values():
            for run in self._runs(positions):
                where = first + len(memory)
                memory.append(self._keep(run, where, rows))
        return Layout(tuple(rows[position] for position in range(len(self._arrays))), tuple(memory))

    def _runs(self, positions: list[int]) -> list[list[int]]:
        """Positions of arrays whose memory overlaps, directly or through others."""
        if len(positions) == 1:
            return [positions]
        bounds = sorted((*bounds_of(self._arrays[position]), position) for position in positions)
        runs: list[list[int]] = []
        end = -1
        for low, high, position in bounds:
            if low < end:
                runs[-1].append(position)
            else:
                runs.append([position])
            end = max(end, high) if runs[-1] != [position] else high
        return runs

    def _keep(self, run: list[int], buffer: int, rows: dict[int, ArrayRow]) -> memoryview:
        if len(run) == 1:
            kept, rows[run[0]] = _alone(self._arrays[run[0]], buffer)
            return kept
        arrays = [self._arrays[position] for position in run]
        low = min(bounds_of(array)[0] for array in arrays)
        high = max(bounds_of(array)[1] for array in arrays)
        for position, array in zip(run, arrays, strict=True):
            offset = int(array.__array_interface__["data"][0]) - low
            rows[position] = (buffer, offset, array.dtype, array.shape, array.strides, bool(array.flags.writeable))
        return _bytes_of(_Memory(low, high - low, arrays))


def _alone(array: Any, buffer: int) -> tuple[memoryview, ArrayRow]:
    """One array without what lies around it, in its own order of axes; not copied if it lies so already."""
    numpy: Any = sys.modules["numpy"]
    axes = axes_of(array)
    ordered = numpy.ascontiguousarray(array.transpose(axes)).reshape([array.shape[axis] for axis in axes])
    strides = tuple(ordered.strides[axes.index(axis)] for axis in range(array.ndim))
    row = (buffer, 0, array.dtype, array.shape, strides, bool(array.flags.writeable))
    return _bytes_of(ordered.reshape(-1).view(numpy.uint8)) if array.size else memoryview(b""), row


class _Memory:
    """A run of memory, told to NumPy by address; it keeps alive whatever owns it."""

    def __init__(self, address: int, size: int, owner: object) -> None:
        self.owner = owner
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (size,), "data": (address, True)}


def _bytes_of(memory: object) -> memoryview:
    # Not to be written through: loading from a read-only buffer copies it first.
    numpy: Any = sys.modules["numpy"]
    return memoryview(numpy.asarray(memory)).toreadonly()


def own(buffer: memoryview) -> memoryview:
    """A buffer that the loaded value may write to: a private map as it is, anything else as a copy."""
    return memoryview(bytearray(buffer)) if buffer.readonly else buffer


def build(row: ArrayRow, buffers: Sequence[memoryview]) -> Any:
    """A plain array over its buffer."""
    numpy: Any = sys.modules["numpy"]  # the row's dtype brought it

    buffer, offset, dtype, shape, strides, writable = row
    if 0 in shape or dtype.itemsize == 0:
        array: Any = numpy.empty(shape, dtype)
    else:
        array = numpy.ndarray(shape, dtype, buffers[buffer], offset, strides)
    if not writable:
        array.flags.writeable = False
    return array
