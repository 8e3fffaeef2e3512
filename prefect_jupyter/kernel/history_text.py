"""What is on record of a notebook's tasks, as text: a line for each attempt, newest first.

It must not read journals.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..runtime.journal import Attempt

ATTEMPTS_MAX = 30


def history_text(attempts: Sequence[Attempt], *, details: bool) -> str:
    """The newest `ATTEMPTS_MAX` of `attempts`, which are oldest first; with `details` also logs and tracebacks."""
    if not attempts:
        return "Nothing is on record yet: tasks are, from their first run on."
    shown = attempts[: -ATTEMPTS_MAX - 1 : -1]
    width = max(len(attempt.name) for attempt in shown)
    lines = []
    for attempt in shown:
        lines.append(_line(attempt, width))
        if details:
            lines += [f"      {line}" for line in (*attempt.log, *attempt.traceback)]
            if attempt.dropped:
                lines.append(f"      ({attempt.dropped} more lines)")
    if len(attempts) > len(shown):
        lines.append(f"… and {len(attempts) - len(shown)} older attempts")
    return "\n".join(lines)


def _line(attempt: Attempt, width: int) -> str:
    when = time.strftime("%a %d %b %H:%M:%S", time.localtime(attempt.started_s))
    number = f"attempt {attempt.number}" if attempt.number > 1 else ""
    took = "" if attempt.duration_s is None else f"{attempt.duration_s:.1f} s"
    children = ", ".join(f"{count} {state.name}" for state, count in attempt.children.items())
    parts = (number, took, f"{attempt.total} children: {children}" if attempt.total else "", attempt.note)
    return " · ".join([f"{when}  {attempt.name:<{width}}  {attempt.state.name}", *filter(None, parts)])
