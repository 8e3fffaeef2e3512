"""Has a journal written of what this kernel does, and tells what earlier kernels left unfinished.

It must not decide what a crash means for a task's freshness: it only sets rows that nothing else has set.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..core.events import Event
from ..core.states import ACTIVE
from ..runtime.journal import Attempt, Journal
from ..runtime.journal.lines import Logged
from ..runtime.redact import redact
from ..view.pipeline import RowView
from .inline import Result
from .outputs import safe_text
from .showing import Showing

LINES_MAX = 1000
"""Lines of output that the journal keeps of one attempt: the last ones."""
LINE_CHARACTERS_MAX = 2000
FRAMES_MAX = 30
ATTEMPTS_TOLD = 20
LINES_TOLD = 500
_KERNELS_READ = 5
_PACKAGE = str(Path(__file__).resolve().parent.parent)


class Recording:
    """`journal` is the journal of this kernel; `lock` guards the rows. `live` has the lines of a task that runs."""

    def __init__(
        self, journal: Journal, showing: Showing, lock: threading.RLock, clock: Callable[[], float],
        live: Callable[[str], list[str]],
    ) -> None:  # fmt: skip
        self._journal = journal
        self._live = live
        self._showing = showing
        self._lock = lock
        self._clock = clock
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Looks for tasks over which a kernel died, beside everything else: journals may be long."""
        self._thread = threading.Thread(target=self._show_crashed, name="prefect_jupyter.history", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._journal.close()

    def listen(self, event: Event) -> None:
        self._journal.tell(event)

    def ended(self, task: str, result: Result) -> None:
        """Keeps what an attempt printed, and its traceback, before its end is told. Hits print nothing new."""
        if result.cached:
            return
        self._tell(task, "log", _printed(result))
        if result.error is not None:
            self._tell(task, "traceback", _traceback(result.error))

    def _tell(self, task: str, kind: str, lines: Iterable[str]) -> None:
        kept = list(lines)
        if kept:
            cut = tuple(line[:LINE_CHARACTERS_MAX] for line in kept[-LINES_MAX:])
            self._journal.tell(Logged(self._clock(), task, kind, cut, max(0, len(kept) - LINES_MAX)))

    def attempts(self, task: str | None = None) -> list[Attempt]:
        """All attempts that are on record, or those of one task by name or id; oldest first."""
        return self._journal.history().attempts(task)

    def told(self, task: str) -> list[dict[str, object]]:
        """The last attempts of a task for a page, newest first; one that runs has what it has printed so far."""
        attempts = self._journal.history(_KERNELS_READ).attempts(task)[: -ATTEMPTS_TOLD - 1 : -1]
        return [
            {
                "number": attempt.number,
                "state": attempt.state.name,
                "started": round(attempt.started_s * 1000),
                "duration": None if attempt.duration_s is None else round(attempt.duration_s * 1000),
                "note": attempt.note,
                "lines": self._lines_of(attempt)[-LINES_TOLD:],
            }
            for attempt in attempts
        ]

    def _lines_of(self, attempt: Attempt) -> list[str]:
        printed = [redact(line) for line in self._live(attempt.task)] if attempt.state in ACTIVE else attempt.log
        return [*printed, *attempt.traceback]

    def _show_crashed(self) -> None:
        crashed = self._journal.history(_KERNELS_READ).crashed()
        with self._lock:
            for task, attempt in crashed.items():
                if self._showing.row(task).state == "Pending":
                    then = time.strftime("%a %H:%M", time.localtime(attempt.started_s))
                    note = f"the kernel died while it ran · {then}"
                    self._showing.set_row(task, RowView(state="Crashed", verdict="stale", note=note, reason=note))


def _printed(result: Result) -> Iterator[str]:
    for output in result.displays:
        if output["output_type"] == "stream":
            yield from str(output["text"]).splitlines()


def _traceback(error: BaseException) -> list[str]:
    """The lines of a traceback without our own frames and IPython's; whatever the exception's text does."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES_MAX * 2)
        if not frame.filename.startswith(_PACKAGE) and "/IPython/core/" not in frame.filename
    ]
    lines = "".join(traceback.format_list(frames[-FRAMES_MAX:])).splitlines()
    return [*lines, *f"{type(error).__name__}: {safe_text(error)}".splitlines()[:50]]
