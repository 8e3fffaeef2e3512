"""The settings of one kernel, as traits: `%config Flow`.

It must not act on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traitlets import Bool, CaselessStrEnum, Int, List, TraitError, Unicode, validate
from traitlets.config import Configurable

from ..analysis.options import LOG_LEVELS
from .sizes import age_s, quota_bytes


class Flow(Configurable):
    """Settings of prefect_jupyter."""

    stop_on_error = Bool(False, help="A failed task aborts the cells queued behind it, as a plain cell does.").tag(
        config=True
    )

    cache_key_file = Unicode(
        "",
        help="A file with the key that the entries of the cache are signed with, in place of your own: "
        "who has the same key uses your results, and you theirs. Readable by you alone (chmod 600).",
    ).tag(config=True)

    log_level = CaselessStrEnum(
        LOG_LEVELS, "INFO", help="The lowest level of get_run_logger()'s lines that are shown: DEBUG, INFO, WARNING …"
    ).tag(config=True)

    notify = List(
        Unicode(), help="Your notifiers that are told of every failed task, by name: [] or ['team', 'mail']."
    ).tag(config=True)

    cache_quota = Unicode(
        "10 GB, 10%",
        help="How much the cache may hold: a size such as 5 GB, a share of the disk's free space such as 10%, "
        "the smaller of both, or none for no limit. Above it, results go that save the fewest seconds for their bytes.",
    ).tag(config=True)

    cache_age = Unicode(
        "90d", help="Results that nobody used for this long go from the cache, such as 30d; none for no limit."
    ).tag(config=True)

    threads = Int(
        8,
        min=0,
        help="How many tasks with `--on threads` run at once in a run of several; 0: none, all on the main thread.",
    ).tag(config=True)

    @validate("cache_quota")
    def _check_quota(self, proposal: Any) -> str:
        return _checked(proposal.value, lambda text: quota_bytes(text, 0))

    @validate("cache_age")
    def _check_age(self, proposal: Any) -> str:
        return _checked(proposal.value, age_s)


def _checked(text: str, read: Callable[[str], object]) -> str:
    try:
        read(text)
    except ValueError as error:
        raise TraitError(f"{error}.") from None
    return text
