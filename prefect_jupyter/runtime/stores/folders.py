"""Where a user's store and its secret belong, by the rules of each platform.

It must not create anything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

STORE_VARIABLE = "PREFECT_JUPYTER_DIR"
_NAME = "prefect_jupyter"


def store_folder() -> Path:
    """The folder that `PREFECT_JUPYTER_DIR` names, else the user's cache folder. A home may be missing."""
    chosen = os.environ.get(STORE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return _windows("LOCALAPPDATA", "Local") / _NAME / "Cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / _NAME
    return _xdg("XDG_CACHE_HOME", ".cache") / _NAME


def secret_path() -> Path:
    """Outside of the store, so that a copied or shared store cannot bring its own secret along."""
    if sys.platform == "win32":
        return _windows("APPDATA", "Roaming") / _NAME / "secret"
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / _NAME / "secret"
    return _xdg("XDG_DATA_HOME", ".local/share") / _NAME / "secret"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # neither $HOME nor an entry for this user
        return Path("/nonexistent")


def _xdg(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable, "")
    return Path(chosen) if chosen.startswith("/") else _home() / default


def _windows(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable)
    return Path(chosen) if chosen else _home() / "AppData" / default


def is_on_network(folder: Path) -> bool:
    """Whether a folder lies on a network file system, where SQLite's write-ahead log does not work."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    best, kind = "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) > 4 and right and len(fields[4]) >= len(best) and folder.is_relative_to(fields[4]):
            best, kind = fields[4], right.split()[0]
    return kind.startswith(("nfs", "cifs", "smb", "afs", "9p", "fuse.sshfs", "ceph", "glusterfs", "lustre"))
