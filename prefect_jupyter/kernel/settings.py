"""The settings of one kernel, as traits: `%config Flow`.

It must not act on them.
"""

from __future__ import annotations

from traitlets import Bool, CaselessStrEnum, List, Unicode
from traitlets.config import Configurable

from ..analysis.options import LOG_LEVELS


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
