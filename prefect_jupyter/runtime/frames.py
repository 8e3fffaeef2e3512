"""How data frames are described, column by column: pandas, Arrow and Polars.

It must not fill in caches of a frame, nor depend on how its memory is cut into blocks or chunks, since a
mere read changes both.
"""

from __future__ import annotations

import sys
from typing import Any

import xxhash

from . import arrays
from .origins import module_of
from .walk import Handler, Walk, atoms_token, big_token


def handler_for(kind: type) -> Handler | None:
    top = module_of(kind).partition(".")[0]
    for library, families in (("pandas", _pandas), ("pyarrow", _arrow), ("polars", _polars)):
        module: Any = sys.modules.get(library)
        if module is None or (top != library and not any(module_of(base).startswith(library) for base in kind.__mro__)):
            continue
        for family, handler in families(module):
            if issubclass(kind, family):
                return handler
    return None


def _pandas(pandas: Any) -> tuple[tuple[type, Handler], ...]:
    return (
        (pandas.DataFrame, _frame),
        (pandas.Series, _series),
        (pandas.RangeIndex, _range_index),
        (pandas.MultiIndex, _multi_index),
        (pandas.Index, _index),
        (pandas.api.extensions.ExtensionArray, _extension_array),
    )


def _frame(walk: Walk, frame: Any) -> None:
    if walk.seen(frame):
        return
    walk.stores(id(frame))
    walk.emit_text("frame")
    columns = list(_columns_of(frame))
    following = [type(frame), frame.columns, frame.index, frame.attrs or None, _own_attributes(frame), len(columns)]
    walk.keep.append(following)
    for column in columns:
        _share(walk, column)
        _column(walk, column, following)
    walk.push(*following)


def _columns_of(frame: Any) -> Any:
    if hasattr(frame, "_iter_column_arrays"):
        return frame._iter_column_arrays()
    return (frame.iloc[:, position].array for position in range(frame.shape[1]))


def _series(walk: Walk, series: Any) -> None:
    if walk.seen(series):
        return
    walk.stores(id(series))
    walk.emit_text("series")
    following = [type(series), series.index, series.name, series.attrs or None, _own_attributes(series)]
    walk.keep.append(following)
    _share(walk, series._values)
    _column(walk, series._values, following)
    walk.push(*following)


def _own_attributes(owner: Any) -> tuple[Any, ...]:
    """What a subclass says that it carries along (`_metadata`)."""
    names = sorted(set(getattr(owner, "_metadata", ())) - {"_name", "name"})
    return tuple((name, getattr(owner, name, None)) for name in names)


def _share(walk: Walk, column: Any) -> None:
    """Without copy-on-write, a column and a frame are views of each other's memory."""
    numpy: Any = sys.modules["numpy"]
    if not _copies_on_write() and isinstance(column, numpy.ndarray):
        base = arrays.base_of(column)
        walk.stores(id(base))


def _copies_on_write() -> bool:
    pandas: Any = sys.modules["pandas"]
    if int(pandas.__version__.partition(".")[0]) >= 3:
        return True
    return bool(pandas.get_option("mode.copy_on_write") is True)


def _range_index(walk: Walk, index: Any) -> None:
    walk.emit(b"\x80I" + atoms_token((index.start, index.stop, index.step)))
    walk.push(index.name)


def _multi_index(walk: Walk, index: Any) -> None:
    walk.emit_text("multi", *[str(len(index.levels))])
    for codes in index.codes:
        arrays.content(walk, codes)
    following = [*index.levels, *index.names]
    walk.keep.append(following)
    walk.push(*following)


def _index(walk: Walk, index: Any) -> None:
    walk.emit_text("index", type(index).__name__, str(getattr(index, "freq", None)))
    following = list(index.names)
    _column(walk, index._values, following)
    walk.push(*following)


def _extension_array(walk: Walk, array: Any) -> None:
    if walk.seen(array):
        return
    walk.stores(id(array))
    following: list[Any] = [str(getattr(array, "freq", None))]
    walk.keep.append(following)
    _column(walk, array, following)
    walk.push(*following)


def _column(walk: Walk, column: Any, following: list[Any]) -> None:
    """Write one column. What has to be walked is added to `following`."""
    numpy: Any = sys.modules["numpy"]
    pandas: Any = sys.modules["pandas"]
    if isinstance(column, numpy.ndarray):
        # A column is one-dimensional, so its place in a block is not content.
        if column.dtype.kind == "O":
            following.append(tuple(column.tolist()))
            walk.emit(b"\x80c" + atoms_token((column.dtype.str, len(column))))
        else:
            arrays.content(walk, column)
        return
    dtype = column.dtype
    walk.emit_text("column", type(column).__name__, repr(dtype))
    if isinstance(column, pandas.Categorical):
        arrays.content(walk, column.codes)
        following += [column.categories, column.ordered]
    elif hasattr(column, "_pa_array"):
        walk.emit(_chunked_digest(column._pa_array))
    elif hasattr(column, "asi8"):
        arrays.content(walk, column.asi8)
    elif hasattr(column, "_mask") and hasattr(column, "_data"):
        # What lies under the mask cannot be seen.
        mask, data = column._mask, column._data
        arrays.content(walk, mask)
        arrays.content(walk, numpy.where(mask, numpy.zeros((), data.dtype), data) if mask.any() else data)
    elif isinstance(column, pandas.arrays.IntervalArray):
        following += [column.left, column.right, column.closed]
    elif isinstance(column, pandas.arrays.SparseArray):
        _column(walk, column.sp_values, following)
        arrays.content(walk, column.sp_index.to_int_index().indices)
    else:
        following.append(tuple(column.astype(object).tolist()))


def _arrow(pyarrow: Any) -> tuple[tuple[type, Handler], ...]:
    return (
        (pyarrow.Table, _table),
        (pyarrow.RecordBatch, _batch),
        (pyarrow.ChunkedArray, _chunked),
        (pyarrow.Array, _arrow_array),
    )


def _table(walk: Walk, table: Any) -> None:
    walk.emit_text("table", str(table.num_rows), *table.column_names)
    metadata = table.schema.metadata
    walk.keep.append(metadata)  # made just now: another object must not get its place in memory
    walk.push(metadata)
    for column in table.columns:
        walk.emit(_chunked_digest(column))


def _batch(walk: Walk, batch: Any) -> None:
    pyarrow: Any = sys.modules["pyarrow"]
    walk.emit_text("batch")
    _table(walk, pyarrow.Table.from_batches([batch]))


def _chunked(walk: Walk, column: Any) -> None:
    walk.emit_text("chunked")
    walk.emit(_chunked_digest(column))


def _arrow_array(walk: Walk, array: Any) -> None:
    pyarrow: Any = sys.modules["pyarrow"]
    walk.emit_text("arrow")
    walk.emit(_chunked_digest(pyarrow.chunked_array([array])))


def _chunked_digest(column: Any) -> bytes:
    """XXH3 of the IPC form of one contiguous array: it leaves out offsets into parents and unused bitmaps."""
    pyarrow: Any = sys.modules["pyarrow"]
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(array, pyarrow.ChunkedArray):
        array = pyarrow.concat_arrays(array.chunks) if array.num_chunks else pyarrow.array([], array.type)
    if array.offset or array.nbytes != array.get_total_buffer_size():
        # A slice: joined with nothing, it is copied into memory of its own.
        array = pyarrow.concat_arrays([array, array[:0]])
    sink = _Sink()
    batch = pyarrow.RecordBatch.from_arrays([array], names=[""])
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return b"\x80P%d;" % len(array) + sink.hasher.digest()


class _Sink:
    """A file that keeps only the digest of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hasher = xxhash.xxh3_128()

    def write(self, piece: Any) -> int:
        view = memoryview(piece)
        self.hasher.update(view)
        return view.nbytes

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""


def _polars(polars: Any) -> tuple[tuple[type, Handler], ...]:
    return ((polars.DataFrame, _polars_frame), (polars.Series, _polars_series))


def _polars_frame(walk: Walk, frame: Any) -> None:
    if walk.seen(frame):
        return
    walk.stores(id(frame))
    walk.emit_text("polars", type(frame).__name__, repr(frame.schema))
    stream = frame.rechunk().write_ipc_stream(None, compression="uncompressed")
    walk.emit(big_token(stream.getbuffer()))


def _polars_series(walk: Walk, series: Any) -> None:
    if walk.seen(series):
        return
    walk.emit_text("polars series")
    following = series.to_frame()
    walk.keep.append(following)
    walk.stores(id(series))
    walk.push(following)
