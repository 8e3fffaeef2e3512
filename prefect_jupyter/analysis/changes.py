"""What changed between two texts of a cell, for people."""
from __future__ import annotations
import difflib
def explain_change(before: str, after: str) -> str:
    return "\n".join(list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:20])
