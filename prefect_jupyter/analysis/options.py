"""The options of a task cell as one table: parsing, completion, help and the documentation come from it.

It knows what each option accepts; splitting a header into words is `directives`.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ..core.tasks import Mapping
from ..core.triggers import TRIGGERS, trigger_named

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h|d)", re.ASCII)
_DURATIONS_ACCEPTED = "a number and a unit, such as `250ms`, `10s`, `5m`, `2h` or `1d`"
_DAYS_MAX = 365
MUTATIONS = ("warn", "error")
PLACES = ("main", "threads")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class RefusedError(ValueError):
    """A value that an option does not accept; the message says what it accepts."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `parse` is given the option's text and raises `RefusedError`; without `metavar` it takes no value.

    `field` is what it sets; options that set the same field exclude each other. What a `repeatable` one is given
    is collected.
    """

    flags: tuple[str, ...]
    field: str
    help: str
    metavar: str | None = None
    parse: Callable[[str], object] = str
    constant: object = None
    choices: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def long(self) -> str:
        return self.flags[-1]


def duration_s(text: str) -> float:
    """Seconds of a duration such as `250ms` or `1.5h`; more than zero and at most a year."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise RefusedError(f"`{text.strip()}` is not a duration: write {_DURATIONS_ACCEPTED}")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if seconds <= 0:
        raise RefusedError(f"`{text.strip()}` is no time at all: write {_DURATIONS_ACCEPTED}")
    if not math.isfinite(seconds) or seconds > _DAYS_MAX * _UNITS_S["d"]:
        raise RefusedError(f"`{text.strip()[:20]}` is too long: at most {_DAYS_MAX}d")
    return seconds


def _durations_s(text: str) -> tuple[float, ...]:
    return tuple(duration_s(part) for part in text.split(","))


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise RefusedError(f"`{text}` is not a count: write a whole number from 0, such as `3`")
    return int(text)


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise RefusedError(f"`{text}` has an empty part: write words separated by commas, such as `a,b`")
    _refuse_twice(words)
    return words


def _names(text: str) -> tuple[str, ...]:
    names = _words(text)
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise RefusedError(f"`{name}` is not a variable's name: write names separated by commas, such as `a,b`")
    return tuple(unicodedata.normalize("NFKC", name) for name in names)


def _factor(text: str, low: float, high: float, example: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not low <= factor <= high:
        raise RefusedError(f"`{text}` is not a number from {low:g} to {high:g}: write one, such as `{example}`")
    return factor


def _backoff(text: str) -> float:
    return _factor(text, 1, 100, "2")


def _jitter(text: str) -> float:
    return _factor(text, 0, 1, "0.2")


def _exceptions(text: str) -> tuple[str, ...]:
    names = _words(text)
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise RefusedError(f"`{name}` is not an exception's name: write names such as `OSError,requests.Timeout`")
    return names


def names_in(expression: str) -> frozenset[str]:
    """The names that an expression reads, those that it binds itself (in a comprehension) left out."""
    nodes = [node for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)]
    bound = {node.id for node in nodes if not isinstance(node.ctx, ast.Load)}
    return frozenset(node.id for node in nodes) - bound


def normalised(expression: str) -> str:
    """An expression of a header as it is however its blanks, quotes and brackets are written."""
    return ast.unparse(ast.parse(expression, mode="eval"))


def _expression(text: str) -> str:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise RefusedError(f'`{text}` is not a Python expression: write one, in quotes, such as `"n > 3"`') from None
    return text.strip()


_MAP = re.compile(r"(.+?)\s+in\s+(.+)", re.DOTALL)


def _mapping(text: str) -> Mapping:
    match = _MAP.fullmatch(text.strip())
    if match is None:
        raise RefusedError(f"`{text}` names no elements: write `--map day in days`")
    return Mapping(_names(match[1]), _expression(match[2]))


def _limit(text: str) -> tuple[str, int]:
    tag, equals, number = text.partition("=")
    if not tag.strip() or not equals or not re.fullmatch(r"[1-9]\d{0,5}", number.strip(), re.ASCII):
        raise RefusedError(f"`{text}` is not a limit: write a tag and a number from 1, such as `db=2`")
    return tag.strip(), int(number)


def _refuse_twice(words: Sequence[str]) -> None:
    for position, word in enumerate(words):
        if word in words[:position]:
            raise RefusedError(f"`{word}` is there twice: write it once")


def _trigger(text: str) -> str:
    try:
        trigger_named(text)
    except ValueError as error:
        if "(" in text:
            raise RefusedError(str(error)) from None
        raise RefusedError(f"`{text}` is not a trigger" + _nearest(text, tuple(TRIGGERS), "write one of ")) from None
    return text


def _nearest(word: str, candidates: Sequence[str], otherwise: str, alike: float = 0.6) -> str:
    close = get_close_matches(word, candidates, n=1, cutoff=alike)
    if close:
        return f": did you mean `{close[0]}`?"
    return ": " + otherwise + ", ".join(f"`{candidate}`" for candidate in candidates)


def _log_level(text: str) -> str:
    level = text.upper()
    if level not in LOG_LEVELS:
        raise RefusedError(f"`{text}` is no level" + _nearest(level, LOG_LEVELS, "choose one of "))
    return level


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SEED_MAX = 2**32 - 1


def _pattern(text: str) -> str:
    if _ADDRESS.match(text):
        raise RefusedError(f"`{text}` is an address, not a file: say `--expires 1d` for what comes from elsewhere")
    if not text.strip() or "\0" in text:
        raise RefusedError(f"`{text}` names no file: write a path or a pattern, such as `data/*.csv`")
    return text


def _written_path(text: str) -> str:
    path = _pattern(text)
    if any(letter in path for letter in "*?"):
        raise RefusedError(f"`{path}` is a pattern: write the path of one file, such as `out.parquet`")
    if path.endswith(("/", "\\")):
        raise RefusedError(f"`{path}` is a folder: write the path of one file, such as `{path}out.parquet`")
    return path


def _variables(text: str) -> tuple[str, ...]:
    names = _words(text)
    for name in names:
        if not _VARIABLE.fullmatch(name):
            bare = name.partition("=")[0]
            hint = f"write the name alone, `{bare}`" if "=" in name and bare else "write names such as `HOME,API_URL`"
            raise RefusedError(f"`{bare or name}` is not the name of an environment variable: {hint}")
    return names


def _seed(text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > _SEED_MAX:
        raise RefusedError(f"`{text}` is not a seed: write a whole number from 0 to {_SEED_MAX}, such as `42`")
    return int(text)


def _place(text: str) -> str:
    if text not in PLACES:
        raise RefusedError(f"`{text}` is neither `main` nor `threads`" + _nearest(text, PLACES, "choose one of "))
    return text


def _mutation(text: str) -> str:
    if text not in MUTATIONS:
        raise RefusedError(f"`{text}` is neither `warn` nor `error`" + _nearest(text, MUTATIONS, "choose one of "))
    return text


# All of them begin with the same dashes: `--bogus` is no mistyped `--outputs`.
_FLAGS_ALIKE = 0.7

OPTIONS: tuple[Option, ...] = (
    Option(("-i", "--inputs"), "inputs", "names that the cell reads, beside those that its text shows", "a,b", _names),
    Option(("-o", "--outputs"), "outputs", "the names that the cell makes; others it binds are hidden", "a,b", _names),
    Option(("--cache",), "cache", "answer from the store when nothing changed, whatever the default is", constant=True),
    Option(("--no-cache",), "cache", "run every time, store nothing", constant=False),
    Option(("--retries",), "retries", "how often a failed run is tried again", "N", _count),
    Option(
        ("--retry-delay",),
        "retry_delay",
        "how long to wait before each further attempt; the last one repeats",
        "1s[,5s,30s]",
        _durations_s,
        choices=("1s", "10s", "1m"),
    ),
    Option(("--backoff",), "backoff", "how many times longer each wait beyond those is", "F", _backoff, choices=("2",)),
    Option(("--jitter",), "jitter", "by which part a wait may be longer or shorter", "F", _jitter, choices=("0.2",)),
    Option(("--retry-on",), "retry_on", "try again only after these exceptions", "Exc[,Exc]", _exceptions),
    Option(
        ("--timeout",), "timeout_s", "stop a run that takes longer", "90s", duration_s, choices=("10s", "1m", "10m")
    ),
    Option(
        ("--trigger",),
        "trigger",
        "what must have become of the tasks above before this one runs",
        "NAME",
        _trigger,
        choices=tuple(TRIGGERS),
    ),
    Option(("--when",), "when", "run only if this is true, else skip the task", '"n > 3"', _expression),
    Option(
        ("--map",),
        "maps",
        "run once for each element; several go side by side, and the shortest ends all",
        "item in items",
        _mapping,
        repeatable=True,
    ),
    Option(("--pause",), "pause", "ask a person before it runs", constant=True),
    Option(("--limit",), "limits", "how many tasks with this tag run at once", "TAG=N", _limit, repeatable=True),
    Option(("--tags",), "tags", "words to find, limit and filter tasks by", "a,b", _words),
    Option(("--defer",), "defer", "define the task now, run it when something needs it", constant=True),
    Option(
        ("--on-failure",), "on_failure", "your notifiers that are told when the task has failed", "NAME[,NAME]", _words
    ),
    Option(
        ("--log-level",),
        "log_level",
        "the lowest level of get_run_logger()'s lines that are shown",
        "LEVEL",
        _log_level,
        choices=LOG_LEVELS,
    ),
    Option(
        ("--file",),
        "files",
        "files that are inputs, also those that appear or vanish",
        "GLOB",
        _pattern,
        repeatable=True,
    ),
    Option(("--env",), "env", "environment variables that are inputs, by their digest", "NAME[,NAME]", _variables),
    Option(
        ("--expires",), "expires_s", "a result that is older is stale", "1d", duration_s, choices=("1h", "1d", "7d")
    ),
    Option(
        ("--seed",),
        "seed",
        "seeds the generators of Python and NumPy before each attempt",
        "N",
        _seed,
        choices=("0", "42"),
    ),
    Option(
        ("--writes",),
        "writes",
        "a file that the task makes: checked, kept, and put back on a hit",
        "PATH",
        _written_path,
        repeatable=True,
    ),
    Option(
        ("--mutation",),
        "mutation",
        "what a change of an input in place is: a warning or an error",
        "MODE",
        _mutation,
        choices=MUTATIONS,
    ),
    Option(
        ("--on",),
        "on",
        "where it runs: on the main thread, or in a run of several in threads beside others",
        "PLACE",
        _place,
        choices=PLACES,
    ),
)

BY_FLAG: dict[str, Option] = {flag: option for option in OPTIONS for flag in option.flags}


def nearest_option(flag: str) -> Option | None:
    """The option that a mistyped one is likely to be."""
    close = get_close_matches(flag, tuple(BY_FLAG), n=1, cutoff=_FLAGS_ALIKE)
    return BY_FLAG[close[0]] if close else None


def unknown_option(flag: str) -> str:
    """What to say of an option that does not exist."""
    return f"unknown option `{flag}`" + _nearest(flag, tuple(BY_FLAG), "there are ", _FLAGS_ALIKE)


def refuse_name(name: str) -> str | None:
    """Why a text cannot be a task's name, or None when it can."""
    if not name:
        return "the task's name is empty: write one, or leave it out"
    if len(name) > 100:
        return f"the task's name has {len(name)} characters: use at most 100"
    if keyword.iskeyword(name):
        return f"`{name}` is a word of Python: choose another name"
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            return f"the task's name has an invisible character (U+{ord(character):04X}): remove it"
        if not (character.isalnum() or character in "_-·." or unicodedata.category(character) in ("Mn", "Mc")):
            return f"the task's name `{name}` has `{character}`: use letters, digits, `_`, `-`, `.` and `·`"
    if not any(character.isalnum() or character == "_" for character in name):
        return f"the task's name `{name}` has no letter: use letters, digits, `_`, `-`, `.` and `·`"
    return None
