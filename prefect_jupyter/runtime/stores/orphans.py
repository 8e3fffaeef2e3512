"""Removes what nothing leads to: drafts of processes that died, files without a record, records without a file.

It must not touch what is young, since its other half may be on its way, nor what another secret's index needs
while that one is in use.
"""

from __future__ import annotations

import re
from pathlib import Path

from .blobs import Blobs
from .filesystem import FileSystem
from .index import Index
from .store import Freed

_PERIOD_S = 86_400.0
# What was written with another secret, or was damaged, stays for a while: its owner may be on holiday.
_ABANDONED_S = 90 * 86_400.0
_TIDIED = "tidied"
_INDEX = re.compile(r"(?P<damaged>damaged-)?index-\d+-(?P<owner>[0-9a-f]+)\.sqlite(-wal|-shm)?")


def is_due(index: Index, now_s: float) -> bool:
    """Once a day; a store that is new has no leftovers."""
    tidied = index.fact(_TIDIED)
    if not tidied:
        index.note_fact(_TIDIED, str(now_s))
        return False
    return not now_s - _PERIOD_S < float(tidied) <= now_s


def drop_orphans(index: Index, blobs: Blobs, files: FileSystem, now_s: float) -> Freed:
    """Raises OSError and sqlite3.Error; whatever was done until then is whole."""
    index.note_fact(_TIDIED, str(now_s))
    old = list(blobs.old(now_s))
    needed = index.needed_files()  # after the files were listed: what was written since is not among them
    count = size = 0
    for path in old:
        if path.name not in needed:
            count, size = count + 1, size + files.stat(path).st_size
            files.remove(path)
    for name, references in needed.items():
        if not blobs.is_whole(name):
            for reference in references:
                index.drop_record(reference)
    return Freed(leftovers=count, size_bytes=size)


def drop_abandoned(folder: Path, own: str, files: FileSystem, now_s: float) -> None:
    """Removes what was written with other secrets than `own`, and damaged indexes, when it is long out of use."""
    last_used_s: dict[str, float] = {}
    of_owner: dict[str, list[Path]] = {}
    for path in files.list(folder):
        match = _INDEX.fullmatch(path.name)
        if match is not None and (match["damaged"] or match["owner"] != own):
            owner = match["owner"] if not match["damaged"] else path.name
            of_owner.setdefault(owner, []).append(path)
            last_used_s[owner] = max(last_used_s.get(owner, 0.0), files.stat(path).st_mtime)
    for owner, paths in of_owner.items():
        if last_used_s[owner] < now_s - _ABANDONED_S:
            for path in paths:
                files.remove(path)
            files.remove_folder(folder / "values" / owner)


def has_others(folder: Path, own: str, files: FileSystem) -> bool:
    """Whether results lie here that were written with another secret."""
    found = (_INDEX.fullmatch(path.name) for path in files.list(folder))
    return any(match is not None and not match["damaged"] and match["owner"] != own for match in found)
