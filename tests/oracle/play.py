"""Plays a notebook in a real kernel by a script of clicks, and judges what is marked fresh by a plain run."""

from __future__ import annotations

import contextlib
import json
import random
import re
import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prefect_jupyter.oracle.compare import Difference, Place, differences, unstable
from prefect_jupyter.oracle.plain import PlainCell, PlainResult, run_plainly

from .cells import OracleNotebook, edited, reordered, tasked, with_source
from .kernels import LOAD_CELL, PROBE, PROBE_SETUP, LiveKernel, Values, environment, values_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_TASK_NAME = re.compile(r"\A\s*(?:%%task|#\s?\|\s*task:)[ \t]+(\w+)")
_LASTING = re.compile(r"^it uses `_|^needs `[^`]*`, which (is stale: )?failed: ")
_PLAIN_TIMEOUT_S = 300.0


# ---- the plain side


@dataclass(frozen=True, slots=True)
class PlainRun:
    """A plain run of a notebook: what each cell showed and the names' values after it."""

    results: dict[str, PlainResult]
    values: dict[str, Values]
    unstable: frozenset[Place] = frozenset()
    unstable_names: frozenset[str] = frozenset()

    @property
    def last(self) -> Values:
        return list(self.values.values())[-1] if self.values else Values()

    def makers(self) -> dict[str, str]:
        """For each name at the end, the last cell that bound or changed it."""
        found: dict[str, str] = {}
        before: dict[str, str] = {}
        for cell_id, values in self.values.items():
            found.update({name: cell_id for name, digest in values.digests.items() if before.get(name) != digest})
            before = values.digests
        return {name: cell_id for name, cell_id in found.items() if name in before}

    def made_by(self, cells: Iterable[str], notebook: OracleNotebook) -> set[str]:
        """The names whose final values these cells answer for, without those that no two plain runs share.

        A cell may bind a name to the value that it has: from the last change on, every cell whose text
        has the name must be one of these.
        """
        trusted = set(cells)
        order = [cell.id for cell in notebook.cells]
        return {
            name
            for name, maker in self.makers().items()
            if name not in self.unstable_names
            and all(
                cell.id in trusted or not re.search(rf"\b{name}\b", cell.source)
                for cell in notebook.cells[order.index(maker) :]
            )
            and maker in trusted
        }


def plainly(notebook: OracleNotebook, folder: Path, *, twice: bool = False) -> PlainRun:
    """Run the notebook plainly in `folder`; `twice` finds what no two plain runs have in common.

    The second run finds the files that the first one left, as a second kernel on the same notebook does.
    """
    runs = []
    place = folder / "work"
    place.mkdir(parents=True, exist_ok=True)
    for _ in range(1 + twice):
        cells = [PlainCell(cell.id, cell.source) for cell in notebook.cells]
        runs.append(
            run_plainly(cells, place, _PLAIN_TIMEOUT_S, env=environment(place.parent), setup=PROBE_SETUP, probe=PROBE)
        )
    runs = [[replace(result, outputs=without_place(result.outputs, place)) for result in run] for run in runs]
    results = {result.id: result for result in runs[0]}
    values = {result.id: values_from(result.probed) for result in runs[0]}
    first = PlainRun(results, values)
    if not twice:
        return first
    again = values_from(runs[1][-1].probed)
    return PlainRun(results, values, unstable(*runs), moving(first.last, again))


def moving(first: Values, again: Values) -> frozenset[str]:
    """The names whose values two plain runs do not share."""
    return frozenset(name for name, digest in first.digests.items() if again.digests.get(name) != digest)


def without_place(outputs: Sequence[dict[str, Any]], place: Path) -> list[dict[str, Any]]:
    """Outputs in which the folder that a notebook ran in has no name: a warning tells in which file it arose."""
    escaped = json.dumps(str(place))[1:-1]
    return list(json.loads(json.dumps(list(outputs)).replace(escaped, "(work)")))


# ---- the live side


@dataclass(slots=True)
class Result:
    """The page and the kernel at one moment: the notebook as it stands, and what the engine says of it."""

    notebook: OracleNotebook
    outputs: dict[str, list[dict[str, Any]]]
    counts: dict[str, int]
    verdicts: dict[str, str]
    verdicts_by_id: bool = False
    runs: dict[str, tuple[float, str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def executed_since(self, before: Result | None = None) -> dict[str, str]:
        """The tasks that executed in this kernel, after the page was as `before`: the note of each by its cell."""
        known = before.runs if before is not None else {}
        return {cell: note for cell, (at, note) in self.runs.items() if known.get(cell, (0.0, ""))[0] != at}

    def excused(self) -> set[str]:
        """The tasks that are not fresh for a reason that no complete run takes away, and that say so.

        They have to do with `_`, or may have to do with what failed.
        """
        return {cell_id for cell_id, reason in self.reasons.items() if _LASTING.search(reason)}

    def may_lack_draws(self) -> set[str]:
        """The tasks of which the engine says that one above them, which could not run, may draw random numbers."""
        return {cell_id for cell_id, reason in self.reasons.items() if reason.endswith("may draw random numbers")}

    def verdict(self, cell_id: str) -> str:
        """What the engine says of the task in a cell, "" when it is none."""
        if self.verdicts_by_id:
            return self.verdicts.get(cell_id, "")
        named = _TASK_NAME.match(self.notebook.cell(cell_id).source)
        return self.verdicts.get(named[1], "") if named else ""

    def fresh(self) -> list[str]:
        return [cell.id for cell in self.notebook.cells if self.verdict(cell.id) == "fresh"]


@dataclass(slots=True)
class Player:
    """A person at a page: edits text, runs cells in any order, restarts; the page tells the kernel its text.

    `by_id` asks for the verdicts by cell, for notebooks whose tasks have no names of their own.
    """

    notebook: OracleNotebook
    kernel: LiveKernel
    told: tuple[tuple[str, str], ...] = field(default=())
    by_id: bool = False

    def run(self, *cell_ids: str) -> None:
        for cell_id in cell_ids:
            self.tell()
            self.kernel.run_cell(cell_id, self.notebook.cell(cell_id).source)

    def run_all(self) -> None:
        self.run(*(cell.id for cell in self.notebook.cells))

    def edit(self, cell_id: str, old: str, new: str) -> None:
        self.notebook = edited(self.notebook, cell_id, old, new)

    def write(self, cell_id: str, source: str) -> None:
        self.notebook = with_source(self.notebook, cell_id, source)

    def order(self, *cell_ids: str) -> None:
        """Move the cells into this order; those not named are deleted."""
        self.notebook = reordered(self.notebook, cell_ids)

    def delete(self, *cell_ids: str) -> None:
        self.order(*(cell.id for cell in self.notebook.cells if cell.id not in cell_ids))

    def restart(self) -> None:
        self.kernel.restart()
        self.told = ()

    def press(self, verb: str, *cell_ids: str) -> None:
        """Press a button of the panel: `run`, `rerun`, `run_from`, `retry_failed`."""
        self.tell()
        self.kernel.press(verb, list(cell_ids))

    def tell(self) -> None:
        """What a page sends, debounced, after each change and before an execution."""
        text = tuple((cell.id, cell.source) for cell in self.notebook.cells)
        if self.kernel.extension and text != self.told:
            order = [LOAD_CELL, *(cell_id for cell_id, _ in text)]
            self.kernel.command("document", order=order, sources=dict(text))
            self.told = text

    def forget(self, share: float, seed: int) -> int:
        """Make holes in the store: delete a random share of what it indexes. Returns how many rows went."""
        index = next((self.kernel.folder / "store").rglob("index-*.sqlite"), None)
        if index is None:
            return 0
        chance = random.Random(seed)
        gone = 0
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as store:
            for table, column in (("traces", "number"), ("records", "reference")):
                rows = [row for (row,) in store.execute(f"SELECT {column} FROM {table} ORDER BY {column}")]
                chosen = chance.sample(rows, min(len(rows), max(1, round(len(rows) * share))))
                store.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(row,) for row in chosen])
                gone += len(chosen)
        return gone

    def result(self) -> Result:
        """The page as it is now. Nothing is run for it."""
        self.tell()
        if self.kernel.extension:
            self.kernel.command("snap")
        return Result(
            self.notebook,
            {cell.id: without_place(self.kernel.shown(cell.id), self.kernel.work) for cell in self.notebook.cells},
            self.kernel.session("counts()") if self.kernel.extension else {},
            self._verdicts(),
            self.by_id,
            self._runs(),
            self._reasons(),
        )

    def values(self, names: Iterable[str]) -> Values:
        """What names hold at the end of the page, for a cell that reads them and that is deleted again."""
        if not names:
            return Values()
        found = self.kernel.values(names, [cell.id for cell in self.notebook.cells])
        self.told = ()
        return found

    def _runs(self) -> dict[str, tuple[float, str]]:
        """When each task that executed in this kernel last did so, and what the engine notes of it."""
        if not self.kernel.extension:
            return {}
        rows = "[(node.cell, row.state, row.started_ms, row.note) for node, row in {session}.view().tasks()]"
        ended = ("Success", "Failed")
        return {cell: (at or 0.0, note) for cell, state, at, note in self.kernel.asked(rows) if state in ended}

    def _reasons(self) -> dict[str, str]:
        """Why each task is not fresh, by the id of its cell, "" where it is."""
        if not self.kernel.extension:
            return {}
        return dict(self.kernel.asked("[(node.cell, row.reason) for node, row in {session}.view().tasks()]"))

    def _verdicts(self) -> dict[str, str]:
        if not self.kernel.extension:
            return {}
        if not self.by_id:
            return dict(self.kernel.session("verdicts()"))
        # What every view shows, by the id of the cell.
        rows = self.kernel.asked("[(node.cell, row.verdict) for node, row in {session}.view().tasks()]")
        return dict(rows)


def play(notebook: OracleNotebook, folder: Path, script: Sequence[Callable[[Player], object]]) -> Result:
    """Play a script on a notebook in a new kernel, for example `[Player.run_all, Player.restart, Player.run_all]`."""
    with LiveKernel(folder) as kernel:
        player = Player(notebook, kernel)
        for step in script:
            step(player)
        return player.result()


# ---- the judgement


def judge(result: Result, plain: PlainRun, cells: Iterable[str] | None = None) -> list[Difference]:
    """The outputs of what the engine calls fresh (or, given, of these cells) that differ from the plain run."""
    trusted = set(result.fresh() if cells is None else cells)
    found = []
    for cell in result.notebook.cells:
        if cell.id in trusted:
            expected = plain.results[cell.id].outputs
            found += differences(expected, result.outputs[cell.id], cell=cell.id, ignore=plain.unstable)
    return found


def judge_values(actual: Values, plain: PlainRun, names: Iterable[str]) -> list[Difference]:
    """The names whose values, or whose sharing of storage, differ from the plain run."""
    makers, expected = plain.makers(), plain.last
    found = [
        Difference(
            makers[name],
            f"value of {name}",
            f"{expected.digests[name]}: {expected.texts[name]}",
            f"{actual.digests.get(name, 'absent')}: {actual.texts.get(name, '')}",
        )
        for name in sorted(names)
        if actual.digests.get(name) != expected.digests[name]
    ]
    pairs = {pair for pair in expected.shared ^ actual.shared if set(names) >= set(pair)}
    found += [
        Difference(
            makers[pair[1]],
            f"sharing of {pair[0]} and {pair[1]}",
            "one storage" if pair in expected.shared else "two",
            "one storage" if pair in actual.shared else "two",
        )
        for pair in sorted(pairs)
    ]
    return found


def failed_plainly(plain: PlainRun) -> set[str]:
    """The cells that raise in a plain run."""
    return {
        cell_id
        for cell_id, result in plain.results.items()
        if any(output["output_type"] == "error" for output in result.outputs)
    }


__all__ = [
    "PlainRun", "Player", "Result", "failed_plainly", "judge", "judge_values", "plainly", "play", "tasked",
]  # fmt: skip
