"""What becomes of a task, or a child of a mapped one, that must not start, and why in words.

It must not decide whether it starts: the row has answered that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .states import SUCCESSFUL, State
from .triggers import Answer

if TYPE_CHECKING:
    from .progress import Progress
    from .run import Run

Refusal: TypeAlias = "tuple[State, str, str]"
"""The state, the reason in words, and the id of the task at the root of it or ""."""

_SAID = {
    State.TimedOut: "timed out",
    State.Crashed: "crashed",
    State.Cancelled: "was cancelled",
    State.TriggerFailed: "did not run",
}
_WANTS_SUCCESS = ("all_successful", "not_all_skipped")


def refusal(row: Progress, run: Run) -> Refusal:
    """Of a task whose inputs have all finished and that must not run."""
    answer = row.answer()
    if answer is Answer.PAUSE:
        if row.task.pause:
            return State.Paused, "waits for a person: resume it", ""
        return State.Paused, f"waits: its trigger wants {row.trigger.wants}", ""
    if answer is Answer.SKIP:
        skipped = next((above for above in row.seen_whole if _was_skipped(above)), None)
        if skipped is None:
            return State.Skipped, "skipped: there is nothing above it", ""
        return _skipped(_root(skipped, run))
    blamed = [above for above in row.seen_whole if not _succeeded(above)]
    if blamed and row.trigger.name in _WANTS_SUCCESS:
        root = _root(min(blamed, key=lambda above: above.position), run)
        return State.TriggerFailed, f"not run: `{root.title}` {_said(root)}", root.task.id
    return State.TriggerFailed, f"not run: its trigger {row.trigger.name} wants {row.trigger.wants}", ""


def child_refusal(row: Progress, child: int, run: Run) -> Refusal:
    """Of a child that has the same place as the children that it waited for."""
    (_, answer), *_ = row.answers((child,))
    for above in row.paired:
        if above.children is None:
            continue
        state = above.children.state(child)
        cause = above.children.causes.get(child, above.task.id)
        if answer is Answer.SKIP and state is State.Skipped:
            return _skipped(run.tasks[cause])
        if answer is Answer.FAIL and state not in SUCCESSFUL and row.trigger.name in _WANTS_SUCCESS:
            said = _SAID.get(state, "failed") if cause == above.task.id else "failed"
            return State.TriggerFailed, f"not run: `{run.tasks[cause].title}` {said} for this element", cause
    return refusal(row, run)


def _skipped(root: Progress) -> Refusal:
    return State.Skipped, f"skipped: `{root.title}` was skipped", root.task.id


def _was_skipped(above: Progress) -> bool:
    return above.state is State.Skipped or (above.children is not None and above.children.number(State.Skipped) > 0)


def _succeeded(above: Progress) -> bool:
    if above.children is None:
        return above.state in SUCCESSFUL
    return above.children.number(*SUCCESSFUL) == above.children.count


def _said(root: Progress) -> str:
    if root.children is not None and root.children.failed:
        return f"failed for {root.children.failed} of {root.children.count}"
    return _SAID.get(root.state, "failed")


def _root(row: Progress, run: Run) -> Progress:
    return run.tasks[row.cause] if row.cause else row
