"""The words for values, times and counts wherever a person reads them.

It must not look anything up: what is said arrives as arguments.
"""

from __future__ import annotations

import time

PREVIEWED = (int, float, complex, str, bytes, bool, type(None))

NOTHING_TO_DO = {
    "run": "Nothing to run: every task is up to date.",
    "rerun": "There are no tasks yet.",
    "run_from": "There are no tasks yet.",
    "retry_failed": "Nothing has failed.",
}
WAITS_FOR_ANOTHER_KERNEL = "waits: another kernel computes it"
NOTHING_TO_CANCEL = "Nothing is running that could be cancelled."


def preview(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60)} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def cached_note(started_s: float, duration_s: float) -> str:
    """When what is shown was computed, in seconds since the epoch, and how long that took."""
    then = time.localtime(started_s)
    today = time.localtime()
    day = "" if then[:3] == today[:3] else time.strftime("%a ", then)
    return f"{duration(duration_s)} saved · from {day}{time.strftime('%H:%M', then)}"
