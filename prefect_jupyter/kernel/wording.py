"""The words for values, times and counts wherever a person reads them.

It must not look anything up: what is said arrives as arguments.
"""

from __future__ import annotations

import time

_WEEK_S = 6 * 86_400.0
PREVIEWED = (int, float, complex, str, bytes, bool, type(None))

NOTHING_TO_DO = {
    "run": "Nothing to run: every task is up to date.",
    "rerun": "There are no tasks yet.",
    "run_from": "There are no tasks yet.",
    "retry_failed": "Nothing has failed.",
    "resume": "Nothing is paused.",
    "skip": "It is skipped already.",
    "unskip": "It is not skipped by you.",
}
NOTHING_TO_PAUSE = "Nothing is running that could be paused."
WAITS_FOR_ANOTHER_KERNEL = "waits: another kernel computes it"
NOTHING_TO_HASTEN = "Nothing waits to be tried again."
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


def clock_time(at_s: float) -> str:
    """When something was, in seconds since the epoch: `14:02` today, `Tue 14:02` this week, `3 Nov 14:02` before."""
    then, now = time.localtime(at_s), time.localtime()
    minute = time.strftime("%H:%M", then)
    if then[:3] == now[:3]:
        return minute
    if 0 <= time.time() - at_s < _WEEK_S:
        return f"{time.strftime('%a', then)} {minute}"
    year = f" {then.tm_year}" if then.tm_year != now.tm_year else ""
    return f"{then.tm_mday} {time.strftime('%b', then)}{year} {minute}"


def cached_note(started_s: float, duration_s: float) -> str:
    """When what is shown was computed, in seconds since the epoch, and how long that took."""
    return f"{clock_time(started_s)} · {duration(duration_s)} saved"


def kept_note(kind: str, started_s: float) -> str:
    """What is shown because a person said so, and when it was computed."""
    return f"{kind} result of {clock_time(started_s)}" if started_s else f"{kind} result"


def size(count: float) -> str:
    """`640 B`, `12 kB`, `3.4 GB`: decimal, as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB" if count < 99.95 else f"{count:.0f} GB"


def ago(seconds: float) -> str:
    """`just now`, `5 min`, `3 h`, `12 d`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
