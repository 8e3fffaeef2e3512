"""What can stand at the cursor in a task's header or after `%flow`.

It must not know the session: verbs, tasks and settings are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..analysis.directives import complete
from .cache_words import ACTIONS, OPTIONS

_HEADER = re.compile(r"\s*(?:%%task\s|#\s*\|\s*task\s*:)(.*)")
_FLOW = re.compile(r"\s*%flow\s(.*)")
_WITHOUT_TASKS = frozenset({"show", "status", "check"})


def words_at(
    line: str, verbs: Iterable[str], tasks: Callable[[], Iterable[str]], settings: Iterable[str]
) -> list[str] | None:
    """Whole words for the one that ends `line`, which ends at the cursor; None where it is no line of ours."""
    header = _HEADER.fullmatch(line)
    if header is not None:
        return complete(header[1], len(header[1]))
    flow = _FLOW.fullmatch(line)
    if flow is None:
        return None
    *before, typed = re.split(r"\s+", flow[1].lstrip())
    return [word for word in _after(before, verbs, tasks, settings) if word.startswith(typed)]


def _after(
    before: list[str], verbs: Iterable[str], tasks: Callable[[], Iterable[str]], settings: Iterable[str]
) -> list[str]:
    if not before:
        return list(verbs)
    verb, *named = before
    if verb == "cache":
        return _after_cache(named, tasks)
    if verb == "config":
        return [f"{name}=" for name in settings]
    return [] if verb in _WITHOUT_TASKS else [task for task in tasks() if task not in named]


def _after_cache(words: list[str], tasks: Callable[[], Iterable[str]]) -> list[str]:
    if not words:
        return [*ACTIONS, *OPTIONS[""]]
    action, *named = words
    if action == "delete":
        return [task for task in tasks() if task not in named]
    return [option for option in OPTIONS.get(action, ()) if option not in named]
