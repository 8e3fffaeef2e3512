"""Plays a script in a kernel of this process, and says after each step what breaks the contract."""

from __future__ import annotations

import ast
import contextlib
import random
import re
import sqlite3
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.oracle.cells import OracleCell, OracleNotebook, with_source
from tests.oracle.play import Result, judge, judge_values

from .bare import body_of
from .grammar import FIRST, MODULE, Action, Script
from .kernel import Kernel, Page, environment
from .oracle import Oracle, Sequential

_RAN = re.compile(r"^ran\(", re.MULTILINE)
# Where a task has changed what a plain cell made, that cell has to run again first.
_CHANGES = re.compile(r"append|M \+=")
Semantic = tuple[str, int, tuple[str, ...]]


class Fault(Exception):  # noqa: N818 - what a user's body raises by bad luck
    """A body fails once."""


@dataclass
class Play:
    """One script under way. `seen` are the runs that must be hits from now on, `ever` all that were stored."""

    script: Script
    folder: Path
    oracle: Oracle
    page: Page = field(init=False)
    kernel: Kernel = field(init=False)
    seen: set[Semantic] = field(default_factory=set)
    ever: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    past: list[OracleNotebook] = field(default_factory=list)
    steps: int = 0
    made: int = 0
    faulted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        cells = (OracleCell("c0", FIRST), *(OracleCell(f"c{n}", s) for n, s in enumerate(self.script.sources, 1)))
        self.page = Page(OracleNotebook("model", cells))
        (self.folder / "work").mkdir(parents=True)
        (self.folder / "work" / "helpers.py").write_text(MODULE.format(n=2), encoding="utf-8")
        self.kernel = Kernel(self.page, self.folder)

    # --- a step

    def go(self) -> list[str]:
        """Plays to the end, or to the first thing that is wrong, which is returned."""
        try:
            for action in (("run all", 0, ""), *self.script.actions, ("look", 0, "")):
                found = self.step(action)
                if found:
                    where = f"after step {self.steps} {action}:"
                    return [where, *found, "", _text(self.page.notebook)]
        finally:
            self.kernel.close()
        return []

    def step(self, action: Action) -> list[str]:
        self.steps += 1
        before = len(self.page.bodies)
        results = dict(self.kernel.session.runner.results)
        forced, whole = self._act(action)
        return [
            *self._broken_rules(),
            *self._differences(),
            *self._needless(before, forced),
            *self._unearned(results),
            *(self._cone(before) if whole else ()),
            *(self._differing_values() if action[0] == "look" else ()),
        ]

    def _act(self, action: Action) -> tuple[set[str], bool]:
        """Does it. Returns the cells that it forces, and whether all were to be brought up to date."""
        verb, number, text = action
        ids = self.page.ids()
        cell_id = ids[number % len(ids)]
        at = ids.index(cell_id)
        tasks = [cell.id for cell in self.page.notebook.cells if cell.is_task]
        is_task = cell_id in tasks
        kernel = self.kernel
        if verb in ("edit", "edit and run", "insert", "delete", "move", "comment", "rename"):
            self.past.append(self.page.notebook)
        match verb:
            case "run":
                kernel.run_cell(cell_id)
            case "run all":
                self._run_all(kernel)
                return set(), True
            case "edit" | "edit and run" if at or not self.script.wild:
                self._write(cell_id, text)
                if verb == "edit and run":
                    kernel.run_cell(cell_id)
            case "comment":
                self._write(cell_id, f"{self.page.notebook.cell(cell_id).source}\n\n# {number}")
            case "rename" if is_task:
                first, _, body = self.page.notebook.cell(cell_id).source.partition("\n")
                words = [word for word in first.split() if word.startswith(("%%", "#|", "task:", "--", "1"))]
                self._write(
                    cell_id, f"{' '.join([*words[: _HEAD[words[0]]], text, *words[_HEAD[words[0]] :]])}\n{body}"
                )
            case "insert":
                self.made += 1
                cells = list(self.page.notebook.cells)
                cells.insert(at + 1, OracleCell(f"n{self.made}", text))
                self.page.notebook = replace(self.page.notebook, cells=tuple(cells))
            case "delete" if at:
                self._order([one for one in ids if one != cell_id])
            case "move" if at:
                other = max(1, at - 1) if text == "up" else min(len(ids) - 1, at + 1)
                ids[at], ids[other] = ids[other], ids[at]
                self._order(ids)
            case "undo" if self.past:
                self.page.notebook = self.past.pop()
            case "restart":
                kernel.close()
                self.kernel = Kernel(self.page, self.folder)
            case "press run":
                return set(), kernel.press("run") and not _CHANGES.search(str(self.script))
            case "press run one" if is_task:
                kernel.press("run", cell_id)
            case "rerun" if is_task:
                kernel.press("rerun", cell_id)
                return {cell_id}, False
            case "run from" if is_task:
                kernel.press("run_from", cell_id)
                return set(tasks), False
            case "retry failed":
                kernel.press("retry_failed")
                return set(tasks), False
            case "fault" if is_task and _RAN.search(self.page.notebook.cell(cell_id).source):
                self._plan_fault(cell_id, text)
                kernel.run_cell(cell_id)
                self.page.faults.clear()
                return {cell_id}, False
            case "forget":
                self._damage(number, "forget")
            case "corrupt":
                self._damage(number, "corrupt")
            case "second kernel":
                self._visit()
            case "edit module":
                # What is loaded stays loaded; a person who edits a module restarts.
                (self.folder / "work" / "helpers.py").write_text(text, encoding="utf-8")
                kernel.close()
                self.kernel = Kernel(self.page, self.folder)
        return set(), False

    def _run_all(self, kernel: Kernel) -> None:
        for cell_id in kernel.page.ids():
            kernel.run_cell(cell_id)

    def _write(self, cell_id: str, source: str) -> None:
        self.page.notebook = with_source(self.page.notebook, cell_id, source)

    def _order(self, ids: Sequence[str]) -> None:
        cells = tuple(self.page.notebook.cell(cell_id) for cell_id in ids)
        self.page.notebook = replace(self.page.notebook, cells=cells)

    def _plan_fault(self, cell_id: str, kind: str) -> None:
        def fault() -> None:
            if kind == "raise":
                raise Fault("once")
            if kind == "interrupt":
                raise KeyboardInterrupt
            self.kernel.session.cancel()

        self.page.faults[cell_id] = fault

    def _damage(self, seed: int, how: str) -> None:
        """A random third of the store is gone, or its bytes are others."""
        self.seen.clear()
        index = next((self.folder / "store").glob("index-*.sqlite"), None)
        if index is None:
            return
        chance = random.Random(seed)
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as store:
            for table, column in (("traces", "number"), ("records", "reference")):
                rows = store.execute(f"SELECT {column}, entry FROM {table} ORDER BY {column}").fetchall()
                for row, entry in chance.sample(rows, -(-len(rows) // 3)):
                    if how == "forget":
                        store.execute(f"DELETE FROM {table} WHERE {column} = ?", [row])
                        continue
                    damaged = bytearray(entry)
                    damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
                    store.execute(f"UPDATE {table} SET entry = ? WHERE {column} = ?", [bytes(damaged), row])

    def _visit(self) -> None:
        """Somebody opens the notebook a second time, runs it, and closes it."""
        self.kernel.sleep()
        mine = self.kernel, self.page
        try:
            self.page = Page(mine[1].notebook)
            self.kernel = Kernel(self.page, self.folder)
            try:
                self._run_all(self.kernel)
                found = [f"in the second kernel: {text}" for text in (*self._differences(), *self._needless(0, set()))]
            finally:
                self.kernel.close()
            mine[0].broken_rules += found
        finally:
            self.kernel, self.page = mine
            self.kernel.wake()

    # --- what must hold

    def _plain(self) -> Sequential:
        return self.oracle.run(self.page.notebook, self.kernel.work)

    def _result(self) -> Result:
        self.kernel.tell()
        shown = {cell_id: _without_notices(self.page.shown[cell_id].outputs) if cell_id in self.page.shown else []
                 for cell_id in self.page.ids()}  # fmt: skip
        verdicts = {cell: verdict for cell, (_, verdict) in self.kernel.states().items()}
        return Result(self.page.notebook, shown, {}, verdicts, verdicts_by_id=True)

    def _broken_rules(self) -> list[str]:
        broken, self.kernel.broken_rules = self.kernel.broken_rules, []
        return broken

    def _differences(self) -> list[str]:
        """What is fresh shows what a plain run shows."""
        return [str(difference) for difference in judge(self._result(), self._plain().plain)]

    def _differing_values(self) -> list[str]:
        result, plain = self._result(), self._plain().plain
        names = plain.made_by(result.fresh(), result.notebook)
        if not names:
            return []
        actual = self.kernel.values(names)
        found = judge_values(actual, plain, names & actual.digests.keys())
        return [*(str(difference) for difference in found), *self._differences()]

    def _needless(self, before: int, forced: set[str]) -> list[str]:
        """A task runs if what it would see was not seen before, or its result is lost; else it is a hit."""
        found = []
        for body in self.page.bodies[before:]:
            if body.cell not in self.page.ids() or not self.page.notebook.cell(body.cell).is_task:
                continue
            semantic = self._semantic(body.cell, (*body.saw, body.shared))
            if semantic in self.seen and body.cell not in forced and not self.script.wild and self._is_plainly_run():
                found.append(f"[{body.cell}] ran again, although nothing that it reads was new")
            result = self.kernel.session.runner.results.get(body.cell)
            is_kept = result is not None and result.error is None and not result.uncached
            if is_kept and self.kernel.session.standing.verdict(body.cell).is_fresh:
                self.seen.add(semantic)
            self.ever.add((semantic[0], body.saw))
        return found

    def _unearned(self, before: dict[str, object]) -> list[str]:
        """What is called cached has run before, and saw the same."""
        found: list[str] = []
        if self.script.wild:  # what such bodies see is not all told
            return found
        saw = self._plain().saw
        for cell, (state, verdict) in self.kernel.states().items():
            result = self.kernel.session.runner.results.get(cell)
            is_new = result is not None and result is not before.get(cell) and result.cached
            if not is_new or state != "Cached" or verdict != "fresh" or saw.get(cell) is None:
                continue
            if (_code(self.page.notebook.cell(cell).source), saw[cell]) not in self.ever:
                found.append(f"[{cell}] is called cached, but never ran on what it would read")
        return found

    def _is_plainly_run(self) -> bool:
        """Where a plain cell has not run as it stands, tasks below it may meet what it left before, again and again."""
        standing = self.kernel.session.standing
        return all(cell.is_task or standing.verdict(cell.id).is_fresh for cell in self.page.notebook.cells)

    def _semantic(self, cell_id: str, saw: tuple[str, ...]) -> Semantic:
        code = _code(self.page.notebook.cell(cell_id).source)
        above = self.page.notebook.cells[: self.page.ids().index(cell_id)]
        return code, Counter(_code(cell.source) for cell in above)[code], saw

    def _cone(self, before: int) -> list[str]:
        """After everything was run: what fails is what fails plainly, and not run is what needs that, nothing else."""
        first, *cells = self.page.notebook.cells
        if self.script.wild or first.is_task or any(not cell.is_task for cell in cells):
            return []
        plain, states, standing = self._plain(), self.kernel.states(), self.kernel.session.standing
        graph = standing.graph
        if graph.problems or not standing.verdict(first.id).is_fresh:
            return []
        started = {body.cell for body in self.page.bodies[before:]}
        found, bad = [], set()
        for cell in cells:
            state, verdict = states[cell.id]
            blocked = any(above in bad for above in graph.upstream(cell.id))
            expected = (
                ("TriggerFailed",) if blocked else ("Failed",) if plain.raises(cell.id) else ("Success", "Cached")
            )
            if blocked or plain.raises(cell.id):
                bad.add(cell.id)
            if expected[0] == "Failed" and verdict != "fresh":
                continue  # it read what a cell that is no more left behind, and says so
            if state not in expected:
                found.append(f"[{cell.id}] is {state} after everything was run, not {' or '.join(expected)}")
            elif (verdict == "fresh") != (expected[0] == "Success"):
                found.append(f"[{cell.id}] is {state} and {verdict} after everything was run")
            if blocked and cell.id in started:
                found.append(f"[{cell.id}] ran although it needs what failed")
        return found


def _without_notices(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A damaged store is told in whatever cell meets it, once."""
    return [output for output in outputs if not str(output.get("text", "")).startswith("prefect_jupyter: In the cache")]


_HEAD = {"%%task": 1, "#|": 2}


def _code(source: str) -> str:
    """The code without comments, blank lines and header."""
    return ast.dump(ast.parse(body_of(source)))


def _text(notebook: OracleNotebook) -> str:
    return "\n".join(f"--- {cell.id}\n{cell.source}" for cell in notebook.cells)


@contextlib.contextmanager
def playing() -> Iterator[Oracle]:
    oracle = Oracle()
    try:
        yield oracle
    finally:
        oracle.close()


def play(script: Script, oracle: Oracle) -> tuple[list[str], int]:
    """What is wrong with a play, and how many steps it took to find that."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder, environment(Path(folder)):
        one = Play(script, Path(folder), oracle)
        try:
            return one.go(), one.steps
        except Exception as error:
            last = traceback.format_exception(error)[-8:]
            return [f"after step {one.steps}:", f"] {type(error).__name__} in the engine", *last], one.steps


def shrunk(script: Script, oracle: Oracle, seconds: float) -> Script:
    """A shorter script that still goes wrong, as far as the time allows."""
    until = time.monotonic() + seconds
    kind = _kind(play(script, oracle)[0])
    parts = ("actions", "sources")
    is_shorter = True
    while is_shorter and time.monotonic() < until:
        is_shorter = False
        for part in parts:
            size = max(1, len(getattr(script, part)) // 2)
            while size and time.monotonic() < until:
                start = 0
                while start < len(getattr(script, part)) and time.monotonic() < until:
                    items = getattr(script, part)
                    less = replace(script, **{part: items[:start] + items[start + size :]})
                    if _kind(play(less, oracle)[0]) == kind:
                        script, is_shorter = less, True
                    else:
                        start += size
                size //= 2
    return script


def _kind(found: Sequence[str]) -> str:
    """What is wrong in general words."""
    return re.sub(r"[^a-z ]+.*", "", found[1].partition("] ")[2]) if found else ""
