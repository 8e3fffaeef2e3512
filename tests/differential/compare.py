"""Compares what both sides made of a pipeline, but for what is different here on purpose.

Here a mapped task's trigger is asked once, before the task expands; there it expands first, and each child asks. So
a mapped task is left out, with all that hangs on it, when its trigger wants failures, or when there its children did
not run for their trigger or were all skipped (here the task itself is), or it had none, or it maps over what a failed
task left. A skipped child leaves None in the list, where Prefect leaves the signal.
"""

from __future__ import annotations

from typing import Any

from .pipelines import Step, pipeline


def differences(number: int, reference: dict[str, list[Any]], ours: dict[str, list[Any]]) -> tuple[list[str], int]:
    """A line for each task that ended otherwise or with another result, and how many tasks were compared."""
    found: list[str] = []
    left_out: set[int] = set()
    steps = pipeline(number)
    for step in steps:
        state, result, children = reference[step.name]
        over = [reference[f"t{above}"][0] for above in step.mapped]
        is_odd = any(each not in ("Success", "Mapped", "Skipped") for each in over)
        if not left_out.isdisjoint(step.inputs) or is_odd or _is_expanded_first(step, state, result, children):
            left_out.add(step.position)
            continue
        wanted = (state, _without_signals(result) if state in ("Success", "Mapped") else None)
        got_state, got_result = ours.get(step.name, ("missing", None))
        got = ("Success" if got_state == "Cached" else got_state, _without_signals(got_result))
        if got != wanted:
            found.append(f"pipeline {number}, {step}: {wanted} there, {got} here")
    return found, len(steps) - len(left_out)


def _is_expanded_first(step: Step, state: str, result: Any, children: list[str]) -> bool:
    if not step.mapped:
        return False
    if step.trigger.startswith(("some_failed", "any_failed", "all_failed")):
        return True
    return (
        "TriggerFailed" in children
        or set(children) == {"Skipped"}
        or result == []
        or (state == "Failed" and result is None)
    )


def _without_signals(result: Any) -> Any:
    return [None if item == "exception" else item for item in result] if isinstance(result, list) else result
