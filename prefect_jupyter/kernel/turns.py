"""Of several kernels that need one result at once, the first computes it and the others wait, interruptibly.

It must not wait while this kernel computes something itself, or two kernels could wait for each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..runtime.stores import Store
from .wording import WAITS_FOR_ANOTHER_KERNEL

_FIRST_PAUSE_S = 0.002
# A holder that dies is noticed within this time.
_LONGEST_PAUSE_S = 0.1


class Turns:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, key: str, *, patient: bool, awaits: bool, tell: Callable[[str], None]) -> bool:
        """Claims `key`. False: another kernel computes it, and there is no waiting for that: it is done twice.

        Where nothing may be awaited the main thread sleeps, as the task itself would keep it busy; either way an
        interrupt leaves this as KeyboardInterrupt or CancelledError. `tell` gets the line for the task's row.
        """
        claim = self._store.claim
        if claim(key):
            return True
        if not patient or self._store.has_claims:
            return False
        tell(WAITS_FOR_ANOTHER_KERNEL)
        pause_s = _FIRST_PAUSE_S
        while not claim(key):
            if awaits:
                await asyncio.sleep(pause_s)
            else:
                time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        tell("")
        return True

    def give_back(self, key: str) -> None:
        self._store.release(key)
