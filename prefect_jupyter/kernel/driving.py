"""Drives a coroutine to its end from inside a cell, while the kernel's own loop stands still.

It must not know what the coroutine does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_to_end(work: Coroutine[Any, Any, _T], *, may_wait: bool) -> _T:
    """Without a loop where `work` awaits nothing, else (`may_wait`) in a loop of its own."""
    if may_wait:
        return _in_a_loop_of_its_own(work)
    try:
        work.send(None)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    raise AssertionError("A run that awaits something was driven without a loop.")


def _in_a_loop_of_its_own(work: Coroutine[Any, Any, _T]) -> _T:
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
        asyncio._set_running_loop(outer)
