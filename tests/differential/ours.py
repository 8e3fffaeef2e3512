"""Runs pipelines as notebook cells in one real kernel, and says what became of every task.

It must not know the reference's answers.
"""

from __future__ import annotations

import json
from typing import Any

from tests.oracle.kernels import LiveKernel

from .pipelines import Step, pipeline

HELPERS = """
from prefect_jupyter import FAIL, LOOP, SKIP, SUCCESS, context
from tests.differential.pipelines import plain, weight

def act(position, behaviour, number, got):
    name = f"t{position}"
    total = position + 1 + sum(map(weight, got))
    if behaviour == "raise":
        raise ValueError(name)
    if behaviour == "flaky" and context.task_run_count <= number:
        raise ValueError(f"{name} attempt {context.task_run_count}")
    if behaviour == "picky" and total % 3 == number % 3:
        raise ValueError(f"{name} does not like {total}")
    if behaviour == "skip":
        raise SKIP("skipped")
    if behaviour == "fail":
        raise FAIL("failed")
    if behaviour == "success":
        raise SUCCESS("done", result=total * 2)
    if behaviour == "loop":
        before = context.get("task_loop_result") or 0
        if context.get("task_loop_count", 1) <= number:
            raise LOOP(result=before + total)
        return before + total
    if behaviour == "list":
        return [total + item for item in range(number)]
    return total
"""

_ASKED = """
import json as _json, prefect_jupyter as _pj
_session = _pj.notebook()
_session.run()
_found = {}
for _node, _row in zip(_session.view().nodes, _session.view().rows):
    _held = get_ipython().user_ns.get(_node.name)
    from tests.differential.pipelines import plain as _plain
    _is_done = _row.state in ("Success", "Cached", "Mapped")
    _found[_node.name] = [_row.state, _plain(_held) if _is_done else None]
_answer = _json.dumps(_found)
"""


def cell(step: Step) -> str:
    """The task cell of a step."""
    header = ["%%task", step.name, "--no-cache"]
    if step.retries:
        header += ["--retries", str(step.retries), "--retry-delay", "1ms"]
    if step.trigger != "all_successful":
        header += ["--trigger", f'"{step.trigger}"']
    got = []
    for place, above in enumerate(step.mapped):
        header += ["--map", f'"e{place} in t{above}"']
        got.append(f"e{place}")
    got += [f"t{above}" for above in step.given]
    body = f"act({step.position}, {step.behaviour!r}, {step.number}, [{', '.join(got)}])"
    return f"{' '.join(header)}\n{step.name} = {body}"


def run(kernel: LiveKernel, number: int) -> dict[str, list[Any]]:
    """State and result of every task by name, after one run of everything."""
    prefix = f"p{number}-"
    cells = {"helpers": HELPERS} | {f"{prefix}{step.name}": cell(step) for step in pipeline(number)}
    kernel.command("document", order=list(cells), sources=cells)
    found: dict[str, list[Any]] = json.loads(kernel.silently(_ASKED, "_answer")[1:-1])
    return found
