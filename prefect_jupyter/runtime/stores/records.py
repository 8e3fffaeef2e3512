"""How one value is laid out: small parts in its record, large ones in files.

It must not compress: that costs eight times what it saves.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from ..pickles import Pickle
from .blobs import raw_name, stream_name
from .seal import Broken

_HEAD_SIZE = struct.Struct("<I")
INLINE_BYTES_MAX = 65_536
# Buffers from this size have a file each, so that a large array that is in two values is kept once.
_OWN_FILE_BYTES = 1_048_576
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class BlobFile:
    name: str
    size: int
    is_stream: bool


@dataclass(frozen=True, slots=True)
class Record:
    """`parts` are the stream and the buffers: (index of the file or -1, offset, size); `inline` holds those of -1."""

    files: tuple[BlobFile, ...]
    parts: tuple[tuple[int, int, int], ...]
    inline: bytes

    def to_bytes(self) -> bytes:
        files = [[file.name, file.size, file.is_stream] for file in self.files]
        head = json.dumps([files, self.parts], separators=(",", ":")).encode("ascii")
        return _HEAD_SIZE.pack(len(head)) + head + self.inline


def read_record(content: memoryview) -> Record:
    """Raises `Broken`."""
    try:
        (size,) = _HEAD_SIZE.unpack_from(content)
        start = _HEAD_SIZE.size + size
        files, parts = json.loads(bytes(content[_HEAD_SIZE.size : start]))
        return Record(
            tuple(BlobFile(*file) for file in files), tuple(tuple(part) for part in parts), bytes(content[start:])
        )
    except (ValueError, TypeError, struct.error) as error:
        raise Broken("is damaged") from error


def lay_out(pickled: Pickle) -> tuple[Record, dict[str, list[bytes | memoryview]]]:
    """The record of a value, and what is to be in each of its files, by name."""
    files: list[BlobFile] = []
    contents: dict[str, list[bytes | memoryview]] = {}
    inline: list[bytes | memoryview] = []
    together: list[bytes | memoryview] = []
    parts: list[tuple[int, int, int]] = []
    small = pickled.size_bytes <= INLINE_BYTES_MAX

    def in_file(name: str, content: list[bytes | memoryview], size: int, *, is_stream: bool) -> int:
        contents[name] = content
        files.append(BlobFile(name, size, is_stream))
        return len(files) - 1

    everything: tuple[bytes | memoryview, ...] = (pickled.stream, *pickled.buffers)
    for position, part in enumerate(everything):
        if small or (position == 0 and len(part) <= INLINE_BYTES_MAX):
            parts.append((-1, sum(map(len, inline)), len(part)))
            inline.append(part)
        elif position == 0:
            parts.append((in_file(stream_name(part), [part], len(part), is_stream=True), 0, len(part)))
        elif len(part) >= _OWN_FILE_BYTES:
            parts.append((in_file(raw_name([part]), [part], len(part), is_stream=False), 0, len(part)))
        else:
            parts.append((-2, sum(map(len, together)), len(part)))
            together += [part, bytes(-len(part) % _ALIGNMENT)]
    size = sum(map(len, together))
    shared = in_file(raw_name(together), together, size, is_stream=False) if size else -1
    placed = tuple((shared if file == -2 else file, offset, length) for file, offset, length in parts)
    return Record(tuple(files), placed, b"".join(inline)), contents
