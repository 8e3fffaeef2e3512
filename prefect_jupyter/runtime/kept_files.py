"""Files that tasks make: their content as values of the store, and putting it back where it is safe to.

It must not overwrite bytes that the store does not hold: they may be somebody's work.
"""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..core.rebuilder import FileStamp
from .pickles import Pickle
from .stores import Store
from .stores.references import reference_of_bytes


def keep(store: Store, path: str) -> str:
    """Stores the content of a file and returns its reference, which is that of this content at this path."""
    with _content(path) as content:
        return store.put_value(content, None)


def is_ours(store: Store, path: str) -> bool:
    """Whether the file holds what a task once wrote there, and the store still has it."""
    try:
        with _content(path) as content:
            return store.has(reference_of_bytes(content))
    except OSError:
        return False


def put_back(store: Store, path: str, reference: str, known: FileStamp) -> bool:
    """Writes the content of `reference` to `path`, whole or not at all. False: that cannot be done."""
    value = store.value(reference)
    if value is None:
        return False
    draft = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(draft, "xb") as file:
            for buffer in value.buffers:
                file.write(buffer)
        os.utime(draft, ns=(known.mtime_ns, known.mtime_ns))
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            os.remove(draft)
        return False
    return True


@contextmanager
def _content(path: str) -> Iterator[Pickle]:
    """The content of a file as a value; the path is part of it, so that equal files elsewhere are other values."""
    stream = f"file {path}".encode("utf-8", "surrogatepass")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield Pickle(stream)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            yield Pickle(stream, (view,))
