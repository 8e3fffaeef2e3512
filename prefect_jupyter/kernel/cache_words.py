"""What stands after `%flow cache`: words in, one line or the table out.

It must not remove anything before all words are understood.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import TaskError

if TYPE_CHECKING:
    from .cache import Cache
    from .session import Session

ACTIONS = ("delete", "prune", "verify", "clear")
ALL = "--all"
OPTIONS = {"prune": ("--older", "--to"), "clear": (ALL,), "": (ALL,)}


def do_cache(session: Session, words: Sequence[str]) -> str | Cache:
    """Raises `TaskError` that says which word is wrong and what may stand there."""
    action, rest = (words[0], words[1:]) if words and not words[0].startswith("-") else ("", list(words))
    if action not in ("", *ACTIONS):
        near = difflib.get_close_matches(action, ACTIONS, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"it can {', '.join(ACTIONS)}."
        raise TaskError(f"%flow cache cannot `{action}`: {hint}")
    if action == "delete":
        unknown = next((word for word in rest if word.startswith("-")), None)
        if unknown is not None or not rest:
            what = f"does not know `{unknown}`" if unknown is not None else "needs a task or a key"
            raise TaskError(f"%flow cache delete {what}: write %flow cache delete TASK|KEY…")
        return session.cache().delete(*rest)
    options = _options(action, rest)
    if action == "prune":
        return session.cache().prune(older=options.get("--older"), to=options.get("--to"))
    if action == "verify":
        return session.cache().verify()
    cache = session.cache(everywhere=ALL in options)
    return cache.clear() if action == "clear" else cache


def _options(action: str, words: Sequence[str]) -> dict[str, str]:
    """`--to 5G` and `--to=5G`; a flag has no value."""
    known = OPTIONS.get(action, ())
    said = f"%flow cache {action}".rstrip()
    found: dict[str, str] = {}
    todo = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    while todo:
        word = todo.pop(0)
        if word not in known:
            may = " and ".join(known) if known else "nothing more"
            raise TaskError(f"{said} does not know `{word}`: there may stand {may}.")
        if word != ALL and not todo:
            raise TaskError(f"{said} {word} needs a value, such as {'30d' if word == '--older' else '5G'}.")
        found[word] = "" if word == ALL else todo.pop(0)
    return found
