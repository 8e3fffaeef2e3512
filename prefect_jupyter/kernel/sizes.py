"""Amounts of bytes and ages as people write them in settings and after `%flow cache`.

It must not look anything up: what is free on a disk is given.
"""

from __future__ import annotations

import re

from ..analysis.options import RefusedError, duration_s

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)", re.IGNORECASE)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FACTORS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
NO_LIMIT = "none"


def size_bytes(text: str) -> int:
    """Bytes of `5G`, `500 MB`, `1.5gb`. Raises ValueError that says what to write."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text.strip()}` is not a size: write one such as 500 MB or 5 GB")
    return int(float(match[1]) * (_FACTORS[match[2].lower()] if match[2] else 1))


def quota_bytes(text: str, free_bytes: int) -> int | None:
    """A size, a share of what is free, or both: the smaller one; None for `none`. Raises ValueError."""
    if text.strip().lower() == NO_LIMIT:
        return None
    found = []
    for part in text.split(","):
        share = _SHARE.fullmatch(part.strip())
        found.append(int(float(share[1]) / 100 * free_bytes) if share is not None else _quota(part))
    return min(found)


def _quota(text: str) -> int:
    try:
        return size_bytes(text)
    except ValueError:
        raise ValueError(
            f"`{text.strip()}` is not a quota: write a size such as 5 GB, a share of the disk's free space such as"
            " 10%, both with a comma between them, or none"
        ) from None


def age_s(text: str) -> float | None:
    """Seconds of `30d`; None for `none`. Raises ValueError."""
    if text.strip().lower() == NO_LIMIT:
        return None
    try:
        return duration_s(text)
    except RefusedError as error:
        raise ValueError(str(error)) from None
