"""Where every cell stands: what its last run saw, and whether that still equals a run from the top.

It must not run anything or take fingerprints: it may be asked from another thread while a cell computes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from ..analysis.changes import explain_change
from ..core.cells import Cell, Problem
from ..core.decisions import KINDS, Decision, built_on, decided
from ..core.graph import Graph
from ..core.rebuilder import Input, Reason, Trace, Verdict, described, verdict
from ..runtime.stamps import unchanged
from .ambient import CHANCE
from .decisions import Decisions
from .declared import Declared, expiry_s
from .document import Document
from .outside import Outside
from .remembered import Remembered
from .surroundings import Surroundings
from .user_namespace import UserNamespace
from .versions import Version, Versions
from .wording import clock_time


@dataclass(frozen=True, slots=True)
class PlainRun:
    """The last run of a plain cell: its text then, the versions that it read, and what made it untrue from the start.

    `ambient` is the process-wide state that it read, as in a trace.
    """

    digest: str
    inputs: Mapping[str, Version] = field(default_factory=dict)
    trouble: str = ""
    ambient: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed as it stands: nothing is tried again before its text or an input changes.

    `harmless` are names that the failed run left as any reader needs them: those that its text would change in
    place and that it left as they were, and the modules, functions and classes that it bound.
    """

    digest: str
    inputs: Mapping[str, str]
    note: str
    ambient: Mapping[str, str] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Skip:
    """A task that was skipped as it stands. `because` is the task above it that was skipped first, if that was why."""

    digest: str
    inputs: Mapping[str, str]
    note: str
    because: str = ""


class Standing:
    """The evidence of `core.rebuilder`, and its verdicts, remembered until something changes."""

    def __init__(
        self, document: Document, versions: Versions, namespace: UserNamespace, surroundings: Surroundings,
        decisions: Decisions, outside: Outside, declared: Declared,
        remembered: Remembered,
    ) -> None:  # fmt: skip
        self._document = document
        self._versions = versions
        self._namespace = namespace
        self._surroundings = surroundings
        self._decisions = decisions
        self._outside = outside
        self._declared = declared
        self._outdated: dict[str, str] = {}  # tasks that bound code which was reloaded since
        self.graph = Graph()
        self.cells: dict[str, Cell] = {}
        self.traces: dict[str, Trace] = {}
        self.failures: dict[str, Failure] = {}
        self.skips: dict[str, Skip] = {}
        self.skipped_by_person: set[str] = set()
        self.interrupted: set[str] = set()  # tasks whose last run was stopped
        self.plain_runs: dict[str, PlainRun] = {}
        self.remembered = remembered
        self._verdicts: dict[str, Verdict] = {}
        self._natural: dict[str, Verdict] = {}  # what would be said of tasks that a person decided about
        self._doubtful: set[str] = set()  # cells whose verdict may be another one now
        versions.is_harmless = self.is_harmless
        self._unrun = 0  # the place of the first task that has not run
        self.changed: set[str] = set()  # cells that may look different since this was last emptied

    # --- verdicts

    def verdict(self, cell: str) -> Verdict:
        """The verdict on a cell of the document; a plain cell is fresh when it ran once, in order, as it is written."""
        if cell not in self.graph:
            return Verdict("stale", (Reason("is not in the notebook", cell),))
        self.settle()
        return self._judge(cell)

    def settle(self) -> None:
        """Finds the verdicts in doubt, from the top. Where one comes out as before, its readers keep theirs."""
        graph, doubtful = self.graph, self._doubtful
        if not doubtful:
            return
        self._find_unrun()
        places = [graph.position(cell) for cell in doubtful if cell in graph]
        heapify(places)
        while places:
            cell = graph.cells[heappop(places)].id
            doubtful.discard(cell)
            before = self._verdicts.pop(cell, None)
            if self._judge(cell) == before:
                continue
            self.changed.add(cell)
            for reader in self._readers(cell):
                if reader not in doubtful:
                    doubtful.add(reader)
                    heappush(places, graph.position(reader))
        doubtful.clear()

    def _find_unrun(self) -> None:
        """Finds the first task that has not run as it stands. Between the last one and this, chance is known anew."""
        before, cells = self._unrun, self.graph.cells
        self._unrun = next((place for place, cell in enumerate(cells) if self._has_not_run(cell)), len(cells))
        low, high = sorted((before, self._unrun))
        for cell in cells[low + 1 : high + 1]:
            if any(item in CHANCE for item in self._ambient_read(cell.id)):
                self._doubtful.add(cell.id)

    def _has_not_run(self, cell: Cell) -> bool:
        return cell.is_task and cell.id not in self.traces and cell.id not in self.failures

    def _judge(self, cell: str) -> Verdict:
        known = self._verdicts.get(cell)
        if known is None:
            judged = self.cells[cell]
            problems = self.problems(cell)
            if not judged.is_task:
                known = self._judge_plain(judged)
            elif problems:
                known = Verdict("stale", (Reason(problems[0].message, cell),))
            elif self.is_skipped(cell):
                known = self._judge_skipped(cell)
            else:
                known = verdict(cell, judged.digest, self)
                if known.is_fresh and any(reason.startswith("history") for reason in judged.always):
                    known = Verdict("unchecked", (Reason("it uses `_`, whatever was shown last before it ran", cell),))
                known = self._with_decision(cell, known)
            self._verdicts[cell] = known
        return known

    def _judge_skipped(self, cell: str) -> Verdict:
        """A skipped task is as a run from the top leaves it, unless it was a person who said so."""
        if cell in self.skipped_by_person:
            return Verdict("pinned", (Reason("skipped by you", cell),))
        above = self.skips[cell].because
        if above in self.skipped_by_person:
            return Verdict("unverified", (Reason(f"you skipped `{self.name(above)}`", above),))
        return Verdict("fresh")

    def _with_decision(self, cell: str, natural: Verdict) -> Verdict:
        """The verdict on a task when what a person decided about it is heard."""
        self._natural[cell] = natural
        decision = self.kept(cell)
        if decision is None or cell in self.failures:
            return natural
        when = clock_time(decision.at_s)
        if cell not in self.traces:
            first, *others = natural.reasons
            said = f"{first.text} · {decision.kind} by you {when}"
            return Verdict(natural.kind, (Reason(said, first.cell, first.detail), *others))
        if natural.is_fresh and decision.kind == "accepted":
            return natural
        return decided(decision.kind, when, natural, cell)

    def kept(self, cell: str) -> Decision | None:
        """What a person decided about a task, if it says something about the task as it stands."""
        decision = self._decisions.of(self.cells[cell])
        if decision is None or self.problems(cell):
            return None
        if self.traces.get(cell) is not decision.trace and not self._decisions.can_answer(decision.trace):
            return None
        return decision if decision.kind == "pinned" or self._is_as_accepted(cell, decision) else None

    def _is_as_accepted(self, cell: str, decision: Decision) -> bool:
        """Whether the text and all inputs of a task are what they were when its result was accepted."""
        if self.cells[cell].digest != decision.digest:
            return False
        now = self.fingerprints(cell, decision.trace)
        if now.keys() != decision.inputs.keys() or any(now[name] != decision.inputs[name] for name in now):
            return False
        return all(unchanged(path, known) for path, known in decision.files.items())

    def fingerprints(self, cell: str, trace: Trace) -> dict[str, str | None]:
        """What `cell` would read now, by name, if it read what a run with `trace` did; without files."""
        found = self.inputs(cell, trace)
        return {name: known.fingerprint for name, known in found.items() if not name.startswith("file:")}

    def forget_decision(self, cell: str) -> bool:
        """A task ran again: what was decided about its earlier result is over. Returns whether it was pinned."""
        decision = self._decisions.of(self.cells[cell])
        self._decisions.drop(self.cells[cell])
        return decision is not None and decision.kind == "pinned"

    def ran_plainly(self, cell: str, run: PlainRun) -> None:
        """A plain cell has run; what the same cell did when it was a task counts no more."""
        self.plain_runs[cell] = run
        self.traces.pop(cell, None)
        self.failures.pop(cell, None)
        self.interrupted.discard(cell)

    def not_shown(self, cell: str) -> None:
        """Where the task shows its outputs now stands that it did not run."""
        self.traces.pop(cell, None)
        self.forget(cell)

    def forget(self, cell: str) -> None:
        """Something about `cell` changed: its verdict and those of its readers have to be found again."""
        self._doubt([cell, *self._readers(cell)])

    def _readers(self, cell: str) -> Iterator[str]:
        """The cells that read what `cell` makes, and those below that may change it or read state it has changed."""
        if cell not in self.graph:
            return
        yield from self.graph.downstream(cell)
        for other, trace in self.traces.items():  # whatever the cell made may share storage with what they change
            if trace.shared_in and other in self.graph and self.graph.position(other) > self.graph.position(cell):
                yield other
        kinds = self._surroundings.kinds_changed_by(cell)
        if kinds:
            place = self.graph.position(cell)
            for reader in self.graph.cells[place + 1 :]:
                if any(item.partition(":")[0] in kinds for item in self._ambient_read(reader.id)):
                    yield reader.id

    def _ambient_read(self, cell: str) -> Mapping[str, str]:
        """The process-wide state that the last run of `cell` read, with its fingerprints then."""
        trace, run = self.traces.get(cell), self.plain_runs.get(cell)
        if trace is not None and self.cells[cell].is_task:
            return trace.ambient_in
        return run.ambient if run is not None else {}

    def connect(self, graph: Graph, changed: Collection[str]) -> None:
        """From now on `graph` says who reads what. In doubt is what it connects in another way."""
        self.graph = graph
        self._doubt(changed)

    def _doubt(self, cells: Collection[str]) -> None:
        self._doubtful.update(cells)
        self.changed.update(cells)

    def _judge_plain(self, cell: Cell) -> Verdict:
        label = self._document.label(cell.id)
        run = self.plain_runs.get(cell.id)
        if run is None:
            return _unverified(f"{label} has not been run", cell.id)
        if run.digest != cell.digest:
            return _unverified(f"{label} was edited, not run", cell.id)
        if run.trouble:
            return _unverified(f"{label} {run.trouble}", cell.id)
        for name, read in run.inputs.items():
            now = self._versions.seen_by(cell.id, name)
            if isinstance(now, Version):
                if now is not read and (now.fingerprint is None or now.fingerprint != read.fingerprint):
                    return _unverified(f"{label} ran before `{name}` changed", cell.id)
                producer = now.producer or ""
                above = self._verdicts.get(producer)
                if above is not None and above.kind in KINDS:
                    found = self._trouble(producer)
                    if found is not None:
                        return _unverified(f"{label} is {found.reason}", cell.id)
                elif above is not None and not above.is_fresh:
                    if self.cells[producer].is_task:
                        return _unverified(f"{label} read `{name}` of `{self.name(producer)}`: {above.reason}", cell.id)
                    return above
            elif now is not None:
                return _unverified(f"{label} ran without `{name}` of {self._document.label(now)}", cell.id)
            elif read.cell is not None and self._reads_first(cell, name):
                return _unverified(f"{label} read `{name}`, which no cell above it writes", cell.id)
        edited = self._edited({source for read in run.inputs.values() for source in read.sources}, cell.id)
        if edited:
            return Verdict("unverified", (replace(edited[0], text=f"{label} ran code of {edited[0].text}"),))
        for item, before in run.ambient.items():
            known = self._ambient_input(cell.id, item)
            if known.fingerprint != before:
                return _unverified(f"{label} ran before {described(item)} changed", cell.id)
            if known.trouble is not None:
                return known.trouble
        return Verdict("fresh")

    def _may_change(self, cell: str, item: str) -> Verdict | None:
        """What is wrong if a cell above that has not run as it stands seems to change a kind of state."""
        words = _CHANGING.get(item.partition(":")[0], ())
        for above in self._document.order[: self._document.place(cell) or 0] if words else ():
            if not self._versions.is_settled(above) and any(word in self.cells[above].source for word in words):
                found = None if self._surely_fails(above) else self._trouble(above)
                if found is not None:
                    return found
        return None

    def _reads_first(self, cell: Cell, name: str) -> bool:
        """Whether the cell reads a name that it has not just bound itself."""
        return name in cell.reads or (name in self.graph.reads(cell.id) and name not in cell.writes)

    def problems(self, cell: str) -> tuple[Problem, ...]:
        """Why the text of a cell cannot be run as it is written and where it stands."""
        return (*self.cells[cell].problems, *self.graph.problems.get(cell, ()))

    def name(self, cell: str) -> str:
        return self.graph.names.get(cell) or self._document.label(cell)

    # --- evidence

    def trace(self, cell: str) -> Trace | None:
        return self.traces.get(cell)

    def failure(self, cell: str) -> str | None:
        failure = self.failures.get(cell)
        if failure is None:
            return None
        return failure.note if self.stands(cell, failure) else f"{failure.note} (changed since)"

    def is_skipped(self, cell: str) -> bool:
        """Whether the task was skipped, and would be again: its text and its inputs are as they were."""
        skip = self.skips.get(cell)
        if skip is None or skip.digest != self.cells[cell].digest:
            return False
        if skip.because:
            return skip.because in self.graph and self.is_skipped(skip.because)
        now = self.inputs(cell)
        return all(
            known.trouble is None and known.fingerprint == skip.inputs.get(name, known.fingerprint)
            for name, known in now.items()
        )

    def stands(self, cell: str, failure: Failure) -> bool:
        """Whether running the task again would meet the same text and the same inputs."""
        if failure.digest != self.cells[cell].digest:
            return False
        for name, before in failure.inputs.items():
            seen = self._versions.seen_by(cell, name)
            if isinstance(seen, str):
                return False
            if seen is not None and seen.fingerprint is not None and seen.fingerprint != before:
                return False
        return all(self._surroundings.fingerprint(cell, item) == before for item, before in failure.ambient.items())

    def fails(self, cell: str) -> bool:
        """Whether the task failed, and would fail again if it were run now."""
        failure = self.failures.get(cell)
        return failure is not None and self.stands(cell, failure)

    def is_harmless(self, cell: str, name: str) -> bool:
        """Whether what the task, which fails, left of `name` is what a run from the top would leave."""
        failure = self.failures.get(cell)
        return failure is not None and name in failure.harmless and self._surely_fails(cell)

    def _surely_fails(self, cell: str) -> bool:
        """Whether the task fails in the same way in a run from the top, as far as can be known."""
        if not self.fails(cell):
            return False
        failure = self.failures[cell]
        seen = (self._versions.seen_by(cell, name) for name in failure.inputs)
        producers = {version.producer for version in seen if isinstance(version, Version) and version.producer}
        return all(self._trouble(producer) is None for producer in producers if producer in self._document) and all(
            self._ambient_input(cell, item).trouble is None for item in failure.ambient
        )

    def absence(self, cell: str) -> str:
        return "cancelled before it was done" if cell in self.interrupted else "not run yet"

    def explain_code(self, before: str, cell: str) -> Reason:
        change = explain_change(before, self.cells[cell].source)
        first, _, _ = change.partition("\n")
        if change == first:
            return Reason(f"code changed: {first}", cell)
        return Reason("code changed", cell, change)

    def describe_change(self, name: str, before: str, after: str, library_then: str) -> tuple[str, str]:
        return self.remembered.change(name, before, after, library_then)

    def differences(self, cell: str, trace: Trace) -> list[Reason]:
        """What `cell` would meet otherwise than the run with `trace`, as far as it is known before it runs."""
        reasons = [self.explain_code(trace.source, cell)] if trace.digest != self.cells[cell].digest else []
        for name, known in self.inputs(cell, trace).items():
            if known.fingerprint is not None and trace.inputs.get(name, known.fingerprint) != known.fingerprint:
                said, detail = self.describe_change(
                    name, trace.inputs[name], known.fingerprint, trace.libraries.get(name, "")
                )
                reasons.append(Reason(said, known.producer, detail))
        return reasons + self.changed_outside(cell, trace)

    def changed_sharing(self, cell: str, trace: Trace) -> list[str]:
        now = self._versions.sharing(cell, trace) if trace.shared_in else {}
        return [name for name, known in trace.shared_in.items() if now[name] != known]

    def changed_outside(self, cell: str, trace: Trace) -> list[Reason]:
        reasons = [Reason(self._outdated[cell], cell)] if cell in self._outdated else []
        expired = self._declared.expired(self.cells[cell], trace)
        reasons += [Reason(expired, cell)] if expired else []
        said = [*self._outside.changed_files(cell, trace), *self._declared.changed_matches(trace)]
        reasons += [Reason(text, cell) for text in said]
        for path, change in self._outside.changed_code(trace):
            reasons.append(Reason(f"the code of {os.path.basename(path)} changed", cell, change))
        return reasons

    def doubts(self, cell: str, trace: Trace) -> list[Reason]:
        sources = {source for output in trace.outputs.values() for source in output.sources}
        for _, seen in self.seen(cell, trace):
            if isinstance(seen, Version):
                sources |= seen.sources
        return self._edited(sources, cell, trace.sources)

    def _edited(self, sources: Collection[str], cell: str, files: Collection[str] = ()) -> list[Reason]:
        return [
            Reason(f"{os.path.basename(path)} was edited on disk, not reloaded", cell, change)
            for path, change in self._outside.edited(sources, files)
        ]

    def code_renewed(self, cell: str, version: Version) -> None:
        """The code that `cell` bound does something else now: what the cell made with it is not made by that."""
        trace = self.traces.get(cell)
        did_more = trace is not None and (trace.displays or trace.files_out or trace.ambient_out)
        if not did_more and all(map(self._namespace.is_code, self._versions.made.get(cell, {}).values())):
            self.forget(cell)  # it has only bound code, and that is the present one
        else:
            self.leave_behind(cell, f"ran before the code of `{version.name}` was reloaded")

    def leave_behind(self, cell: str, trouble: str) -> None:
        """The code that `cell` bound was reloaded since: a run from the top would bind another."""
        run = self.plain_runs.get(cell)
        if run is not None and cell in self.cells and not self.cells[cell].is_task:
            self.plain_runs[cell] = replace(run, trouble=trouble)
        else:
            self._outdated[cell] = trouble
        self.forget(cell)

    def ran(self, cell: str) -> None:
        """A task has run: what is known of its last run is no more."""
        self._outdated.pop(cell, None)
        trace = self.traces.get(cell)
        self._outside.watch(cell, trace, None if trace is None else expiry_s(self.cells[cell], trace))
        self.forget(cell)

    def look_outside(self) -> None:
        """Puts in doubt what depends on files, code or time that may be other than when it was last asked."""
        moved = self._outside.moved()
        if moved is None:
            self.forget_all()
        else:
            for cell in moved:
                self.forget(cell)

    def forget_all(self) -> None:
        """Every verdict has to be found again."""
        self._doubt([cell.id for cell in self.graph.cells])

    def inputs(self, cell: str, trace: Trace | None = None) -> dict[str, Input]:
        inputs: dict[str, Input] = {}
        trace = trace or self.traces.get(cell)
        for name, seen in self.seen(cell, trace):
            found = self._input(name, seen)
            if found is not None:
                inputs[name] = found
        for name in trace.shared_in if trace is not None else ():
            for other, version in self._versions.sharers(cell, [name]).items():
                trouble = self._trouble(version.producer or "")
                if trouble is not None:
                    inputs.setdefault(other, Input(None, version.producer, trouble=trouble))
        for kind in trace.ambient_in if trace is not None else ():
            inputs[f"@{kind}"] = self._ambient_input(cell, kind)
        return inputs

    def seen(self, cell: str, trace: Trace | None) -> Iterator[tuple[str, Version | str | None]]:
        """Every name that can matter to `cell` and what it sees under it, closed under what functions reach.

        `trace` is of a run of it, whose text may be another.
        """
        text = self.cells[cell]
        todo = set(self.graph.reads(cell)).union(*text.late.values())
        if trace is not None and trace.digest == text.digest:
            todo |= trace.inputs.keys()
        done: set[str] = set()
        while todo:
            name = todo.pop()
            done.add(name)
            seen = self._versions.seen_by(cell, name)
            yield name, seen
            version = seen if isinstance(seen, Version) else self._namespace.bound.get(name)
            if version is not None and (seen is version or version.cell not in self._document):
                todo |= version.reach - done

    def _input(self, name: str, seen: Version | str | None) -> Input | None:
        if isinstance(seen, Version):
            producer = seen.producer or ""
            if seen.fingerprint is None and self._namespace.bound.get(name) is not seen:
                label = self._document.label(producer)
                trouble = self._trouble(producer) or _unverified(f"`{name}` as {label} left it is gone", producer)
                return Input(None, producer, label, trouble)
            is_harmless = seen.from_failure and self.is_harmless(producer, name)
            found = None if is_harmless else self._trouble(producer)
            return Input(seen.fingerprint, producer, self._document.label(producer), found)
        if seen is not None:
            missing = self._trouble(seen) if self._verdict_kind(seen) not in KINDS else self._lacks(seen, name)
            return Input(None, seen, self._document.label(seen), missing)
        held = self._namespace.bound.get(name)
        if held is None or held.cell in self._document:
            return None
        if held.cell is None:
            return Input(held.fingerprint)
        label = self._document.label(held.cell)
        trouble = _unverified(f"`{name}` is left over from {label}", held.cell)
        return Input(held.fingerprint, held.cell, label, trouble)

    def _trouble(self, producer: str) -> Verdict | None:
        above = self._verdicts.get(producer)
        if above is None:
            above = self._judge(producer) if producer in self.graph else None
        if above is None or above.is_fresh:
            return None
        if not self.cells[producer].is_task:
            return above
        name = self.name(producer)
        if above.kind in KINDS:
            kept = self._decisions.of(self.cells[producer])
            if kept is None or self._natural[producer].is_fresh:
                return None
            return built_on(kept.kind, name, producer)
        if above.kind == "stale":
            cause = above.reasons[0]
            text = cause.text if cause.text.startswith("needs ") else f"needs `{name}`, which {_is(cause.text)}"
            return Verdict("stale", (Reason(text, cause.cell, cause.detail),))
        return above

    def _verdict_kind(self, cell: str) -> str:
        return self._verdicts[cell].kind if cell in self._verdicts else ""

    def _lacks(self, producer: str, name: str) -> Verdict:
        kind = self._verdict_kind(producer)
        text = f"needs `{name}`, which the {kind} result of `{self.name(producer)}` lacks"
        return Verdict("stale", (Reason(text, producer),))

    def _ambient_input(self, cell: str, item: str) -> Input:
        """Process-wide state as `cell` sees it, with the worst that is wrong with the cells which made it so."""
        versions = self._surroundings.seen(cell, item)
        fingerprint = self._surroundings.fingerprint_of(item, versions)
        producer, trouble = None, None
        for version in versions:
            producer = version.cell or ""
            # What a task did before it failed, a run from the top does as well.
            found = None if self._surely_fails(producer) else self._trouble(producer)
            if found is not None and (trouble is None or found.kind == "stale"):
                trouble = found
        if item in CHANCE and trouble is None and self._unrun < self.graph.position(cell):
            unrun = self.graph.cells[self._unrun].id
            name = self.name(unrun)
            trouble = _unverified(f"`{name}` above it has not run, and may draw random numbers", unrun)
        trouble = trouble or self._may_change(cell, item)
        return Input(fingerprint, producer, self._document.label(producer) if producer else "", trouble)


# Words without which hardly any text changes a kind of process-wide state.
_CHANGING: Mapping[str, tuple[str, ...]] = {
    "random": ("random", "seed", "shuffle", "sample", "choice"),
    "np_random": ("random", "seed", "shuffle", "sample", "choice"),
    "cwd": ("chdir", "%cd"),
    "environ": ("environ", "putenv", "%env"),
    "rcParams": ("rcParams", "rc(", "style", "set_theme"),
    "backend": ("use(", "%matplotlib", "%pylab", "switch_backend", "ion(", "ioff(", "interactive"),
    "pandas": ("set_option", "options"),
}


def _is(reason: str) -> str:
    if reason == "not run yet":
        return "has not run yet"
    if reason.startswith("cancelled"):
        return f"was {reason}"
    if reason.startswith("failed"):
        return reason
    return f"is stale: {reason}"


def _unverified(text: str, cell: str) -> Verdict:
    return Verdict("unverified", (Reason(text, cell),))
