"""What the engine itself costs a task, beside peers, in one process and one run.

It prints figures and judges nothing: a shared machine makes absolute times worthless, only ratios count.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent))

from prefect_jupyter.core.events import Event
from prefect_jupyter.runtime.engine import Engine, Outcome, RunTask

Needs: TypeAlias = "dict[str, list[str]]"
Contender: TypeAlias = "Callable[[Needs], Callable[[], object]]"

_DONE = Outcome("success")


def chain(count: int) -> Needs:
    """W1: each task needs the one before it."""
    return {f"t{i}": [f"t{i - 1}"] if i else [] for i in range(count)}


def fan(count: int) -> Needs:
    """W2: one task, `count` that need it, one that needs them all."""
    middle = {f"t{i}": ["first"] for i in range(count)}
    return {"first": [], **middle, "last": list(middle)}


def ours(needs: Needs) -> Callable[[], object]:
    """States, triggers, retries and two events a task, all events kept."""
    tasks = [RunTask(task, tuple(above)) for task, above in needs.items()]

    def execute(_task: str, _attempt: int) -> Outcome:
        return _DONE

    def run() -> object:
        history: list[Event] = []
        result = asyncio.run(Engine(execute, time.monotonic, history.append).run(tasks))
        assert result.finished == len(tasks)
        assert len(history) == 2 * len(tasks) + 2
        return result

    return run


def by_hand(needs: Needs) -> Callable[[], object]:
    """The standard library alone: graphlib and a pool of two threads. No states, no events, no failures."""

    def run() -> object:
        sorter: TopologicalSorter[str] = TopologicalSorter(needs)
        sorter.prepare()
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(2) as pool:
            while sorter.is_active():
                for task in sorter.get_ready():
                    running[pool.submit(_nothing)] = task
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    sorter.done(running.pop(future))
        return None

    return run


def by_queue(needs: Needs) -> Callable[[], object]:
    """The same, with a queue instead of `wait`: the least that a hop to a thread can cost."""

    def run() -> object:
        from queue import SimpleQueue

        finished: SimpleQueue[str] = SimpleQueue()
        sorter: TopologicalSorter[str] = TopologicalSorter(needs)
        sorter.prepare()
        with ThreadPoolExecutor(2) as pool:
            while sorter.is_active():
                for task in sorter.get_ready():
                    pool.submit(finished.put, task)
                sorter.done(finished.get())
        return None

    return run


def dask_threaded(needs: Needs) -> Callable[[], object]:
    import dask.threaded

    graph: dict[str, Any] = {task: (_nothing_of, above) for task, above in needs.items()}
    last = next(reversed(needs))
    return lambda: dask.threaded.get(graph, last, num_workers=2)


def _nothing() -> None:
    return None


def _nothing_of(_above: list[None]) -> None:
    return None


CONTENDERS: dict[str, Contender] = {
    "prefect_jupyter, inline": ours,
    "graphlib + 2 threads, queue": by_queue,
    "graphlib + 2 threads, wait": by_hand,
}
if importlib.util.find_spec("dask") is not None:
    CONTENDERS["dask, threaded"] = dask_threaded


def measure(contenders: dict[str, Contender], needs: Needs, rounds: int) -> dict[str, float]:
    """Median µs a task. The contenders take turns, so that a busy moment of the machine hits all of them."""
    runs = {name: contender(needs) for name, contender in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            before = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - before)
    return {name: statistics.median(seconds) / len(needs) * 1e6 for name, seconds in times.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000, help="tasks of each graph (default: 1000)")
    parser.add_argument("--rounds", type=int, default=11, help="rounds of which the median counts (default: 11)")
    options = parser.parse_args(arguments)
    workloads = {"W1 chain": chain(options.tasks), "W2 one to many to one": fan(options.tasks)}
    for title, needs in workloads.items():
        figures = measure(CONTENDERS, needs, options.rounds)
        limit = figures["graphlib + 2 threads, queue"]
        print(f"{title}, {len(needs)} tasks that do nothing")
        print(f"  {'':<28} {'µs a task':>10} {'× the limit':>12}")
        for name, microseconds in figures.items():
            print(f"  {name:<28} {microseconds:>10.1f} {microseconds / limit:>12.2f}")
        print()


if __name__ == "__main__":
    main()
