"""What a value is, as a digest of its content: typed, canonical, equal in every process.

A fingerprint is for a moment: it must not be asked for while somebody changes the values it reaches.

Two hashes: structure goes through BLAKE2b (128 bits, in the standard library), because a fingerprint
decides what is shown; long runs of raw bytes go through XXH3 (128 bits) first, because it is the only
one that keeps up with memory.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .components import components
from .contents import is_figure
from .origins import module_of
from .walk import ATOMS, Handler, Local, Walk, atoms_token

_Node = tuple[str, str]  # module ("" for the notebook) and global name
_NOTHING: frozenset[int] = frozenset()
_NO_NAMES: frozenset[str] = frozenset()
_BUILTINS = vars(builtins)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` says all about the content if `stable`, else `object:<type>`, or for a memo what it wraps.

    `storage` are the ids of the mutable objects and of the owners of array memory that the value
    reaches, code not included: two names that share one of them share storage. `names` are the global
    names of the notebook that its code reaches, at any depth, bound or not, and of the builtins only
    `eval`, `exec`, `globals`, `locals`, `vars`. `sources` is the code that it reaches in modules of the
    workspace, as `module:name`, and `module:*` for all of it. `handle` says why reading it is modifying it: `iterator`,
    `figure`, `memo`, or `io` (a file, lock, connection, or whatever cannot be described).
    """

    digest: str
    storage: frozenset[int] = _NOTHING
    names: frozenset[str] = _NO_NAMES
    handle: str | None = None
    stable: bool = True
    sources: frozenset[str] = _NO_NAMES


class Fingerprinter:
    """Fingerprints of the values of one namespace at one moment.

    `known` are names whose value is not loaded yet, with the digest of that value. No value may change
    while this object lives: what a global name is bound to is described once.
    """

    def __init__(self, namespace: Mapping[str, object], known: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._known = known
        self._handlers: dict[type, Handler] = {}
        self._globals_of: dict[str, Mapping[str, object]] = {"": namespace}
        self._locals: dict[int, tuple[object, Local]] = {}
        self._digests: dict[_Node, str] = {}

    def of(self, value: object) -> Fingerprint:
        if type(value) in ATOMS:
            return Fingerprint(_digest(atoms_token(value)))
        local = self._local(value)
        digest, names = local.digest.hex(), _NO_NAMES
        if local.edges:
            names = self._names(local.edges)
            digest = _combine(digest, [(edge, self._digest_of(edge)) for edge in sorted(local.edges)])
        if local.handle is None:
            return Fingerprint(digest, local.storage, names, sources=self._sources(local))
        if local.handle != "memo":
            digest = f"object:{module_of(type(value))}.{type(value).__qualname__}"
        return Fingerprint(digest, local.storage, names, local.handle, stable=False, sources=self._sources(local))

    def own(self, value: object) -> Fingerprint:
        """Like `of`, but apart from what the notebook's global names hold: `names` are those that it reaches at once.

        For those who follow the names themselves and keep a fingerprint of each.
        """
        if type(value) in ATOMS:
            return Fingerprint(_digest(atoms_token(value)))
        local = self._local(value)
        digest = local.digest.hex()
        outside = sorted(edge for edge in local.edges if edge[0])
        if outside:
            digest = _combine(digest, [(edge, self._digest_of(edge)) for edge in outside])
        names = frozenset(name for module, name in local.edges if not module)
        if local.handle is not None and local.handle != "memo":
            digest = f"object:{module_of(type(value))}.{type(value).__qualname__}"
        return Fingerprint(
            digest, local.storage, names, local.handle, stable=local.handle is None, sources=self._sources(local)
        )

    def _local(self, value: object) -> Local:
        known = self._locals.get(id(value))
        if known is not None:
            return known[1]
        walk = Walk(self._namespace, self._handlers, self._globals_of)
        try:
            local = walk.local(value)
        except Exception:  # too large, too deep, or whatever the code of somebody else's type raises
            local = Local(_digest_bytes(type(value).__qualname__.encode()), frozenset({id(value)}), frozenset(), "io")
        self._locals[id(value)] = (value, local)
        return local

    # Global names: a graph with cycles, since functions call each other.

    def _successors(self, node: _Node) -> Iterable[_Node]:
        module, name = node
        bound = self._globals_of[module]
        if (module == "" and name in self._known) or name not in bound:
            return ()
        return self._local(bound[name]).edges

    def _own(self, node: _Node) -> str:
        module, name = node
        if module == "" and name in self._known:
            return self._known[name]
        bound = self._globals_of[module]
        if name in bound:
            return self._local(bound[name]).digest.hex()
        return "builtin" if name in _BUILTINS else "absent"

    def _digest_of(self, node: _Node) -> str:
        if node not in self._digests:
            for members in components(node, self._successors, self._digests):
                self._close(members)
        return self._digests[node]

    def _close(self, members: list[_Node]) -> None:
        """The digests of names that reach each other; those they reach outside are known already.

        All members share one description, in an order of its own: where a walk enters makes no difference.
        """
        outside = sorted({edge for member in members for edge in self._successors(member)} - set(members))
        reached = [(edge, self._digests[edge]) for edge in outside]
        if len(members) == 1 and members[0] not in self._successors(members[0]):
            own = self._own(members[0])
            self._digests[members[0]] = _combine(own, reached) if reached else own
            return
        shared = _combine("", [(member, self._own(member)) for member in sorted(members)] + reached)
        for member in members:
            self._digests[member] = _combine(self._own(member), [(member, shared)])

    def _names(self, edges: Iterable[_Node]) -> frozenset[str]:
        reached = set(edges)
        todo = list(reached)
        while todo:
            new = set(self._successors(todo.pop())) - reached
            reached |= new
            todo += new
        return frozenset(name for module, name in reached if not module)

    def _sources(self, local: Local) -> frozenset[str]:
        """The code of workspace modules that is reached without going through a name of the notebook."""
        found = set(local.sources)
        reached: set[_Node] = set()
        todo = [edge for edge in local.edges if edge[0]]
        while todo:
            node = todo.pop()
            if node in reached:
                continue
            reached.add(node)
            bound = self._globals_of[node[0]]
            if node[1] in bound:
                found.add(node)
                below = self._local(bound[node[1]])
                found |= below.sources
                todo += [edge for edge in below.edges if edge[0]]
        return frozenset(f"{module}:{name}" for module, name in found)


def _combine(own: str, parts: list[tuple[_Node, str]]) -> str:
    return _digest(atoms_token((own, *[text for (module, name), digest in parts for text in (module, name, digest)])))


def _digest(token: bytes) -> str:
    return hashlib.blake2b(token, digest_size=16).hexdigest()


def _digest_bytes(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=16).digest()


__all__ = ["Fingerprint", "Fingerprinter", "is_figure"]
