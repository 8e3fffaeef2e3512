"""The modules of the workspace that are loaded: the text each was made from, and whether its file has other code now.

It must not import or reload a module. What counts as code, and what is only layout, is for `analysis` to say.
"""

from __future__ import annotations

import ast
import os
import sys
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType, ModuleType

import xxhash

from ..analysis.digest import digest_of
from .origins import Origin, origin_of

_Stat = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a file and its code: `parts` are digests of its functions and classes by name, "" is the rest."""

    text: str
    digest: str
    parts: dict[str, str]


@dataclass(slots=True)
class _Loaded:
    """A module as it was loaded; `content` is what its file held then, None where that is not known.

    `code` is what its functions and methods ran then: autoreload puts other code into them.
    """

    module: ModuleType
    spec: object
    code: list[object]
    path: str
    stat: _Stat | None
    content: bytes | None

    @property
    def text(self) -> _Text | None:
        return None if self.content is None else _text_of(self.content)

    def is_another_now(self, module: ModuleType) -> bool:
        if module is not self.module or getattr(module, "__spec__", None) is not self.spec:
            return True
        now = _code_in(module)
        return len(now) != len(self.code) or any(one is not other for one, other in zip(now, self.code, strict=True))


class Workspace:
    """What is known of the workspace's modules in this process."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._loaded: dict[str, _Loaded] = {}
        self._by_path: dict[str, str] = {}
        self._contents: dict[str, tuple[_Stat, bytes | None]] = {}
        self._past: dict[str, list[bytes]] = {}

    def observe(self) -> frozenset[str]:
        """Takes in what was imported since; returns the modules that were loaded anew meanwhile."""
        for name in sys.modules.keys() - self._seen:
            self._seen.add(name)
            module = sys.modules.get(name)
            if isinstance(module, ModuleType) and name != "__main__" and origin_of(name) is Origin.WORKSPACE:
                self._take(name, module)
        again = set()
        for name, known in list(self._loaded.items()):
            module = sys.modules.get(name)
            if module is None:
                self._seen.discard(name)  # it may be imported once more
            elif known.is_another_now(module):
                self._take(name, module)
                again.add(name)
        return frozenset(again)

    def _take(self, name: str, module: ModuleType) -> None:
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            return
        path = os.path.abspath(path)
        before = self._loaded.get(name)
        if before is not None and before.content is not None:
            self._past.setdefault(name, []).append(before.content)
        stat, content = stat_of(path), self._content(path)
        spec = getattr(module, "__spec__", None)
        self._loaded[name] = _Loaded(module, spec, _code_in(module), path, stat, content)
        self._by_path[path] = name

    # --- code as it is loaded

    def paths(self, modules: Iterable[str]) -> dict[str, str]:
        """The files of those of `modules` that are the workspace's, each with the digest of the code loaded from it."""
        found: dict[str, str] = {}
        for name in modules:
            known = self._loaded.get(name)
            if known is not None:
                found[known.path] = "" if known.text is None else known.text.digest
        return found

    def files(self) -> list[str]:
        return list(self._by_path)

    def is_module(self, path: str) -> bool:
        return path in self._by_path

    def stat_when_loaded(self, path: str) -> _Stat | None:
        known = self._loaded.get(self.module_of(path))
        return None if known is None else known.stat

    def module_of(self, path: str) -> str:
        """The name of the module that was loaded from a file; "" where none was."""
        return self._by_path.get(path, "")

    def digest(self, path: str) -> str:
        """The digest of the code that counts for a file: what is loaded, else what it holds; "" for none."""
        name = self.module_of(path)
        text = self._loaded[name].text if name in sys.modules else self._on_disk(path)
        return "" if text is None else text.digest

    def text(self, path: str) -> str | None:
        """The text that counts for a file: the one loaded, else the one it holds."""
        known = self._loaded.get(self.module_of(path))
        text = self._on_disk(path) if known is None else known.text
        return None if text is None else text.text

    def text_on_disk(self, path: str) -> str | None:
        text = self._on_disk(path)
        return None if text is None else text.text

    def text_with(self, path: str, digest: str) -> str | None:
        """The text with this digest that a module of this file was loaded from at some time."""
        return next((text.text for text in self._texts(path) if text.digest == digest), None)

    def _texts(self, path: str) -> list[_Text]:
        name = self.module_of(path)
        known = self._loaded.get(name)
        contents = [*self._past.get(name, ()), *([known.content] if known is not None and known.content else ())]
        return [_text_of(content) for content in contents]

    # --- code as it is on disk

    def edited(self, sources: Iterable[str]) -> list[str]:
        """The files that have other code than what was loaded from them, in what `sources` name (`module:name`)."""
        files: set[str] = set()
        for source in sources:
            module, _, name = source.partition(":")
            if self._is_edited(module, name):
                files.add(self._loaded[module].path)
        return sorted(files)

    def _is_edited(self, module: str, name: str) -> bool:
        known = self._loaded.get(module)
        if known is None or sys.modules.get(module) is not known.module:
            return False
        if stat_of(known.path) == known.stat:
            return False
        now = self._on_disk(known.path)
        if known.text is None or now is None:
            return True
        if now.digest == known.text.digest:
            return False
        before = known.text.parts
        differing = {part for part in before.keys() | now.parts.keys() if before.get(part) != now.parts.get(part)}
        return name == "*" or name in differing or "" in differing or not differing

    def changed_parts(self, path: str, before: str, after: str) -> set[str]:
        """The functions and classes that differ between two digests of a file's code; "" is all the rest."""
        texts = [text for text in self._texts(path) if text.digest in (before, after)]
        if len({text.digest for text in texts}) < 2:
            return {""}
        one, other = (next(t.parts for t in texts if t.digest == digest) for digest in (before, after))
        return {part for part in one.keys() | other.keys() if one.get(part) != other.get(part)}

    def _on_disk(self, path: str) -> _Text | None:
        content = self._content(path)
        return None if content is None else _text_of(content)

    def _content(self, path: str) -> bytes | None:
        stat = stat_of(path)
        if stat is None:
            return None
        known = self._contents.get(path)
        if known is None or known[0] != stat:
            known = self._contents[path] = (stat, _read(path))
        return known[1]


def _code_in(module: ModuleType) -> list[object]:
    """The code objects of the functions and methods that were defined in a module."""
    space = vars(module)
    found: list[object] = []
    for value in list(space.values()):
        if isinstance(value, FunctionType) and value.__globals__ is space:
            found.append(value.__code__)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for member in list(vars(value).values()):
                inner = getattr(member, "__func__", getattr(member, "fget", member))
                if isinstance(inner, FunctionType):
                    found.append(inner.__code__)
    return found


def stat_of(path: str) -> _Stat | None:
    """What tells one state of a file from another without reading it; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


@lru_cache(maxsize=512)
def _text_of(content: bytes) -> _Text:
    """The text of a file; a file that is no Python counts by its bytes."""
    try:
        encoding, _ = tokenize.detect_encoding(iter(content.splitlines(keepends=True)).__next__)
        text = content.decode(encoding)
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Text("", xxhash.xxh3_128_hexdigest(content), {})
    if ast.get_docstring(tree, clean=False) is not None and "__doc__" not in text:
        del tree.body[0]
    return _Text(text, digest_of(tree, text), _parts(tree, text))


def _parts(tree: ast.Module, text: str) -> dict[str, str]:
    parts: dict[str, list[ast.stmt]] = {"": []}
    for statement in tree.body:
        is_definition = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        parts.setdefault(statement.name if is_definition else "", []).append(statement)  # type: ignore[attr-defined]
    return {name: digest_of(ast.Module(body, []), text) for name, body in parts.items()}
