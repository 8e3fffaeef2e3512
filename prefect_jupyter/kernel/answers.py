"""What a person can ask of a pipeline without running anything: what would run, why, and what has happened so far.

It must not change anything but verdicts that were in doubt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.decisions import KINDS
from ..core.rebuilder import Trace
from .document import Document
from .reading import Reading
from .runner import Runner
from .standing import Standing
from .verbs import Verbs
from .wording import NOTHING_TO_DO, clock_time, counted, duration


class Answers:
    """Answers about one notebook. Tasks are given by id or by name."""

    def __init__(
        self, document: Document, standing: Standing, reading: Reading, runner: Runner, verbs: Verbs,
        lock: threading.RLock, *, last_trace: Callable[[str], Trace | None],
    ) -> None:  # fmt: skip
        self._document = document
        self._standing = standing
        self._reading = reading
        self._runner = runner
        self._verbs = verbs
        self._lock = lock
        self._last_trace = last_trace

    def counts(self) -> dict[str, int]:
        counts = self._runner.counts
        return {
            "tasks": len(self._reading.graph_now().names),
            "executed": counts.executed,
            "cached": counts.cached,
            "failed": counts.failed,
            "skipped": counts.skipped,
        }

    def verdicts(self) -> dict[str, str]:
        with self._lock:
            graph = self._reading.graph_now()
            self._standing.look_outside()
            return {name: self._standing.verdict(task).kind for task, name in graph.names.items()}

    def why(self, name: str) -> str:
        task = self._verbs.task_named(name)
        with self._lock:
            self._standing.look_outside()
            found = self._standing.verdict(task)
        title = f"{self._standing.name(task)} is {found.kind}"
        if found.is_fresh:
            return f"{title}: it equals what a run from the top would show."
        lines = [f"{title}:"]
        for reason in found.reasons:
            label = self._document.label(reason.cell) if reason.cell else ""
            where = f" ({label})" if label and label not in reason.text and reason.cell != task else ""
            lines.append(f"  - {reason.text}{where}")
            lines += [f"      {line}" for line in reason.detail.splitlines()]
        return "\n".join([*lines, *self._since_the_last_run(task)])

    def _since_the_last_run(self, task: str) -> list[str]:
        """For a task that has not run in this kernel: what is another now than when the store's result was made."""
        with self._lock:
            last = None if task in self._standing.traces else self._last_trace(self._standing.name(task))
            found = self._standing.differences(task, last) if last is not None else []
        if last is None or not found:
            return []
        lines = [f"Since its last run ({clock_time(last.started_s)}):"]
        for reason in found:
            lines += [f"  - {reason.text}", *(f"      {line}" for line in reason.detail.splitlines())]
        return lines

    def plan(self, names: Sequence[str]) -> list[tuple[str, str, float | None]]:
        with self._lock:
            tasks = tuple(self._verbs.task_named(name) for name in names)
            self._standing.look_outside()
            request = self._verbs.request("run", tasks)
            return [
                (self._standing.name(task), self._standing.verdict(task).reason, self._expected_s(task))
                for task in self._runner.needed(request.targets)
            ]

    def plan_text(self, names: Sequence[str]) -> str:
        entries = self.plan(names)
        if not entries:
            return self.nothing_to_run()
        decided = self._decided()
        known = [seconds for _, _, seconds in entries if seconds is not None]
        total = f", about {duration(sum(known))}" if known else ""
        lines = [f"{counted(len(entries), 'task')} to run{total}:"]
        for name, reason, seconds in entries:
            lines.append(f"  {name}: {reason}" + (f" · {duration(seconds)}" if seconds is not None else ""))
        if decided:
            lines.append(f"Not run: {decided}.")
        return "\n".join(lines)

    def nothing_to_run(self) -> str:
        """What to say when nothing is stale: what cannot be known is put right elsewhere."""
        with self._lock:
            found = map(self._standing.verdict, self._reading.graph_now().names)
            doubted = [verdict for verdict in found if verdict.kind not in ("fresh", "stale", *KINDS)]
            decided = self._decided()
        if not doubted and not decided:
            return NOTHING_TO_DO["run"]
        said = ["Nothing is stale."]
        if decided:
            said.append(f"{decided}.")
        if doubted:
            are = "is" if len(doubted) == 1 else "are"
            said.append(f"{counted(len(doubted), 'task')} {are} {doubted[0].kind}: {doubted[0].reason}.")
        return " ".join(said)

    def _decided(self) -> str:
        """The tasks whose result a person said something about, with what they said."""
        graph = self._reading.graph_now()
        found = {name: self._standing.verdict(task) for task, name in graph.names.items()}
        said = [f"`{name}` is {verdict.reason}" for name, verdict in found.items() if verdict.kind in KINDS]
        return ", ".join(said)

    def _expected_s(self, task: str) -> float | None:
        trace = self._standing.traces.get(task)
        return trace.duration_s if trace is not None else None
