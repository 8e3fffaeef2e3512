"""The ways in which every notebook of the corpus is played; each yields what it found wrong, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect_jupyter.oracle.compare import unstable

from .cells import OracleNotebook, edited, reordered, tasked
from .kernels import LiveKernel
from .play import PlainRun, Player, Result, failed_plainly, judge, judge_values, moving, plainly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLES = 1 / 3
# The order of a set of texts may be the same in two plain runs, and another one in the third.
_LOOKS_MAX = 5
_WORD = re.compile(r"[^\W\d]\w*")
_DEFINED = re.compile(r"^[ \t]*(?:async +def|def|class) +(\w+)|^(\w+) *=.*\blambda\b", re.MULTILINE)
_STATE = frozenset({
    "chdir", "environ", "errstate", "filterwarnings", "open", "plt", "precision", "printoptions", "rand", "randint",
    "randn", "random", "rcParams", "seed", "set_option", "set_printoptions", "shuffle", "simplefilter", "to_csv",
    "warnings",
})  # fmt: skip
# What nobody can keep: values bound to the process, and what was done to the world outside of Python.
_GOOD_REASON = re.compile(
    r"not stored: (?:`\w+` (?:cannot be stored|is an? |holds )|it did |it read and wrote )"
    r"|ran again: (?:`\w+`, which|`[^`]*` is another file)"
)


@dataclass(slots=True)
class Phase:
    """One moment of a play: what was done before it, what differs, and the engine's own counts."""

    name: str
    tasks: int
    fresh: int
    equal: int
    counts: dict[str, int]
    findings: list[str] = field(default_factory=list)
    executed: dict[str, str] = field(default_factory=dict)  # notes by cell, where the phase is about them


@dataclass(slots=True)
class Plains:
    """Plain runs of the texts of one notebook, each made once, one after another in the same folder."""

    folder: Path
    runs: dict[OracleNotebook, PlainRun] = field(default_factory=dict)
    looks: int = 0

    def of(self, notebook: OracleNotebook) -> PlainRun:
        if notebook not in self.runs:
            self.runs[notebook] = plainly(notebook, self.folder, twice=not self.runs)
            self._share_what_is_unstable()
        return self.runs[notebook]

    def look_again(self) -> bool:
        """Runs the first text once more, for what no two plain runs have in common; False when that was done enough."""
        if self.looks == _LOOKS_MAX:
            return False
        self.looks += 1
        notebook, first = next(iter(self.runs.items()))
        again = plainly(notebook, self.folder)
        self.runs[notebook] = PlainRun(
            first.results,
            first.values,
            first.unstable | unstable(first.results.values(), again.results.values()),
            first.unstable_names | moving(first.last, again.last),
        )
        self._share_what_is_unstable()
        return True

    def _share_what_is_unstable(self) -> None:
        """What two runs of the first text do not share, runs of an edited text do not share either."""
        first, *others = self.runs.items()
        for notebook, run in others:
            self.runs[notebook] = PlainRun(run.results, run.values, first[1].unstable, first[1].unstable_names)


def play_all(notebook: OracleNotebook, folder: Path, *, style: str = "both") -> Iterator[Phase]:
    """Play all scenarios on one store, one after another, as a person's days with one notebook would."""
    original = tasked(notebook, style=style)
    plains = Plains(folder / "plains")
    with LiveKernel(folder / "live") as kernel:
        player = Player(original, kernel)

        player.run_all()
        yield judged("run all", player, plains, complete=True)

        player.restart()
        player.run_all()
        again = judged("restart, run all", player, plains, complete=True, cached=True)
        yield again

        if notebook.edit is not None:
            before = player.result()
            player.edit(*notebook.edit)
            yield judged("edited, not run", player, plains)
            player.run_all()
            phase = judged("edit one constant, run all", player, plains, complete=True)
            executed = player.result().executed_since(before)
            findings = phase.findings + executed_needlessly(executed, again, plains, player, notebook.edit[0])
            yield replace(phase, executed=executed, findings=findings)

        for cell_id in notebook.rerun:
            player.run(cell_id)
            yield judged(f"out of order: {cell_id}", player, plains)
        if notebook.rerun:
            player.run_all()
            yield judged("run all after out of order", player, plains, complete=True)

        player.restart()
        if player.forget(_HOLES, seed=len(notebook.cells)) == 0 and again.counts.get("cached"):
            raise AssertionError("the store indexes nothing that could be deleted")
        player.run_all()
        yield judged("holes, run all", player, plains, complete=True)

        if notebook.edit is not None:
            cell_id, old, new = notebook.edit
            player.edit(cell_id, new, old)
            player.run_all()
            yield judged("edit undone, run all", player, plains, complete=True)

        if notebook.order:
            player.order(*notebook.order)
            yield judged("reordered, not run", player, plains)
            player.run_all()
            yield judged("reordered, run all", player, plains, complete=True)
            player.delete(notebook.order[-1])
            player.run_all()
            yield judged("last cell deleted, run all", player, plains, complete=True)


def judged(
    name: str,
    player: Player,
    plains: Plains,
    *,
    complete: bool = False,
    cached: bool = False,
) -> Phase:
    """The judgement of one moment.

    What is fresh must equal the plain run. After a complete run every cell must, whatever is said of it,
    but those that the engine did not run since something above them failed; every task that does not fail
    must be fresh; and the values are compared, since reading them runs nothing then. `cached` asks that
    no task executed again but those marked *always*.
    """
    result = player.result()
    failed = failed_plainly(plains.of(result.notebook))
    tasks = [cell for cell in result.notebook.cells if cell.is_task]
    blocked = {cell.id for cell in tasks if not_run(result, cell.id)}
    blocked |= result.may_lack_draws() if blocked else set()
    trusted = None
    if complete:
        trusted = [cell.id for cell in result.notebook.cells if cell.id not in blocked]
    fresh = result.fresh()
    values = player.values(plains.of(result.notebook).made_by(fresh, result.notebook)) if complete else None
    while True:
        plain = plains.of(result.notebook)
        differences = judge(result, plain, trusted)
        if values is not None:
            differences += judge_values(values, plain, plain.made_by(fresh, result.notebook))
        if not differences or not plains.look_again():
            break
    findings = [str(difference) for difference in differences]
    if complete:
        loose = {cell.id for cell in tasks if cell.always} | failed | blocked | result.excused()
        findings += [
            f"[{cell.id}] is {result.verdict(cell.id) or 'unknown'}, not fresh, after a complete run: "
            f"{result.reasons.get(cell.id, '')}"
            for cell in tasks
            if cell.id not in fresh and cell.id not in loose
        ]
        if blocked and not failed:
            findings.append(f"not run although nothing fails plainly: {sorted(blocked)}")
    executed: dict[str, str] = {}
    if cached:
        executed = result.executed_since()
        allowed = sum(cell.always for cell in result.notebook.cells) + len(failed)
        if result.counts["executed"] > allowed and not result.notebook.published:
            findings.append(f"{result.counts['executed']} tasks executed again, {allowed} may: {result.counts}")
        findings += [
            f"[{cell.id}] executes again: {executed[cell.id] or 'no reason is told'}"
            for cell in tasks
            if cell.id in executed and cell.id not in failed and not cell.always
            if not (result.notebook.published and _GOOD_REASON.match(executed[cell.id]))
        ]
    wrong = {difference.cell for difference in differences}
    return Phase(name, len(tasks), len(fresh), len(tasks) - len(wrong), result.counts, findings, executed)


def executed_needlessly(executed: dict[str, str], again: Phase, plains: Plains, player: Player, cell: str) -> list[str]:
    """Of the tasks that executed after an edit of `cell`: those that cannot depend on it, nor executed unedited."""
    plain = plains.of(player.notebook)
    may = again.executed.keys() | failed_plainly(plain) | dependants(plain, player.notebook, cell)
    return [
        f"[{cell_id}] executed, but has nothing of [{cell}]: {note or 'no reason is told'}"
        for cell_id, note in executed.items()
        if cell_id not in may
    ]


def dependants(plain: PlainRun, notebook: OracleNotebook, edited_cell: str) -> set[str]:
    """The cells that may depend on a cell, by nothing but the words of their texts: more than do, never fewer.

    A cell below hangs on it that has a word which is a name of the notebook and of a cell that hangs on it, in
    its own text or in that of a cell which defines what it mentions; and so does one that has a word of a state
    which no name tells.
    """
    names = {name for values in plain.values.values() for name in values.digests}
    shared = {pair for values in plain.values.values() for pair in values.shared}
    words = {cell.id: set(_WORD.findall(cell.source)) for cell in notebook.cells}
    definers = {name: cell.id for cell in notebook.cells for found in _DEFINED.findall(cell.source) for name in found}
    definers.pop("", None)
    order = [cell.id for cell in notebook.cells]
    below = order[order.index(edited_cell) :]
    touched: set[str] = set()
    found: set[str] = set()
    for cell_id in below:
        mentioned, todo = set(words[cell_id]), list(words[cell_id])
        while todo:
            reached = words[definers[name]] - mentioned if (name := todo.pop()) in definers else set()
            mentioned |= reached
            todo += reached
        mentioned = {name for name in mentioned if name in names or name in _STATE or name.startswith("_")}
        if cell_id == edited_cell or mentioned & touched:
            found.add(cell_id)
            touched |= mentioned
            touched |= {name for pair in shared if not touched.isdisjoint(pair) for name in pair}
    return found


def not_run(result: Result, cell_id: str) -> bool:
    """Did the engine refuse to run this cell because of another one? It says so as an error or on stderr."""
    said = [
        f"{output['ename']}: {output['evalue']}" if output["output_type"] == "error" else output.get("text", "")
        for output in result.outputs[cell_id]
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
    return any(text.startswith(("not run: `", "NotRun: not run: `")) for text in said)


__all__ = ["Phase", "Plains", "edited", "judged", "play_all", "reordered"]
