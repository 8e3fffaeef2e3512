"""The messages between a kernel and a page, as data: every field, every word, every limit.

It must not send, receive, or act on anything. `python -m prefect_jupyter.view.protocol` prints the same
contract in TypeScript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypedDict, get_args

PROTOCOL: Final = 1
TARGET: Final = "prefect_jupyter"
HELLO_TARGET: Final = "prefect_jupyter.hello"
MIME: Final = "application/vnd.prefect-jupyter.graph+json"

# The position of a word is its code on the wire: append, never reorder.
STATES: Final = (
    "Pending",
    "Scheduled",
    "Queued",
    "Running",
    "Success",
    "Cached",
    "Mapped",
    "Looped",
    "Skipped",
    "Retrying",
    "Paused",
    "Resume",
    "Failed",
    "TimedOut",
    "TriggerFailed",
    "ValidationFailed",
    "Cancelling",
    "Cancelled",
    "Crashed",
)
VERDICTS: Final = ("fresh", "stale", "unverified", "unchecked", "accepted", "pinned")

CONCLUDED: Final = frozenset(
    {
        "Success",
        "Cached",
        "Mapped",
        "Looped",
        "Skipped",
        "Failed",
        "TimedOut",
        "TriggerFailed",
        "ValidationFailed",
        "Cancelled",
        "Crashed",
    }
)
FAILURES: Final = frozenset({"Failed", "TimedOut", "ValidationFailed", "Crashed"})
BLOCKED: Final = frozenset({"TriggerFailed"})
ACTIVE: Final = frozenset({"Running", "Retrying", "Cancelling"})

Verb: TypeAlias = Literal[
    "run", "rerun", "run_from", "retry_failed", "cancel", "accept", "pin", "unpin", "cache", "cache_delete",
    "cache_prune", "pause", "resume", "retry_now", "skip", "unskip", "history", "why", "plan", "snap", "document",
]  # fmt: skip
VERBS: Final[tuple[str, ...]] = get_args(Verb)
Level: TypeAlias = Literal["info", "warning", "error"]

TASKS_MAX: Final = 20_000
CELLS_MAX: Final = 20_000
ID_CHARS_MAX: Final = 256
SOURCE_CHARS_MAX: Final = 4_000_000
SOURCES_CHARS_MAX: Final = 16_000_000
LINE_CHARS_MAX: Final = 500


class NodeRow(NamedTuple):
    """A task in `graph`: what does not change while it runs."""

    id: str
    name: str
    cell: str
    label: str
    total: int
    reads: list[str]
    writes: list[str]


class EdgeRow(NamedTuple):
    """A connection in `graph`: positions of two tasks and the names that are handed over."""

    source: int
    target: int
    names: list[str]


class StateRow(NamedTuple):
    """A task in `state`: `state` and `verdict` are codes, `t0` and `t1` are ms since the epoch."""

    node: int
    state: int
    verdict: int
    t0: float | None
    t1: float | None
    attempt: int
    done: int
    failed: int
    running: int
    note: str
    reason: str


class RunRow(NamedTuple):
    """Progress of the present run; `expected_s` is the time still to go."""

    done: int
    total: int
    expected_s: float | None


class Welcome(TypedDict):
    type: Literal["welcome"]
    protocol: int
    version: str
    session: str
    title: str


class GraphMessage(TypedDict):
    type: Literal["graph"]
    session: str
    rev: int
    title: str
    nodes: list[NodeRow]
    edges: list[EdgeRow]


class StateMessage(TypedDict):
    type: Literal["state"]
    rev: int
    seq: int
    now: float
    rows: list[StateRow]
    run: RunRow | None


class Snap(TypedDict):
    type: Literal["snap"]
    session: str
    rev: int
    title: str
    nodes: list[NodeRow]
    edges: list[EdgeRow]
    seq: int
    now: float
    rows: list[StateRow]
    run: RunRow | None
    saved: bool


class ReplyMessage(TypedDict):
    type: Literal["reply"]
    id: str
    ok: bool
    text: str
    detail: object


class NoticeMessage(TypedDict):
    type: Literal["notice"]
    level: Level
    text: str
    task: str | None
    cell: str | None
    verbs: list[str]


class OutputMessage(TypedDict):
    """`output` is an nbformat output to append, or with "replace" all outputs that the cell shall have."""

    type: Literal["output"]
    cell: str
    op: Literal["clear", "append", "replace"]
    output: object


Message: TypeAlias = Welcome | GraphMessage | StateMessage | Snap | ReplyMessage | NoticeMessage | OutputMessage


class Opening(TypedDict):
    """What the page says when it opens a comm: the kernel pushes on one and never sends on the other.

    `shared`: several pages edit one document, so that one of them writes outputs for all.
    """

    role: Literal["push", "commands"]
    page: str
    protocol: int
    shared: bool


class CommandMessage(TypedDict):
    """A command as the page writes it; `order` is null when it has not changed since the last message."""

    id: str
    protocol: int
    session: str
    verb: Verb
    tasks: list[str]
    order: list[str] | None
    sources: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A checked command. `order` is None when the page said nothing new; `sources` are texts by cell id."""

    id: str
    session: str
    verb: str
    tasks: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def reply(self, text: str = "", *, ok: bool = True, detail: object = None) -> Reply:
        return Reply(id=self.id, ok=ok, text=text, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The acknowledgement of a command, before its work is done. `detail` is JSON."""

    id: str
    ok: bool = True
    text: str = ""
    detail: Any = None

    def message(self) -> ReplyMessage:
        return {"type": "reply", "id": self.id, "ok": self.ok, "text": self.text, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not understood: `id` is the command's where it had a usable one."""

    id: str
    text: str

    def reply(self) -> Reply:
        return Reply(id=self.id, ok=False, text=self.text)


def parse_command(data: object) -> Command | Refusal:
    """Check what a page sent. Total: whatever `data` is, a command or the reason why it is none comes back."""
    if not isinstance(data, Mapping):
        return Refusal("", f"A command is an object, not {_kind(data)}. Reload the page.")
    command = data.get("id")
    if not isinstance(command, str) or not 0 < len(command) <= ID_CHARS_MAX:
        return Refusal("", f"A command needs an 'id' of 1 to {ID_CHARS_MAX} characters. Reload the page.")
    protocol = data.get("protocol", PROTOCOL)
    if type(protocol) is not int or protocol != PROTOCOL:
        return Refusal(
            command,
            "This page and the kernel speak different versions of prefect_jupyter. "
            "Reload the page, and restart the kernel if that does not help.",
        )
    verb = data.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        known = ", ".join(VERBS)
        return Refusal(
            command, f"The kernel does not know the command {_short(verb)}; it knows {known}. Reload the page."
        )
    session = data.get("session", "")
    if not isinstance(session, str) or len(session) > ID_CHARS_MAX:
        return Refusal(
            command, f"The session of a command is a text of at most {ID_CHARS_MAX} characters. Reload the page."
        )
    tasks = _texts(data.get("tasks", ()), TASKS_MAX)
    if tasks is None:
        return Refusal(command, f"'tasks' is a list of at most {TASKS_MAX} task ids. Reload the page.")
    order_given = data.get("order")
    order = None if order_given is None else _texts(order_given, CELLS_MAX)
    if order is None and order_given is not None:
        return Refusal(command, f"'order' is a list of at most {CELLS_MAX} cell ids, or null. Reload the page.")
    sources = _sources(data.get("sources"))
    if isinstance(sources, str):
        return Refusal(command, sources)
    return Command(id=command, session=session, verb=verb, tasks=tasks, order=order, sources=sources)


def _texts(value: object, count_max: int) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple) or len(value) > count_max:
        return None
    if not all(isinstance(item, str) and len(item) <= ID_CHARS_MAX for item in value):
        return None
    return tuple(value)


def _sources(value: object) -> Mapping[str, str] | str:
    """The texts by cell id, or the reason why they are not acceptable."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping) or len(value) > CELLS_MAX:
        return f"'sources' maps at most {CELLS_MAX} cell ids to texts. Reload the page."
    chars = 0
    for cell, text in value.items():
        if not isinstance(cell, str) or len(cell) > ID_CHARS_MAX or not isinstance(text, str):
            return "'sources' maps cell ids to texts. Reload the page."
        if len(text) > SOURCE_CHARS_MAX:
            return (
                f"A cell of {len(text):,} characters is too long for a command (limit {SOURCE_CHARS_MAX:,}): split it."
            )
        chars += len(text)
    if chars > SOURCES_CHARS_MAX:
        return f"The edited cells have {chars:,} characters, limit {SOURCES_CHARS_MAX:,}: run some by hand first."
    return MappingProxyType(dict(value))


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _short(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else _kind(value)


def one_line(text: str) -> str:
    """The first line of `text`, cut where a row would grow too wide."""
    line = text.strip().split("\n", 1)[0].rstrip()
    return line if len(line) <= LINE_CHARS_MAX else line[: LINE_CHARS_MAX - 1] + "…"


if __name__ == "__main__":
    import sys

    from .typescript import typescript

    sys.stdout.write(typescript())
