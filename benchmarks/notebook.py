"""What the extension costs a notebook, in real kernels beside a bare one, in one run.

It prints figures and judges nothing: a shared machine makes absolute times worthless, only ratios count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.kernels import LOAD, Kernel

# What verifying a task consists of: its inputs, its key, its trace with all that this names, and the verdict.
_VERIFICATION = (
    "from benchmarks.stopwatch import Stopwatch; session.watch = Stopwatch();"
    "session.watch.on(type(session.runner), 'see', 'needed'); session.watch.on(type(session.standing), 'settle');"
    "session.watch.on(type(session.inline), 'key', 'look_up', 'expect')"
)


def chain(count: int) -> list[str]:
    """Cells of which each reads what the one before it made. No two chains have a value in common."""
    return [f"n{i} = n{i - 1} + 1" if i else f"n0 = {count * 1_000_000}" for i in range(count)]


def fan(count: int) -> list[str]:
    """One cell, `count` that read what it made, and one that reads all of theirs."""
    middle = [f"m{i} = first + {i}" for i in range(count)]
    return ["first = 1", *middle, f"last = sum(({', '.join(f'm{i}' for i in range(count))}))"]


def tasks(sources: Sequence[str]) -> list[str]:
    return [f"%%task\n{source}" for source in sources]


def arrival(cells: Sequence[str]) -> str:
    """The statement with which a page tells the kernel of a whole document."""
    sources = {"load": LOAD} | {f"c{i}": source for i, source in enumerate(cells)}
    return f"session.update_document({list(sources)!r}, {sources!r})"


def load(folder: Path, rounds: int) -> None:
    """`%load_ext`, each time in a new kernel."""
    loads, empty = [], []
    for _ in range(rounds + 1):
        with Kernel(folder, extension=False) as kernel:
            kernel.run("pass", "first")
            empty.append(kernel.run("pass", "second"))
            loads.append(kernel.run(LOAD, "load"))
    del loads[0], empty[0]  # the first one compiles the package
    print(f"%load_ext prefect_jupyter in a new kernel: {statistics.median(loads) - statistics.median(empty):.0f} ms")
    print()


def cells(folder: Path, count: int) -> None:
    """A document of `count` cells, run from the top beside a bare kernel that runs the same code."""
    plain = chain(count)
    with ExitStack() as kernels:
        bare = kernels.enter_context(Kernel(folder, extension=False))

        def turns(title: str, texts: Sequence[str], *, page: bool = True) -> None:
            with Kernel(folder) as kernel:
                if page:
                    kernel.ms(arrival(texts))
                id_of: Callable[[int], str | None] = (lambda i: f"c{i}") if page else (lambda i: None)
                pairs = [(bare.run(plain[i], id_of(i)), kernel.run(texts[i], id_of(i))) for i in range(count)]
                show(title, pairs)
                if page:
                    again = [(bare.run(plain[0], "c0"), kernel.run(texts[0], "c0")) for _ in range(9)]
                    show("  its first cell again", again)

        print(f"{count} cells, each of which reads what the one before it made")
        print(f"  {'ms a cell':<28} {'bare':>8} {'with us':>8} {'more':>8} {'ratio':>8} {'Run All, s':>12}")
        turns("plain cells", plain)
        turns("plain cells without a page", plain, page=False)
        turns("tasks that run", tasks(plain))
        turns("tasks from the store", tasks(plain))
        turns("the same without a page", tasks(plain), page=False)
        print()


def show(title: str, pairs: Sequence[tuple[float, float]]) -> None:
    """One line: the medians of what a bare kernel and ours took for the same cells, and the sum of ours."""
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(mine - theirs for theirs, mine in pairs)
    total_s = sum(mine for _, mine in pairs) / 1000
    print(f"  {title:<28} {bare:>8.2f} {ours:>8.2f} {more:>8.2f} {ours / bare:>8.2f} {total_s:>12.2f}")


def unchanged(folder: Path, count: int) -> None:
    """Tasks that a store knows, in new kernels: the document arrives, is planned, and brought up to date."""
    print(f"{count} unchanged tasks in a new kernel, ms for all of them")
    print(f"  {'':<28} {'document':>10} {'plan':>10} {'verify':>10} {'run':>10} {'plan again':>10}")
    for title, texts in {"chain": tasks(chain(count)), "one to many to one": tasks(fan(count - 2))}.items():
        figures = []
        for _ in range(4):
            with Kernel(folder) as kernel:
                arrive_ms = kernel.ms(arrival(texts))
                plan_ms = kernel.ms("session.plan()")
                kernel.ms(_VERIFICATION)
                run_ms = kernel.ms("session.run()")
                verify_ms = kernel.ask("session.watch.seconds * 1000")
                figures.append((arrive_ms, plan_ms, verify_ms, run_ms, kernel.ms("session.plan()")))
                counts = kernel.ask("session.counts()")
        assert counts["cached"] == count, counts
        del figures[0]  # the first one fills the store
        medians = (statistics.median(times) for times in zip(*figures, strict=True))
        print(f"  {title:<28} " + " ".join(f"{ms:>10.1f}" for ms in medians))
    print()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100, 1_000], help="cells of each document")
    parser.add_argument("--unchanged", type=int, nargs="+", default=[1_000], help="tasks that a store knows already")
    parser.add_argument("--rounds", type=int, default=5, help="new kernels that load the extension (default: 5)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        load(Path(folder), options.rounds)
        for count in options.cells:
            cells(Path(folder), count)
        for count in options.unchanged:
            unchanged(Path(folder), count)


if __name__ == "__main__":
    main()
