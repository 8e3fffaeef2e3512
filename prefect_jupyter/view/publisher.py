"""One stream of messages to the pages: coalesced, in order, from one thread.

It must not decide where messages go (`send` does) or look into the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .pipeline import EdgeView, NodeView, RowView, RunView
from .rows import edge_row, node_row, run_row, state_row

if TYPE_CHECKING:
    from .protocol import Level, Message, NoticeMessage, OutputMessage, Reply, Snap, StateRow

# At most one message of the graph or its rows each 50 ms: 20 a second, whatever the number of changes.
FLUSH_S = 0.05
# Streams of one cell are joined up to this size, so that a printing loop costs a few messages.
STREAM_CHARS_MAX = 100_000
_IDLE_S = 3600.0

Act = Callable[[], None]


class Publisher:
    """Collects what changed and sends it, from any number of threads, through one.

    `send` is called in the publisher's thread alone, one message at a time. `clock` gives seconds since
    the epoch. Rows are kept by task id, so a changed graph keeps what was known of its tasks.
    """

    def __init__(self, send: Callable[[Message], None], clock: Callable[[], float], session: str = "") -> None:
        self.session = session
        self._send = send
        self._clock = clock
        self._changed = threading.Condition()
        self._title = ""
        self._nodes: tuple[NodeView, ...] = ()
        self._edges: tuple[EdgeView, ...] = ()
        self._index: dict[str, int] = {}
        self._rows: dict[str, RowView] = {}
        self._run: RunView | None = None
        self._rev = 0
        self._seq = 0
        self._graph_dirty = False
        self._run_dirty = False
        self._dirty: dict[str, None] = {}
        self._notices: list[Message] = []
        self._dirty_since: float | None = None
        self._urgent = False
        self._free_at = 0.0
        self._queue: list[Message | Act] = []
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    # What changed -------------------------------------------------------------------------------

    def graph(self, title: str, nodes: Sequence[NodeView], edges: Sequence[EdgeView]) -> None:
        """The tasks and connections from now on. A task that was there before keeps its row."""
        with self._changed:
            nodes, edges = tuple(nodes), tuple(edges)
            if self._rev and (title, nodes, edges) == (self._title, self._nodes, self._edges):
                return
            self._title, self._nodes, self._edges = title, nodes, edges
            self._index = {node.id: index for index, node in enumerate(nodes)}
            new = [node.id for node in nodes if node.id not in self._rows]
            self._rows = {node.id: self._rows.get(node.id) or RowView() for node in nodes}
            # Pages take the rows of known tasks over by id; only those of new tasks must follow.
            self._dirty = {task: None for task in self._dirty if task in self._index} | dict.fromkeys(new)
            self._rev += 1
            self._graph_dirty = True
            self._touch(urgent=False)

    def row(self, task: str | int, row: RowView) -> None:
        """Where a task (by id, or by position in the present graph) stands now; the last write wins."""
        with self._changed:
            if isinstance(task, int):
                task = self._nodes[task].id
            before = self._rows.get(task)
            if before is None or before == row:
                return
            self._rows[task] = row
            self._dirty[task] = None
            self._touch(urgent=row.is_concluded)

    def run(self, done: int, total: int, expected_s: float | None = None) -> None:
        """Progress of the present run. A total of 0 says that nothing runs."""
        with self._changed:
            run = RunView(done, total, expected_s) if total else None
            if run == self._run:
                return
            self._run = run
            self._run_dirty = True
            self._touch(urgent=run is None)

    def notice(
        self,
        level: Level,
        text: str,
        *,
        task: str | None = None,
        cell: str | None = None,
        verbs: Iterable[str] = (),
    ) -> None:
        """Tell the person something; `verbs` become buttons on `task`."""
        message: NoticeMessage = {
            "type": "notice",
            "level": level,
            "text": text,
            "task": task,
            "cell": cell,
            "verbs": list(verbs),
        }
        with self._changed:
            # It goes with the rows: a notice about a failure must not overtake the row that shows it.
            self._notices.append(message)
            self._touch(urgent=True)

    def output(self, cell: str, op: str, output: dict[str, Any] | None = None) -> None:
        """Have the page write to a cell's outputs: `op` is "append", with an nbformat output, or "clear"."""
        if op not in ("append", "clear"):
            raise ValueError(f"{op!r} is not something to do with outputs: say 'append' or 'clear'.")
        message: OutputMessage = {
            "type": "output",
            "cell": cell,
            "op": "append" if op == "append" else "clear",
            "output": output,
        }
        with self._changed:
            if not self._joins(message):
                self._put(message)

    def reply(self, reply: Reply) -> None:
        """Acknowledge a command to every page; the one that asked knows its id."""
        self._enqueue(reply.message())

    def in_order(self, act: Act) -> None:
        """Do something in the sending thread, after what is queued already and before what comes later."""
        self._enqueue(act)

    def snapshot(self) -> Snap:
        """All there is to know now. State messages that follow it count on from its `seq`."""
        with self._changed:
            return {
                "type": "snap",
                "session": self.session,
                "rev": self._rev,
                "title": self._title,
                "nodes": [node_row(node) for node in self._nodes],
                "edges": [edge_row(edge) for edge in self._edges],
                "seq": self._seq,
                "now": self._now_ms(),
                "rows": [state_row(index, self._rows[node.id]) for index, node in enumerate(self._nodes)],
                "run": run_row(self._run),
                "saved": False,
            }

    # Sending ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the sending thread, unless it runs."""
        with self._changed:
            if self._thread is not None:
                return
            self._stopping = False
            self._thread = threading.Thread(target=self._loop, name="prefect_jupyter.publisher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send what is left and end the thread, if there is one."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.pump(everything=True)

    def pump(self, *, everything: bool = False) -> float:
        """Send what is due by the clock (or all of it) and return the seconds until more may be due."""
        with self._sending:  # one sender at a time keeps graph before state, and seq without gaps
            now = self._clock()
            with self._changed:
                batch: list[Message | Act] = self._queue
                self._queue = []
                wait_s = self._wait_s(now)
                if wait_s <= 0 or (everything and self._dirty_since is not None):
                    # Notices come last: a page that is just being greeted shall hear them too.
                    batch = [*self._take(now), *batch, *self._notices]
                    self._notices = []
                    wait_s = _IDLE_S
            for item in batch:
                if callable(item):
                    item()
                else:
                    self._send(item)
        return wait_s

    def _loop(self) -> None:
        while True:
            self.pump()
            with self._changed:
                if self._stopping:
                    return
                wait_s = self._wait_s(self._clock())
                if not self._queue and wait_s > 0:
                    # Never longer than a moment while rows wait: the wall clock may be set back.
                    self._changed.wait(None if self._dirty_since is None else min(wait_s, FLUSH_S))

    def _wait_s(self, now: float) -> float:
        if self._dirty_since is None:
            return _IDLE_S
        due = self._free_at if self._urgent else max(self._free_at, self._dirty_since + FLUSH_S)
        wait_s = due - now
        return 0.0 if wait_s > 10 * FLUSH_S else wait_s  # the clock was set back

    def _take(self, now: float) -> list[Message]:
        """The messages for what changed, each of its kind at most once."""
        messages: list[Message] = []
        if self._graph_dirty:
            messages.append(
                {
                    "type": "graph",
                    "session": self.session,
                    "rev": self._rev,
                    "title": self._title,
                    "nodes": [node_row(node) for node in self._nodes],
                    "edges": [edge_row(edge) for edge in self._edges],
                }
            )
        if self._dirty or self._run_dirty:
            self._seq += 1
            rows: list[StateRow] = [
                state_row(self._index[task], self._rows[task]) for task in self._dirty if task in self._index
            ]
            messages.append(
                {
                    "type": "state",
                    "rev": self._rev,
                    "seq": self._seq,
                    "now": self._now_ms(),
                    "rows": sorted(rows),
                    "run": run_row(self._run),
                }
            )
        self._graph_dirty = self._run_dirty = self._urgent = False
        self._dirty = {}
        self._dirty_since = None
        self._free_at = now + FLUSH_S * len(messages)
        return messages

    def _touch(self, *, urgent: bool) -> None:
        """Something is to be sent. The sending thread is woken only where that is due sooner than it knows."""
        is_known = self._dirty_since is not None and (self._urgent or not urgent)
        if self._dirty_since is None:
            self._dirty_since = self._clock()
        self._urgent = self._urgent or urgent
        if not is_known:
            self._changed.notify()

    def _enqueue(self, item: Message | Act) -> None:
        with self._changed:
            self._put(item)

    def _put(self, item: Message | Act) -> None:
        self._queue.append(item)
        if len(self._queue) == 1:  # else it has been woken already
            self._changed.notify()

    def _joins(self, message: OutputMessage) -> bool:
        """Add a piece of a stream to the last message, where that is the same stream of the same cell."""
        last = self._queue[-1] if self._queue else None
        if last is None or callable(last) or last["type"] != "output" or last["cell"] != message["cell"]:
            return False
        old, new = last["output"], message["output"]
        if last["op"] != "append" or not isinstance(old, dict) or not isinstance(new, dict):
            return False
        if old.get("output_type") != "stream" or new.get("output_type") != "stream":
            return False
        if old.get("name") != new.get("name") or len(old["text"]) + len(new["text"]) > STREAM_CHARS_MAX:
            return False
        last["output"] = {**old, "text": old["text"] + new["text"]}
        return True

    def _now_ms(self) -> float:
        return round(self._clock() * 1000)
