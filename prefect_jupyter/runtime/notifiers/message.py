"""What a message about failures says, harmless in whatever chat it ends up in.

It must not send anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..redact import redact

FAILURES_TOLD = 5
LOG_LINES = 5
LINE_CHARACTERS_MAX = 300
_MENTION = re.compile(r"@(?=channel|here|everyone|all\b)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed task: `error` in one line, `where` the line of the cell and its text, `log` its last lines."""

    task: str
    error: str
    where: str = ""
    log: tuple[str, ...] = ()


def compose(notebook: str, failures: Sequence[Failure]) -> tuple[str, str]:
    """Title and body of one message about all `failures`, the first few of them in detail."""
    first = failures[0].task
    what = f"`{first}` failed" if len(failures) == 1 else f"{len(failures)} tasks failed"
    title = _harmless(f"{what} in {notebook}")
    lines: list[str] = []
    for failure in failures[:FAILURES_TOLD]:
        lines.append(_harmless(f"{failure.task}: {failure.error}"))
        if failure.where:
            lines.append(f"  {_harmless(failure.where)}")
        lines += [f"  | {_harmless(line)}" for line in failure.log[-LOG_LINES:]]
    if len(failures) > FAILURES_TOLD:
        lines.append(f"… and {len(failures) - FAILURES_TOLD} more")
    lines += ["", "Mend it and press Retry failed, or run in the notebook: %flow retry"]
    return title, "\n".join(lines)


def _harmless(text: str) -> str:
    """One line without secrets, control characters and mentions of everybody."""
    line = _CONTROL.sub(" ", redact(text))[:LINE_CHARACTERS_MAX]
    return _MENTION.sub("@\u200b", line.replace("<!", "‹!").replace("<@", "‹@").replace("<http", "‹http"))
