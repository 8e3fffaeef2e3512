"""Ways to break the engine, each with what finds it; every one leaves out one thing that trust rests on.

A mutant is put in place by `pytest.MonkeyPatch`, and what finds it returns what is wrong, in words.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from prefect_jupyter.core import rebuilder, scheduler
from prefect_jupyter.core.events import TaskMoved
from prefect_jupyter.core.run import Run
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.signals import Begin, Ended
from prefect_jupyter.core.states import State
from prefect_jupyter.core.tasks import Retry
from prefect_jupyter.kernel import comparison, inline, runner, surroundings, user_namespace, versions
from prefect_jupyter.runtime import engine
from prefect_jupyter.runtime.stores import opened, seal
from prefect_jupyter.runtime.stores.blobs import Blobs, raw_name
from prefect_jupyter.runtime.stores.filesystem import FileSystem
from prefect_jupyter.runtime.stores.seal import Broken

from .grammar import Action, Script
from .oracle import Oracle
from .play import Play, play

Patch = pytest.MonkeyPatch
Finder = Callable[[Oracle, Path, Patch], list[str]]

ALL: Action = ("run all", 0, "")
LOOK: Action = ("look", 0, "")
RESTART: Action = ("restart", 0, "")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`breaks` puts it in place; `finder` runs with and without it."""

    name: str
    breaks: Callable[[Patch], None]
    finder: Finder


def plays(*sources: str, then: tuple[Action, ...]) -> Finder:
    """A play with these cells below the first, and these actions after everything was run."""
    return lambda oracle, folder, patch: play(Script(0, sources, then, wild=True), oracle)[0]


def tame(*sources: str, then: tuple[Action, ...]) -> Finder:
    """Like `plays`, with every execution accounted for."""
    return lambda oracle, folder, patch: play(Script(0, sources, then), oracle)[0]


# ---- the key

Key = Callable[[str, int, Mapping[str, str], str], str]


def _key(change: Callable[[Key], Key]) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(inline, "key_of", change(rebuilder.key_of))


def _runs_again_after(name: str, owner: Any, value: object) -> Finder:
    """What another Python, or another layout of the key, has stored is not used."""

    def finder(oracle: Oracle, folder: Path, patch: Patch) -> list[str]:
        one = Play(Script(0, ("%%task\nran(a)\nb = a + 1",), ()), folder, oracle)
        try:
            one.step(ALL)
            with patch.context() as other:
                other.setattr(owner, name, value)
                one.step(RESTART)
                one.step(ALL)
            return [] if len(one.page.bodies) == 2 else [f"{len(one.page.bodies)} executions"]
        finally:
            one.kernel.close()

    return finder


def _each_runs(oracle: Oracle, folder: Path, patch: Patch) -> list[str]:
    """Two cells with the same words are two tasks: each draws its own."""
    one = Play(Script(0, ("%%task\nran()\nb = open('/dev/urandom', 'rb').read(4)",) * 2, ()), folder, oracle)
    try:
        for cell_id in one.page.ids():
            one.kernel.run_cell(cell_id)
        started = [body.cell for body in one.page.bodies]
        return [] if started == ["c1", "c2"] else [f"only {started} ran"]
    finally:
        one.kernel.close()


# ---- traces


def _forgetting(field: str) -> Callable[[Patch], None]:
    """Nothing of what a run discovered is known when its trace is read again."""

    def breaks(patch: Patch) -> None:
        patch.setattr(opened, "decode", lambda content, decode=opened.decode: replace(decode(content), **{field: {}}))

    return breaks


# ---- the store


def _tampered(oracle: Oracle, folder: Path, patch: Patch) -> list[str]:
    """Somebody writes another value into the store, which must not come out of it."""
    one = Play(Script(0, ("%%task\nb = 'what it was'",), ()), folder, oracle)
    try:
        one.step(ALL)
        index = next((folder / "store").glob("index-*.sqlite"))
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as store:
            for reference, entry in store.execute("SELECT reference, entry FROM records").fetchall():
                forged = entry.replace(b"what it was", b"what is not")
                store.execute("UPDATE records SET entry = ? WHERE reference = ?", [forged, reference])
        one.step(RESTART)
        one.step(ALL)
        return one.step(LOOK)
    finally:
        one.kernel.close()


def _no_seal(patch: Patch) -> None:
    patch.setattr(seal.hmac, "compare_digest", lambda one, other: True)


def _torn(oracle: Oracle, folder: Path, patch: Patch) -> list[str]:
    """A writer dies in the middle of a file: the next one makes the file anew."""

    class Dying(FileSystem):
        def write_part(self, descriptor: int, part: memoryview) -> None:
            raise SystemExit

        def remove(self, path: Path) -> None:
            """The dead tidy nothing up."""

    content = [b"x" * 100_000]
    name = raw_name(content)
    with contextlib.suppress(SystemExit):
        Blobs(folder, Dying()).put(name, content)
    blobs = Blobs(folder, FileSystem())
    blobs.put(name, content)
    try:
        return [] if bytes(blobs.get(name, 100_000, is_stream=False)) == content[0] else ["other bytes"]
    except Broken as broken:
        return [f"a value {broken}"]


def _in_place_of_rename(patch: Patch) -> None:
    class Named(Path().__class__):  # type: ignore[misc]
        """A path whose drafts have the final name."""

        def with_name(self, name: str) -> Path:
            return Path(self) if name.startswith("draft-") else super().with_name(name)

    patch.setattr(Blobs, "_path", lambda self, name: Named(self._folder / name[:2] / name))
    patch.setattr(FileSystem, "rename", lambda self, old, new: None)


# ---- the scheduler


def _without_an_end(patch: Patch) -> None:
    def step(run: Run, signal: Any) -> Any:
        events, actions = scheduler.step(run, signal)
        ends = [event for event in events if isinstance(event, TaskMoved) and event.state is State.Success]
        return [event for event in events if event not in ends], actions

    patch.setattr(engine, "step", step)


def _late_report(oracle: Oracle, folder: Path, patch: Patch) -> list[str]:
    """The first attempt reports once more while the second runs."""
    run = Run()
    scheduler.step(
        run, Begin(0.0, (RunTask("a", (), "all_successful", Retry(retries=1), "a"),), frozenset(), frozenset())
    )
    scheduler.step(run, Ended(1.0, "a", 1, State.Failed, "", None))
    scheduler.step(run, scheduler.Tick(100.0))
    assert (run.tasks["a"].state, run.tasks["a"].attempt) == (State.Running, 2)
    scheduler.step(run, Ended(101.0, "a", 1, State.Success, "", None))
    return [] if run.tasks["a"].state is State.Running else [f"a is {run.tasks['a'].state.name}"]


def _any_attempt(patch: Patch) -> None:
    ended = scheduler._ended

    def unguarded(run: Run, signal: Ended, events: list[Any]) -> None:
        row = run.tasks[signal.task]
        ended(run, signal._replace(attempt=row.attempt), events)

    patch.setattr(scheduler, "_ended", unguarded)


# ---- values


def _never_equal(patch: Patch) -> None:
    number = itertools.count()
    fingerprint = user_namespace.UserNamespace.take_fingerprint

    def unique(self: Any, version: Any) -> None:
        fingerprint(self, version)
        version.fingerprint = f"{version.fingerprint}-{next(number)}"

    patch.setattr(user_namespace.UserNamespace, "take_fingerprint", unique)


def _nothing_reached(patch: Patch) -> None:
    fingerprint = user_namespace.UserNamespace.take_fingerprint

    def alone(self: Any, version: Any) -> None:
        fingerprint(self, version)
        version.reach = frozenset()

    patch.setattr(user_namespace.UserNamespace, "take_fingerprint", alone)


def _as_last_stored(patch: Patch) -> None:
    """A name is what the nearest cell above has stored, even if that cell only stored it along with another."""

    def seen_by(self: Any, cell: str, name: str) -> Any:
        for writer in self.writers_above(cell, name):
            made = self.made.get(writer)
            if made is None or name in made:
                return writer if made is None else made[name]
        return None

    patch.setattr(versions.Versions, "seen_by", seen_by)


def _set(owner: Any, name: str, value: object) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(owner, name, value)


MUTANTS = (
    Mutant(
        "the key has no code",
        _key(lambda key: lambda digest, ordinal, inputs, python: key("", ordinal, inputs, python)),
        tame("%%task\nran()\nb = 5", then=(("edit and run", 1, "%%task\nran()\nb = 4"), ALL)),
    ),
    Mutant(
        "the key has no ordinal",
        _key(lambda key: lambda digest, ordinal, inputs, python: key(digest, 0, inputs, python)),
        _each_runs,
    ),
    Mutant(
        "the key has no inputs",
        _key(lambda key: lambda digest, ordinal, inputs, python: key(digest, ordinal, {}, python)),
        tame("%%task\nran()\nb = 5", "%%task\nran(b)\nc = b", then=(("edit", 1, "%%task\nran()\nb = 4"), ALL)),
    ),
    Mutant(
        "the key has the names of inputs only",
        _key(lambda key: lambda digest, rank, inputs, python: key(digest, rank, dict.fromkeys(inputs, ""), python)),
        tame("%%task\nran()\nb = 5", "%%task\nran(b)\nc = b", then=(("edit", 1, "%%task\nran()\nb = 4"), ALL)),
    ),
    Mutant(
        "the key has no version of Python",
        _key(lambda key: lambda digest, ordinal, inputs, python: key(digest, ordinal, inputs, "")),
        _runs_again_after("PYTHON", inline, "3.99"),
    ),
    Mutant(
        "the key has no schema",
        _key(lambda key: lambda digest, ordinal, inputs, python: _without_schema(key, digest, ordinal, inputs, python)),
        _runs_again_after("SCHEMA", rebuilder, 999),
    ),
    Mutant(
        "process-wide state that was read is no input",
        _forgetting("ambient_in"),
        plays(
            "%%task\nrandom.seed(1)",
            "%%task\nb = random.randrange(999)\nb",
            then=(("edit", 1, "%%task\nrandom.seed(2)"), ALL, RESTART, ALL, ("undo", 0, ""), ALL),
        ),
    ),
    Mutant(
        "files that were read are no inputs",
        _forgetting("files_in"),
        plays("%%task\nprint(open('helpers.py').read())", then=(("edit module", 0, "FACTOR = 7"), ALL)),
    ),
    Mutant(
        "names that share what is changed are no inputs",
        _forgetting("shared_in"),
        plays(
            "%%task\nM = [L, L]",
            "%%task\nL.append(4)",
            then=(("edit", 1, "%%task\nM = L"), RESTART, ALL, LOOK),
        ),
    ),
    Mutant("entries of the store are not checked", _no_seal, _tampered),
    Mutant("files of the store are written in place", _in_place_of_rename, _torn),
    Mutant("a run leaves out how a task ended", _without_an_end, plays("%%task\nb = 4", then=())),
    Mutant("a late report counts for the attempt that runs", _any_attempt, _late_report),
    Mutant(
        "an equal output is another output",
        _never_equal,
        tame("%%task\nran()\nb = 4", "%%task\nran(b)\nc = b", then=(("edit", 1, "%%task\nran()\nb = 2 + 2"), ALL)),
    ),
    Mutant(
        "changes in place are not looked for",
        _set(comparison.Comparison, "_changed_in_place", lambda *arguments, **keywords: None),
        plays("%%task\nL.append(4)\nprint(L)", then=(RESTART, ALL, LOOK)),
    ),
    Mutant(
        "names that share storage are stored apart",
        _set(user_namespace.UserNamespace, "sharing", lambda self, names: [frozenset({name}) for name in names]),
        plays("%%task\nL = [0]\nM = L", "%%task\nM.append(4)\nprint(L)", then=(RESTART, ALL, LOOK)),
    ),
    Mutant(
        "which names share storage is not known",
        _set(versions.Versions, "sharers_of_each", lambda self, cell, names: {name: {} for name in names}),
        plays("%%task\nprint(L)", then=(("insert", 0, "%%task\nM += [5]"),)),
    ),
    Mutant(
        "what a task only stored again is its own work",
        _as_last_stored,
        tame("%%task\nM = [L, L]", "%%task\nprint(L)", then=(("edit and run", 0, "%%task\nran()\na = 4"),)),
    ),
    Mutant(
        "the reach of functions is not followed",
        _nothing_reached,
        plays(
            "%%task\nb = 5", "%%task\ndef g(v): return v + b", "%%task\nh = [g][0]", "%%task\nc = h(1)\nc",
            then=(("edit", 1, "%%task\nb = 4"), ALL),
        ),
    ),
    Mutant(
        "process-wide state is not put back before a cell runs",
        _set(surroundings.Surroundings, "restore", lambda self, cell: None),
        plays("%%task\nb = random.randrange(999)\nb", "%%task\nc = random.randrange(999)\nc", then=(("rerun", 1, ""),)),
    ),
    Mutant(
        "a cell sees names that are written below it only",
        _set(runner.Runner, "_is_not_there_yet", lambda self, cell, name: False),
        tame("%%task\nran()\nprint(eval('q') if 'q' in globals() else 0)", "%%task\nq = 1", then=(ALL,)),
    ),
    Mutant(
        "an edited cell that has not run counts as run",
        _set(versions.Versions, "is_settled", lambda self, cell: True),
        plays("%%task\nM = L", "%%task\nb = 4", "%%task\nprint(L)", then=(("edit", 2, "%%task\nM += [1]"),)),
    ),
)  # fmt: skip


def _without_schema(key: Key, digest: str, ordinal: int, inputs: Mapping[str, str], python: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuilder, "SCHEMA", 0)
        return key(digest, ordinal, inputs, python)
