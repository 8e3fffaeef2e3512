"""What it costs to have results kept and given back, beside joblib.Memory, Hamilton and marimo, in one run.

It prints figures beside targets; on a shared machine only ratios count, and CPU time more than wall time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.kernels import ROOT

# Seconds by (peer, workload, moment): wall and CPU, each the least of all rounds.
Figures: TypeAlias = "dict[tuple[str, str, str], tuple[float, float]]"

# marimo takes 30 ms and more for a cell: a short chain says as much. Hamilton recurses along it.
_SHORTER = {"marimo": 10, "hamilton": 5}
_MODULES = {"joblib": "joblib", "hamilton": "hamilton", "marimo": "marimo"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table; `target` is what our part of joblib's time shall be at most."""

    title: str
    workload: str
    moment: str
    target: float | None = None


MEASURES = (
    Measure("miss of a task that does nothing, µs", "small", "first", 0.2),
    Measure("hit in a new process, µs", "small", "second", None),
    Measure("hit again in the same process, µs", "small", "again", 0.1),
    Measure("hit on a large array until its first sum, ms", "large", "second", 0.2),
    Measure("the same again in the same process, ms", "large", "again", None),
)


def peers() -> list[str]:
    """Those that are installed."""
    return ["ours", *(peer for peer, module in _MODULES.items() if importlib.util.find_spec(module) is not None)]


def measure(rounds: int, tasks: int, numbers: int) -> Figures:
    """The contenders take turns, each in a new process with a new folder, so that a busy moment hits all of them."""
    figures: Figures = {}
    for _ in range(rounds):
        for workload, size in (("small", tasks), ("large", numbers)):
            for peer in peers():
                count = max(2, size // _SHORTER.get(peer, 1)) if workload == "small" else size
                with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                    first, again = (_run(peer, workload, count, folder) for _ in range(2))
                per = count if workload == "small" else 1
                for moment, taken in (("first", first[0]), ("second", again[0]), ("again", again[1])):
                    known = figures.get((peer, workload, moment), (float("inf"), float("inf")))
                    figures[peer, workload, moment] = (
                        min(known[0], taken["wall_s"] / per),
                        min(known[1], taken["cpu_s"] / per),
                    )
    return figures


def _run(peer: str, workload: str, count: int, folder: str) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.contenders", peer, workload, str(count), folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def hashing(numbers: int, rounds: int) -> tuple[float, float]:
    """CPU seconds to describe an array: ours and joblib.hash, in turn."""
    import joblib
    import numpy as np

    from prefect_jupyter.runtime.fingerprints import Fingerprinter

    array = np.random.default_rng(0).random(numbers)
    ours = _least(lambda: Fingerprinter({}, {}).own(array), rounds)
    return ours, _least(lambda: joblib.hash(array), rounds)


def _least(call: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        before = time.process_time()
        call()
        taken.append(time.process_time() - before)
    return min(taken)


def show(figures: Figures, present: Sequence[str]) -> None:
    print(f"{'least CPU time (wall time)':<46}" + "".join(f"{peer:>20}" for peer in present))
    for line in MEASURES:
        scale = 1e6 if line.workload == "small" else 1e3
        cells = []
        for peer in present:
            wall, cpu = figures[peer, line.workload, line.moment]
            cells.append(f"{cpu * scale:,.1f} ({wall * scale:,.1f})")
        print(f"  {line.title:<44}" + "".join(f"{cell:>20}" for cell in cells))
    print()


def judge(figures: Figures, hashed: tuple[float, float]) -> None:
    print(f"{'beside joblib':<46}{'ours':>12}{'joblib':>12}{'ratio':>8}{'wall':>8}{'target':>8}  met")
    for line in MEASURES:
        scale = 1e6 if line.workload == "small" else 1e3
        (wall, cpu), (their_wall, their_cpu) = (figures[p, line.workload, line.moment] for p in ("ours", "joblib"))
        ratio = cpu / their_cpu
        wanted = "" if line.target is None else f"≤{line.target}"
        met = "" if line.target is None else ("yes" if ratio <= line.target else "no")
        print(
            f"  {line.title:<44}{cpu * scale:>12,.1f}{their_cpu * scale:>12,.1f}{ratio:>8.3f}"
            f"{wall / their_wall:>8.3f}{wanted:>8}  {met}"
        )
    ours, theirs = hashed
    met = "yes" if ours <= 0.1 * theirs else "no"
    title = "hash of a large array, ms"
    print(f"  {title:<44}{ours * 1e3:>12,.1f}{theirs * 1e3:>12,.1f}{ours / theirs:>8.3f}{'':>8}{'≤0.1':>8}  {met}")
    print()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the least counts (default: 3)")
    parser.add_argument("--tasks", type=int, default=1_000, help="tasks of the chain (default: 1000)")
    parser.add_argument("--megabytes", type=int, default=400, help="size of the large array (default: 400)")
    options = parser.parse_args(arguments)
    present = peers()
    numbers = options.megabytes * 1_000_000 // 8
    print(f"{options.tasks} tasks in a chain; an array of {options.megabytes} MB; {', '.join(present[1:])} beside us")
    figures = measure(options.rounds, options.tasks, numbers)
    show(figures, present)
    if "joblib" in present:
        judge(figures, hashing(numbers, options.rounds))


if __name__ == "__main__":
    main()
