"""Takes secrets out of text before it is written down or sent: what tokens look like, and what the environment has.

It must not be the only guard: values of a notebook never reach journal, messages or pages in the first place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

HIDDEN = "[hidden]"

_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|api[_.-]?key|access[_.-]?key|credential"
    r"|private[_.-]?key)[\w.-]*)"
)
_SECRET_NAME = re.compile(rf"(?i)\A(?!(?:old)?pwd\Z)(?:{_NAME}|authorization|auth|dsn|sas|cookie|session[_-]?id)\Z")
_SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | \beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*                       # JSON web token
    | \b(?:gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|xapp-|sk-|[prs]k_live_|hf_|npm_|pypi-|dop_v1_|shpat_|SG\.)
      [\w.-]{8,}
    | \b(?:AKIA|ASIA|AIza|ya29\.)[\w.-]{12,}
    | (?<=hooks\.slack\.com/)\S+ | (?<=discord\.com/api/webhooks/)\S+ | (?<=/bot)\d{6,}:[\w-]{20,}
    """,
    re.VERBOSE | re.DOTALL,
)
_URL_USER = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]{1,30}://)[^\s/@'\"]*@(?=[^\s@])")
_BEARER = re.compile(r"\b(?P<kind>(?i:bearer|basic|digest))(?P<gap>\s+)(?=\S*[A-Z\d=])[\w.+/=~:-]{6,}")
_NAMED = re.compile(
    rf"""(?ix)
    (?P<name>\b{_NAME}|\b(?:authorization|x-api-key|sig|signature|set-cookie|cookie))
    (?P<gap>["']?\s*(?:=>|[:=])\s*)
    (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"')\]}}]+)
    """
)
_LENGTH_MIN = 6
"""Shorter values of variables are words that may stand anywhere."""


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """`text` without what looks like a secret, and without the values of variables whose names say so."""
    for value in _own_secret_values() if environment is None else _secret_values(environment.items()):
        text = text.replace(value, HIDDEN)
    text = _URL_USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _SHAPES.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\g<kind>\g<gap>{HIDDEN}", text)
    return _NAMED.sub(rf"\g<name>\g<gap>{HIDDEN}", text)


def _own_secret_values() -> list[str]:
    """Those of this process. As the platform has them they can be compared fast: most often nothing has changed."""
    raw = getattr(os.environ, "_data", None)
    return _secret_values(os.environ.items()) if raw is None else _decoded_secret_values(tuple(raw.items()))


@lru_cache(maxsize=1)
def _decoded_secret_values(variables: tuple[tuple[str | bytes, str | bytes], ...]) -> list[str]:
    return _secret_values((os.fsdecode(name), os.fsdecode(value)) for name, value in variables)


def _secret_values(variables: Iterable[tuple[str, str]]) -> list[str]:
    """Longest first: one may be a part of another."""
    found = {value for name, value in variables if len(value) >= _LENGTH_MIN and _SECRET_NAME.match(name)}
    return sorted(found, key=len, reverse=True)
