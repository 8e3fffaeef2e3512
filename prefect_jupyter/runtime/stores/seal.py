"""Entries that say who wrote them: header, content and a keyed digest over both and their address.

It must not let through a byte that was changed, moved to another address, or written with another secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import struct
import sys
from pathlib import Path

from .filesystem import FileSystem

FORMAT = 1
_HEADER = struct.Struct("<2sBBB")
_MAC_BYTES = 32
_SECRET_BYTES = 32
_OURS = _HEADER.pack(b"PJ", FORMAT, sys.version_info.major, sys.version_info.minor)


class Broken(Exception):  # noqa: N818 - an outcome, not an error
    """Why an entry is not used, in words that follow its name."""


class Seal:
    """One secret. BLAKE2b with a key is a MAC (RFC 7693), and is in the standard library."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # Says nothing of the secret, and differs between any two.
        self.name = hashlib.blake2b(b"name of this secret", key=secret, digest_size=6).hexdigest()

    def close(self, address: str, content: bytes) -> bytes:
        """The entry to keep for this content under this address."""
        body = _OURS + content
        return body + self._mac(address, body)

    def open(self, address: str, entry: bytes) -> memoryview:
        """The content of an entry. Raises `Broken`."""
        view = memoryview(entry)
        if len(entry) < _HEADER.size + _MAC_BYTES:
            raise Broken("is cut off")
        body, mac = view[:-_MAC_BYTES], view[-_MAC_BYTES:]
        if not hmac.compare_digest(self._mac(address, body), mac):
            raise Broken("is damaged, or was written with another secret")
        if bytes(view[: _HEADER.size]) != _OURS:
            raise Broken("was written by another version of Python or of this extension")
        return body[_HEADER.size :]

    def _mac(self, address: str, body: bytes | memoryview) -> bytes:
        encoded = address.encode("utf-8", "surrogatepass")
        hasher = hashlib.blake2b(key=self._secret, digest_size=_MAC_BYTES)
        hasher.update(len(encoded).to_bytes(8, "little") + encoded)
        hasher.update(body)
        return hasher.digest()


def read_secret(path: Path, files: FileSystem) -> bytes:
    """This user's secret, made when there is none. Raises OSError.

    Of several kernels that make one at once, the first wins: a link fails where a file exists.
    """
    try:
        return _checked(path, files)
    except FileNotFoundError:
        files.make_folder(path.parent)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    files.write(draft, [secrets.token_bytes(_SECRET_BYTES)])
    try:
        files.link(draft, path)
    except FileExistsError:
        pass
    finally:
        files.remove(draft)
    return _checked(path, files)


def read_team_key(path: Path, store: Path, files: FileSystem) -> bytes:
    """The key in a file that somebody chose, which is never made. Raises OSError with the cure."""
    if path.resolve().is_relative_to(store.resolve()):
        raise OSError(f"the key {path} lies in the cache that it is to vouch for: keep it elsewhere")
    found = files.stat(path)
    if os.name == "posix" and (found.st_mode & 0o077 or found.st_uid not in (os.getuid(), 0)):
        raise OSError(f"the key {path} can be read or changed by others: own it, and run chmod 600 on it")
    content = files.read(path).strip()
    if len(content) < _SECRET_BYTES:
        raise OSError(f"the key {path} is too short: make one by openssl rand -hex 32")
    return hashlib.blake2b(content).digest()


def _checked(path: Path, files: FileSystem) -> bytes:
    secret = files.read(path)
    if len(secret) < _SECRET_BYTES:
        raise OSError(f"{path} is not a secret: remove it, and the cache starts anew")
    files.make_private(path)
    return secret[:64]
