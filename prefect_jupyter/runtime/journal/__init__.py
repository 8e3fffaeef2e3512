"""What happened in a notebook's kernels, on disk: written as it happens, read back after restarts."""

from __future__ import annotations

from .history import Attempt, History, Record, read_history
from .journal import Journal

__all__ = ["Attempt", "History", "Journal", "Record", "read_history"]
