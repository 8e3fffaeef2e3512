"""`get_run_logger()`: a logger for each task, whose lines stand in the task's own cell.

It must not touch the root logger or anybody else's: what a notebook logs by itself looks as it does without us.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

_FORMAT = "%(asctime)s.%(msecs)03d | %(levelname)-7s | %(task)s - %(message)s"


class _ToTheCell(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is when the line is written: the output of the cell whose task runs."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        """Belongs to the base class; there is nothing to set."""


def run_logger(task: str | None, level: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger of a task by name, None outside of any, at `level` and above."""
    logger = logging.getLogger(f"prefect_jupyter.task.{task}" if task else "prefect_jupyter.notebook")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_ToTheCell())
    logger.setLevel(level)
    return logging.LoggerAdapter(logger, {"task": f"`{task}`" if task else "notebook"})
