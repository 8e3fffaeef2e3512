"""What values and code were in this kernel, as far as a later reason may say it.

It must not keep a value: only the words for small ones, and the text of code.
"""

from __future__ import annotations

import os
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..analysis.changes import explain_change
from ..runtime.origins import library_of
from ..runtime.workspace import Workspace
from .versions import Version
from .wording import PREVIEWED, preview

_LINE = re.compile(r" \(line \d+\)$")


@dataclass(frozen=True, slots=True)
class _Code:
    """`text` is that of a function or class of the notebook; `files` are the workspace's files that it reaches."""

    kind: str
    text: str
    files: Mapping[str, str]
    sources: frozenset[str]


class Remembered:
    """By fingerprint: what had it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._previews: dict[str, str] = {}
        self._codes: dict[str, _Code] = {}
        self._libraries: dict[str, tuple[str, str]] = {}

    def remember(self, version: Version, value: object, text: Callable[[], str]) -> None:
        """`text` finds the text of the definition, for functions and classes."""
        fingerprint = version.fingerprint
        if fingerprint is None:
            return
        if isinstance(value, PREVIEWED):
            self._previews[fingerprint] = preview(value)
        library = library_of(value)
        if library is not None:
            self._libraries[fingerprint] = library
        elif isinstance(value, (types.FunctionType, type, types.ModuleType)):
            files = self._workspace.paths({source.partition(":")[0] for source in version.sources})
            kind = "class" if isinstance(value, type) else "helper"
            known = self._codes.get(fingerprint)
            written = known.text if known is not None else text()
            self._codes[fingerprint] = _Code(kind, written, files, version.sources)

    def reloaded(self, before: Version, after: Version, value: object) -> None:
        """The same definition runs other code of a module now."""
        known = self._codes.get(before.fingerprint or "")
        self.remember(after, value, lambda: known.text if known is not None else "")

    def change(self, name: str, before: str, after: str, library_then: str = "") -> tuple[str, str]:
        """What changed between two fingerprints of a name: a sentence, and lines that show it.

        `library_then` is the library and its version that are known to have stood behind `before`.
        """
        then, now = self._previews.get(before), self._previews.get(after)
        if then is not None and now is not None:
            return f"`{name}` changed from {then} to {now}", ""
        library = self._libraries.get(after)
        if library is not None:
            top, version = library
            known = self._libraries.get(before)
            earlier = known[1] if known is not None else library_then.removeprefix(f"{top} ")
            if earlier and earlier != version:
                return f"library `{top}` changed from {earlier} to {version}", ""
        old, new = self._codes.get(before), self._codes.get(after)
        if old is None or new is None:
            return f"`{name}` changed", ""
        if old.text != new.text:
            return f"{new.kind} `{name}` changed", _without_line(explain_change(old.text, new.text))
        return self._change_in_files(name, old, new)

    def _change_in_files(self, name: str, old: _Code, new: _Code) -> tuple[str, str]:
        said, shown = "", []
        for path, digest in new.files.items():
            before = old.files.get(path)
            if before is None or before == digest:
                continue
            parts = self._workspace.changed_parts(path, before, digest)
            within = f"{self._workspace.module_of(path)}:"
            reached = {source.removeprefix(within) for source in old.sources | new.sources if source.startswith(within)}
            parts = (parts if "*" in reached else parts & {*reached, ""}) or parts
            named = sorted(part for part in parts if part)
            what = f"helper `{named[0]}` of {os.path.basename(path)}" if named else f"code of {os.path.basename(path)}"
            said = said or f"{what} changed, which `{name}` reaches"
            then, now = self._workspace.text_with(path, before), self._workspace.text_with(path, digest)
            if then is not None and now is not None:
                shown.append(explain_change(then, now))
        return said or f"{new.kind} `{name}` changed", "\n".join(shown)


def _without_line(change: str) -> str:
    """Lines of a definition's text are not those of its cell."""
    return _LINE.sub("", change)
