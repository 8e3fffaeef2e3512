"""A chain of small tasks and a task with a large array, cached by us and by peers: one process, figures as JSON.

`python -m benchmarks.contenders PEER WORKLOAD COUNT FOLDER` is started anew for every figure. It must not judge.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent.parent))

# Prepares a workload in a folder and returns what runs it once, for as often as it is called.
Prepare: TypeAlias = "Callable[[Path, int], Callable[[], object]]"

_ARRAY = "np.random.default_rng(0).random({numbers})"


def _ours(folder: Path) -> Any:
    """A session in an IPython shell of its own, its store in `folder`."""
    os.environ |= {"PREFECT_JUPYTER_DIR": str(folder / "ours"), "IPYTHONDIR": str(folder / "ipython")}
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_cell("%load_ext prefect_jupyter")
    import prefect_jupyter

    return prefect_jupyter.notebook()


def ours_small(folder: Path, count: int) -> Callable[[], object]:
    from benchmarks.notebook import chain, tasks

    session = _ours(folder)
    texts = {f"c{i}": text for i, text in enumerate(tasks(chain(count)))}
    session.update_document(list(texts), texts)
    return lambda: session.run()  # noqa: PLW0108 - a session is not typed here


def ours_large(folder: Path, count: int) -> Callable[[], object]:
    session = _ours(folder)
    texts = {
        "c0": "%%task\nimport numpy as np",
        "c1": f"%%task\nbig = {_ARRAY.format(numbers=count)}",
        "c2": "%%task\nfirst = float(big[0])",
    }
    session.update_document(list(texts), texts)

    def run() -> object:
        session.run()
        return session.shell.run_cell("total = float(big.sum())").success

    return run


def joblib_small(folder: Path, count: int) -> Callable[[], object]:
    import joblib

    def step(number: int) -> int:
        return number + 1

    cached = joblib.Memory(folder / "joblib", verbose=0).cache(step)

    def run() -> object:
        number = 0
        for _ in range(count):
            number = cached(number)
        return number

    return run


def joblib_large(folder: Path, count: int) -> Callable[[], object]:
    import joblib
    import numpy as np

    def make(numbers: int) -> Any:
        return np.random.default_rng(0).random(numbers)

    def first(big: Any) -> float:
        return float(big[0])

    memory = joblib.Memory(folder / "joblib", verbose=0)
    make, first = memory.cache(make), memory.cache(first)

    def run() -> object:
        big = make(count)
        first(big)
        return float(big.sum())

    return run


def hamilton_small(folder: Path, count: int) -> Callable[[], object]:
    driver: Any = importlib.import_module("hamilton.driver")
    steps = (f"def n{i}(n{i - 1}: int) -> int:\n    return n{i - 1} + 1\n" for i in range(1, count))
    module = _written(folder, "hamilton_chain", "def n0() -> int:\n    return 1\n" + "".join(steps))
    built = driver.Builder().with_modules(module).with_cache(path=str(folder / "hamilton")).build()
    return lambda: built.execute([f"n{count - 1}"])


def hamilton_large(folder: Path, count: int) -> Callable[[], object]:
    driver: Any = importlib.import_module("hamilton.driver")
    source = (
        "import numpy as np\n"
        f"def big() -> np.ndarray:\n    return {_ARRAY.format(numbers=count)}\n"
        "def first(big: np.ndarray) -> float:\n    return float(big[0])\n"
    )
    module = _written(folder, "hamilton_large", source)
    built = driver.Builder().with_modules(module).with_cache(path=str(folder / "hamilton")).build()
    return lambda: float(built.execute(["big", "first"])["big"].sum())


def marimo_small(folder: Path, count: int) -> Callable[[], object]:
    cells = [("n0", "", "1"), *((f"n{i}", f"n{i - 1}", f"n{i - 1} + 1") for i in range(1, count))]
    return _marimo(folder, "marimo_chain", cells)


def marimo_large(folder: Path, count: int) -> Callable[[], object]:
    run = _marimo(
        folder, "marimo_large",
        [("big", "np", _ARRAY.format(numbers=count)), ("first", "big", "float(big[0])")],
    )  # fmt: skip

    def run_and_sum() -> object:
        result: Any = run()
        return float(result[1]["big"].sum())

    return run_and_sum


def _marimo(folder: Path, name: str, cells: list[tuple[str, str, str]]) -> Callable[[], object]:
    """An app of cells (name, what it reads, expression), each cached on disk."""
    lines = ["import marimo", "app = marimo.App()", "@app.cell", "def _():"]
    lines += ["    import marimo as mo", "    import numpy as np", "    return mo, np"]
    for made, read, expression in cells:
        lines += ["@app.cell", f"def _({', '.join(filter(None, ['mo', read]))}):"]
        lines += [f"    with mo.persistent_cache({made!r}, save_path={str(folder / 'marimo')!r}):"]
        lines += [f"        {made} = {expression}", f"    return ({made},)"]
    run: Callable[[], object] = _written(folder, name, "\n".join(lines)).app.run
    return run


def _written(folder: Path, name: str, source: str) -> Any:
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


CONTENDERS: dict[str, dict[str, Prepare]] = {
    "ours": {"small": ours_small, "large": ours_large},
    "joblib": {"small": joblib_small, "large": joblib_large},
    "hamilton": {"small": hamilton_small, "large": hamilton_large},
    "marimo": {"small": marimo_small, "large": marimo_large},
}


def main(peer: str, workload: str, count: str, folder: str) -> None:
    if workload == "large":
        importlib.import_module("numpy")  # everybody needs it: its import is nobody's cost
    run = CONTENDERS[peer][workload](Path(folder), int(count))
    figures = []
    for _ in range(2):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        figures.append({"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu})
    print(json.dumps(figures), flush=True)
    os._exit(0)  # what is left behind is the folder, which the benchmark removes


if __name__ == "__main__":
    main(*sys.argv[1:])
