"""Addresses: of values by content, of traces by what was discovered.

They are hex digests, safe as file names, and differ between minor versions of Python, since a pickle may
hold code.
"""

from __future__ import annotations

import hashlib
import sys

import xxhash

from ...core.rebuilder import Trace
from ..pickles import Pickle

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def reference_of(fingerprint: str) -> str:
    """The reference of a value with this fingerprint."""
    return _hex("fingerprint", _PYTHON, fingerprint)


def reference_of_bytes(pickled: Pickle) -> str:
    parts = [_hex_of(pickled.stream), *(f"{buffer_name(buffer)}:{buffer.nbytes}" for buffer in pickled.buffers)]
    return _hex("bytes", _PYTHON, *parts)


def buffer_name(buffer: memoryview) -> str:
    """The name of a run of raw memory: its XXH3, which is also its check."""
    return xxhash.xxh3_128_hexdigest(buffer)


def variant_of(trace: Trace) -> str:
    """Two traces of one key are the same variant if they discovered the same inputs."""
    ambient = [f"{kind}={digest}" for kind, digest in sorted(trace.ambient_in.items())]
    files = [f"{path}={stamp.digest}" for path, stamp in sorted(trace.files_in.items())]
    sources = [f"{path}={digest}" for path, digest in sorted(trace.sources.items())]
    files += [f"{pattern}={sorted(paths)}" for pattern, paths in sorted(trace.globs.items())]
    # What runs again on a hit is compared with what it was: both states of a module are worth keeping.
    defined = [f"{name}={output.fingerprint}" for name, output in sorted(trace.outputs.items()) if output.definition]
    shared = [f"{name}={others}" for name, others in sorted(trace.shared_in.items())]
    return _hex("variant", str(len(ambient)), *ambient, str(len(shared)), *shared, *files, *sources, *defined)


def _hex_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _hex(*parts: str) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hasher.update(len(encoded).to_bytes(8, "little") + encoded)
    return hasher.hexdigest()
