"""What a person decided about a task: its result is taken as unchanged, or stays whatever changes.

It must not turn a task fresh: what a person said is told apart from what was verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .rebuilder import FileStamp, Reason, Trace, Verdict

Kind: TypeAlias = Literal["accepted", "pinned"]
KINDS: tuple[Kind, ...] = ("accepted", "pinned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`trace` is the result that it is about, `at_s` when it was taken, in seconds since the epoch.

    An acceptance is about one text and its inputs as they were then: `digest`, `inputs` (fingerprints by name)
    and `files`. With anything else it says nothing.
    """

    kind: Kind
    at_s: float
    trace: Trace
    digest: str = ""
    inputs: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, FileStamp] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, ...]:
        """The values in the store that its result needs."""
        return (*self.trace.groups, *self.trace.ambient_out.values())


def decided(kind: Kind, when: str, natural: Verdict, cell: str) -> Verdict:
    """The verdict on a task that a person decided about, with what would be said of it otherwise."""
    said = f"{kind} by you {when}"
    if natural.is_fresh:
        said += " · nothing has changed since"
    return Verdict(kind, (Reason(said, cell), *natural.reasons))


def built_on(kind: Kind, task: str, cell: str) -> Verdict:
    """What is wrong with a value for its readers, when a person decided that it stays."""
    return Verdict("unverified", (Reason(f"built on {kind} `{task}`", cell),))
