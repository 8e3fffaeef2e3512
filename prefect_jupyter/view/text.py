"""The pipeline as text, for a terminal, a diff and a continuous-integration log.

It must not show times, so that equal runs give equal texts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .protocol import BLOCKED, CONCLUDED, FAILURES, STATES

if TYPE_CHECKING:
    from .pipeline import PipelineView, RowView

NAME_CHARS_MAX = 32


def summary(view: PipelineView) -> str:
    """One line: how many tasks, in which states, and how many are not fresh."""
    if not view.nodes:
        return "no tasks yet"
    states = Counter(row.state for row in view.rows)
    counted = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    late = Counter(row.verdict for row in view.rows if _is_doubted(row))
    tasks = f"{len(view.nodes)} task{'' if len(view.nodes) == 1 else 's'}"
    return " · ".join([f"{tasks}: {counted}", *(f"{late[verdict]} {verdict}" for verdict in late)])


def headline(row: RowView) -> str:
    """State and verdict: what is said first of a task."""
    words = row.state
    if row.attempt > 1:
        words += f" (attempt {row.attempt})"
    if row.done or row.failed or row.running:
        counts = [(row.done, "done"), (row.failed, "failed"), (row.running, "running")]
        words += " (" + ", ".join(f"{count} {what}" for count, what in counts if count) + ")"
    if _is_doubted(row):
        words += f", {row.verdict}"
    return words


def text(view: PipelineView) -> str:
    """The whole pipeline, one task a line; notes, reasons and what it reads from stand below each task."""
    lines = [_clean(f"{view.title} · {summary(view)}" if view.title else summary(view))]
    names = [_cut(f"{node.name} {node.label}".rstrip()) for node in view.nodes]
    wide = max(map(len, names), default=0)
    for index, (_, row) in enumerate(view.tasks()):
        line = f"  {names[index]:<{wide}}  {headline(row)}"
        upstream = view.upstream_of(index)
        if upstream:
            line += "  ← " + ", ".join(f"{name} ({', '.join(handed)})" if handed else name for name, handed in upstream)
        lines.append(_clean(line))
        told = bool(row.note) and row.reason.endswith(row.note)
        lines += [f"      {_clean(remark)}" for remark in (row.note, "" if told else row.reason) if remark]
    return "\n".join(lines)


def _is_doubted(row: RowView) -> bool:
    """A task that has a result, and one that may not be what a plain run would show."""
    return row.verdict != "fresh" and row.state in CONCLUDED - FAILURES - BLOCKED


def _cut(name: str) -> str:
    name = _clean(name)
    return name if len(name) <= NAME_CHARS_MAX else name[: NAME_CHARS_MAX - 1] + "…"


def _clean(line: str) -> str:
    """One line, without what would move a terminal's cursor or colour its text."""
    return "".join(char if char.isprintable() else " " for char in line).rstrip()
