"""Runs pipelines as flows of Prefect 1.4.1 and prints what became of every task, a line of JSON each.

`python reference.py FIRST STOP`, in an environment of its own; it must not import this project.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import warnings

sys.path.insert(0, __file__.rpartition("/")[0])
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import pipelines  # noqa: E402
import prefect  # noqa: E402
from prefect import triggers  # noqa: E402
from prefect.engine import signals  # noqa: E402


def trigger_of(text: str) -> object:
    name, _, limits = text.partition("(")
    found = getattr(triggers, name)
    if not limits:
        return found
    return found(**{part.split("=")[0].strip(): int(part.split("=")[1]) for part in limits.rstrip(")").split(",")})


def body(step: pipelines.Step) -> type[prefect.Task]:
    class Body(prefect.Task):  # type: ignore[misc]
        def run(self, **inputs: object) -> object:
            return act(step, [inputs[f"i{number}"] for number in range(len(step.inputs))])

    return Body


def act(step: pipelines.Step, got: list[object]) -> object:
    attempt = prefect.context.get("task_run_count", 1)
    total = step.position + 1 + sum(map(pipelines.weight, got))
    if step.behaviour == "raise":
        raise ValueError(step.name)
    if step.behaviour == "flaky" and attempt <= step.number:
        raise ValueError(f"{step.name} attempt {attempt}")
    if step.behaviour == "picky" and total % 3 == step.number % 3:
        raise ValueError(f"{step.name} does not like {total}")
    if step.behaviour == "skip":
        raise signals.SKIP("skipped")
    if step.behaviour == "fail":
        raise signals.FAIL("failed")
    if step.behaviour == "success":
        raise signals.SUCCESS("done", result=total * 2)
    if step.behaviour == "loop":
        count = prefect.context.get("task_loop_count", 1)
        before = prefect.context.get("task_loop_result", 0) or 0
        if count <= step.number:
            raise signals.LOOP(result=before + total)
        return before + total
    if step.behaviour == "list":
        return [total + item for item in range(step.number)]
    return total


def run(number: int) -> dict[str, object]:
    steps = pipelines.pipeline(number)
    tasks: list[prefect.Task] = []
    with prefect.Flow(f"flow {number}") as flow:
        for step in steps:
            retry = {"max_retries": step.retries, "retry_delay": dt.timedelta(0)} if step.retries else {}
            task = body(step)(name=step.name, trigger=trigger_of(step.trigger), checkpoint=False, **retry)
            flow.add_task(task)
            for place, above in enumerate(step.inputs):
                flow.add_edge(tasks[above], task, key=f"i{place}", mapped=place < len(step.mapped))
            tasks.append(task)
    ended = flow.run(run_on_schedule=False)
    found: dict[str, object] = {}
    for task in tasks:
        state = ended.result[task]
        children = [type(child).__name__ for child in state.map_states] if state.is_mapped() else []
        found[task.name] = [type(state).__name__, pipelines.plain(state.result), children]
    return found


def main() -> None:
    first, stop = map(int, sys.argv[1:3])
    for number in range(first, stop):
        try:
            found = run(number)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps([number, found]) + "\n")


if __name__ == "__main__":
    main()
