"""The settings of one kernel, as traits: `%config Flow`.

It must not act on them.
"""

from __future__ import annotations

from traitlets import Bool
from traitlets.config import Configurable


class Flow(Configurable):
    """Settings of prefect_jupyter."""

    stop_on_error = Bool(False, help="A failed task aborts the cells queued behind it, as a plain cell does.").tag(
        config=True
    )
