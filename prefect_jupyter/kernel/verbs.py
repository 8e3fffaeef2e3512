"""Which tasks are meant by what a person says: a name, or a verb and some tasks.

It must not run or queue them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .document import Document
from .errors import TaskError
from .reading import Reading
from .runner import Request
from .showing import Showing
from .standing import Standing


class Verbs:
    """`run`, `rerun`, `run_from` and `retry_failed` of one notebook."""

    def __init__(self, document: Document, standing: Standing, reading: Reading, showing: Showing) -> None:
        self._document = document
        self._standing = standing
        self._reading = reading
        self._showing = showing

    def task_named(self, name: str) -> str:
        """The id of a task by its name. Raises `TaskError` that lists the names there are."""
        names = self._reading.graph_now().names
        for task, known in names.items():
            if known == name or task == name:
                return str(task)
        there = ", ".join(f"`{known}`" for known in names.values()) or "none yet"
        raise TaskError(f"There is no task `{name}` in this notebook. Tasks: {there}.")

    def request(self, verb: str, tasks: Sequence[str]) -> Request:
        """What a verb means for `tasks`, or for all. Raises `TaskError` when a text that would run cannot be run."""
        graph, cells = self._reading.graph_now(), self._standing.cells
        everything = [task for task in graph.names if not cells[task].problems]
        forced: frozenset[str] = frozenset()
        if verb == "run":
            targets = [task for task in tasks or everything if self._standing.verdict(task).kind == "stale"]
        elif verb == "rerun":
            targets = list(tasks or everything)
            forced = self._forced(targets, tasks)
        elif verb == "run_from":
            below = [task for task in graph.descendants(tasks) if cells[task].is_task]
            targets = [*tasks, *(task for task in below if task not in tasks)]
            forced = self._forced(targets, tasks)
        elif verb in ("skip", "unskip"):
            targets = self._skip(tasks, wanted=verb == "skip")
        else:
            targets = [task for task in tasks or everything if self._has_failed(task)]
            targets += [task for task in everything if task not in targets and self._is_blocked(task, targets)]
        for task in targets:
            problems = self._standing.problems(task)
            if problems:
                raise TaskError(f"{self._document.label(task)} {problems[0].message}. Nothing has run.")
        only_failed = verb == "retry_failed"
        return Request(targets=tuple(sorted(set(targets), key=graph.position)), forced=forced, only_failed=only_failed)

    def _forced(self, targets: Sequence[str], named: Sequence[str]) -> frozenset[str]:
        """Those of `targets` to execute whatever there is: all but the pinned ones that nobody has named."""

        def is_pinned(task: str) -> bool:
            kept = self._standing.kept(task)
            return kept is not None and kept.kind == "pinned"

        return frozenset(task for task in targets if task in named or not is_pinned(task))

    def resume(self, tasks: Sequence[str], value: object, left: frozenset[str]) -> Request:
        """What letting `tasks`, or all that are paused, go on means. `left` are those that a run has left undone."""
        paused = tuple(tasks) or tuple(self._showing.in_state("Paused"))
        waiting = [task for task in paused if self._showing.row(task).state == "Paused"]
        below = set(self._reading.graph_now().descendants(waiting)) & left
        graph = self._standing.graph
        targets = tuple(sorted({*waiting, *below}, key=graph.position))
        return Request(targets=targets, resumed=dict.fromkeys(waiting, value))

    def _skip(self, tasks: Sequence[str], *, wanted: bool) -> list[str]:
        """Remembers that a person skips `tasks`, or that no longer. Returns what stands otherwise by that."""
        skipped = self._standing.skipped_by_person
        changed = [task for task in tasks if (task in skipped) is not wanted]
        (skipped.update if wanted else skipped.difference_update)(changed)
        below = [task for task, skip in self._standing.skips.items() if skip.because in changed]
        for task in (*changed, *below):
            self._standing.forget(task)
        return changed if wanted else [*changed, *below]

    def _has_failed(self, task: str) -> bool:
        row = self._showing.row(task)
        return row.failed > 0 or row.state in ("Failed", "TimedOut", "Crashed", "Cancelled", "ValidationFailed")

    def _is_blocked(self, task: str, failed: Sequence[str]) -> bool:
        return self._showing.row(task).state == "TriggerFailed" and any(
            above in failed for above in self._standing.graph.ancestors([task])
        )
