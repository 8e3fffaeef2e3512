"""Which files a declared pattern means.

Relative patterns are meant from a folder that is given; it must not look at what is in the files.
"""

from __future__ import annotations

import fnmatch
import glob
import os

MATCHES_MAX = 10_000


class TooManyError(ValueError):
    """A pattern that matches more files than anybody means; the message says so."""


def absolute(pattern: str, folder: str) -> str:
    return os.path.normpath(os.path.join(folder, os.path.expanduser(pattern)))


def matching(pattern: str, folder: str) -> list[str]:
    """The files that match, as absolute paths, sorted. A file with this very name matches, whatever is in it."""
    path = absolute(pattern, folder)
    if os.path.isfile(path):
        return [path]
    found: list[str] = []
    for match in glob.iglob(path, recursive=True):
        if os.path.isfile(match):
            found.append(match)
            if len(found) > MATCHES_MAX:
                raise TooManyError(f"`{pattern}` matches more than {MATCHES_MAX:,} files: narrow it")
    return sorted(found)


def may_match(pattern: str, folder: str, path: str) -> bool:
    """Whether a file that need not be there yet would match; wider rather than narrower."""
    meant = absolute(pattern, folder)
    return meant == path or fnmatch.fnmatch(path, meant.replace(f"**{os.sep}", "*"))
