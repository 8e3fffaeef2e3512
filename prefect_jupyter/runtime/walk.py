"""The walk over a value that writes its canonical description into a digest.

It must not follow global names of functions (that is `fingerprints`), change what it visits, import
a library that is not loaded, or run out of stack: it keeps its own.
"""

from __future__ import annotations

import hashlib
import marshal
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import xxhash

from .origins import module_of

Handler = Callable[["Walk", Any], None]

# Values that `marshal` writes by type and content alone, floats by their bits. Exact types only.
ATOMS = frozenset({int, float, str, bytes, bool, complex, type(None), type(...)})
_MARSHAL = 2  # the last version without references, which depend on identity and interning
_BIG_BYTES = 65_536
_PENDING_TOKENS_MAX = 4_096
# About ten seconds of walking. Atoms inside lists and dictionaries cost a fraction of a step.
STEPS_MAX = 8_000_000
_ATOMS_A_STEP = 16
_CHECK_EVERY = 1_024

# Most severe first: a value that holds several kinds is treated as the worst of them.
HANDLES = ("io", "iterator", "figure", "memo")


class Run(NamedTuple):
    """Addresses that overlapping views cover, with the number and the address of the one that was met first."""

    low: int
    high: int
    number: int
    address: int


class TooLarge(Exception):  # noqa: N818 - an outcome, not an error
    """The value has more parts than a fingerprint is worth."""


@dataclass(frozen=True, slots=True)
class Local:
    """What one value is by itself. `edges` are (module, name): the globals that its code loads.

    `sources` are the functions and classes of the workspace's modules that are described in it, as (module,
    name); the name of a whole module is `*`.
    """

    digest: bytes
    storage: frozenset[int]
    edges: frozenset[tuple[str, str]]
    handle: str | None
    sources: frozenset[tuple[str, str]] = frozenset()


def atoms_token(value: Any) -> bytes:
    """The description of an atom, or of a list, tuple or dict that holds nothing but atoms."""
    token = marshal.dumps(value, _MARSHAL)
    return token if len(token) < _BIG_BYTES else big_token(token)


def big_token(content: bytes | memoryview) -> bytes:
    """A large run of bytes by its length and XXH3: nothing stronger keeps up with memory."""
    size = content.nbytes if isinstance(content, memoryview) else len(content)
    return b"\x80#%d;" % size + xxhash.xxh3_128_digest(content)


class Walk:
    """One walk over one value.

    Every token says its own length, so that different values cannot write the same bytes; tokens of
    ours begin above 0x7f, where `marshal` has none. An object that can be changed is written once and
    then referred to by its position: sharing is part of the content, and cycles end. Functions and
    classes are written after the value, so that storage reached only through code does not count as
    storage of the value.
    """

    __slots__ = (
        "_code", "_guarded", "_hasher", "_in_code", "_memo", "_memory", "_out", "_stack", "_steps",
        "edges", "globals_of", "handle", "handlers", "keep", "namespace", "sources", "storage",
    )  # fmt: skip

    def __init__(
        self,
        namespace: Mapping[str, object],
        handlers: dict[type, Handler],
        globals_of: dict[str, Mapping[str, object]],
    ) -> None:
        self.namespace = namespace
        self.handlers = handlers
        self.globals_of = globals_of
        self.storage: set[int] = set()
        self.edges: set[tuple[str, str]] = set()
        self.sources: set[tuple[str, str]] = set()
        self.handle: str | None = None
        # Objects made on the way, kept so that their ids are not given away again during the walk.
        self.keep: list[object] = []
        self._memo: dict[int, int] = {}
        self._memory: dict[int, list[Run]] = {}  # by owner, disjoint, in the order of addresses
        self._code: list[tuple[Handler, Any, bool]] = []
        self._guarded = False
        self._in_code = False
        self._stack: list[Any] = []
        self._out: list[bytes] = []
        self._hasher = hashlib.blake2b(digest_size=16)
        self._steps = 0

    def local(self, value: object) -> Local:
        self._stack.append(value)
        self._drain()
        return Local(
            self._hasher.digest(), frozenset(self.storage), frozenset(self.edges), self.handle, frozenset(self.sources)
        )

    # What handlers call.

    def emit(self, token: bytes) -> None:
        self._out.append(token)

    def emit_text(self, *texts: str) -> None:
        self._out.append(atoms_token(texts))

    def push(self, *values: object) -> None:
        """Describe these next, the first one first."""
        self._stack.extend(reversed(values))

    def seen(self, value: object) -> bool:
        """Write a reference and return True if this object was described before in this walk."""
        position = self._memo.get(id(value))
        if position is not None:
            self._out.append(b"\x80@%d;" % position)
            return True
        self._memo[id(value)] = len(self._memo)
        return False

    def stores(self, identity: int) -> None:
        if not self._in_code:
            self.storage.add(identity)

    def count(self, atoms: int) -> None:
        self._steps += atoms // _ATOMS_A_STEP

    def note(self, handle: str) -> None:
        """Reading this value is modifying it, or it has no content that could be compared."""
        if not self._guarded and (self.handle is None or HANDLES.index(handle) < HANDLES.index(self.handle)):
            self.handle = handle

    def opaque(self, value: object, handle: str) -> None:
        kind = type(value)
        self.emit_text("object", module_of(kind), kind.__qualname__)
        self.note(handle)

    def later(self, handler: Handler, value: object, *, guarded: bool) -> None:
        """Describe a function or class after the value itself. `guarded`: what it holds is no handle of the value."""
        if not self.seen(value):
            self._out.append(b"\x80>")
            self._code.append((handler, value, guarded or self._guarded))

    def overlapping(self, base: int, low: int, high: int) -> list[tuple[int, int]]:
        """What of the same memory was described before and overlaps with these addresses: (number, address) of each.

        What overlaps, also through others, counts as one from then on, so that it makes no difference whether what
        does not overlap lies in the same memory: in a copy it does not.
        """
        runs = self._memory.setdefault(base, [])
        start = bisect_left(runs, low, key=lambda run: run.high - 1)
        end = start
        while end < len(runs) and runs[end].low < high:
            end += 1
        met = sorted(runs[start:end], key=lambda run: run.number)
        first = met[0] if met else Run(low, high, len(self._memo), low)
        whole = [*met, Run(low, high, 0, 0)]
        runs[start:end] = [
            Run(min(run.low for run in whole), max(run.high for run in whole), first.number, first.address)
        ]
        return [(run.number, run.address) for run in met]

    def apart(self, value: object) -> bytes:
        """The digest of a part on its own, for parts whose order means nothing (elements of a set)."""
        outer = (self._stack, self._out, self._hasher, self._code, self._memory, self._in_code, self._guarded)
        self._stack, self._out, self._hasher, self._code = [value], [], hashlib.blake2b(digest_size=16), []
        self._memory = {base: runs.copy() for base, runs in self._memory.items()}
        mark = len(self._memo)
        try:
            self._drain()
            return self._hasher.digest()
        finally:
            # What was first met inside would be numbered by the order of the parts.
            while len(self._memo) > mark:
                self._memo.popitem()
            (self._stack, self._out, self._hasher, self._code, self._memory, self._in_code, self._guarded) = outer

    # The loop.

    def _drain(self) -> None:
        self._run()
        position = 0
        while position < len(self._code):
            handler, value, self._guarded = self._code[position]
            self._in_code = True
            handler(self, value)
            self._run()
            position += 1
        self._flush()

    def _run(self) -> None:
        stack, handlers = self._stack, self.handlers
        steps = self._steps
        check = steps + _CHECK_EVERY
        while stack:
            value = stack.pop()
            kind = type(value)
            if kind in ATOMS:
                self._out.append(atoms_token(value))
            else:
                handler = handlers.get(kind)
                if handler is None:
                    handler = self._resolve(kind)
                self._steps = steps
                handler(self, value)
                steps = self._steps
            steps += 1
            if steps >= check:
                check = steps + _CHECK_EVERY
                if steps > STEPS_MAX:
                    raise TooLarge
                if len(self._out) > _PENDING_TOKENS_MAX:
                    self._flush()
        self._steps = steps

    def _flush(self) -> None:
        self._hasher.update(b"".join(self._out))
        self._out.clear()

    def _resolve(self, kind: type) -> Handler:
        from .contents import handler_for

        handler = self.handlers[kind] = handler_for(kind)
        return handler
