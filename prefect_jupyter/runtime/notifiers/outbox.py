"""Collects failures for a moment and sends one message about them, beside everything else.

It must not delay or fail a run, whatever the destinations do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping

from .destinations import Destination
from .message import Failure, compose

QUIET_S = 2.0
"""A message is sent when nothing more has failed for so long …"""
PATIENCE_S = 30.0
"""… or when the first failure in it is so old."""
_LIMIT_S = 90.0
_FAILURES_MAX = 10_000

Send = Callable[[str, str, Mapping[str, str]], dict[str, str]]
"""Title, body and addresses by name to what went wrong by name."""


class Outbox:
    """`warn` is told, in one line each, what could not be sent. `send` runs in a thread of the outbox."""

    def __init__(
        self, notebook: Callable[[], str], known: Mapping[str, Destination], warn: Callable[[str], None],
        send: Send | None = None, quiet_s: float = QUIET_S,
    ) -> None:  # fmt: skip
        self._notebook = notebook
        self._known = known
        self._warn = warn
        self._send = send or _in_a_program
        self._quiet_s = quiet_s
        self._arrived = threading.Condition()
        self._waiting: list[tuple[Failure, frozenset[str]]] = []
        self._thread: threading.Thread | None = None
        self._told_unknown: set[str] = set()
        self._is_closing = False

    @property
    def known(self) -> Mapping[str, Destination]:
        """The destinations that there are, by name."""
        return self._known

    def put(self, failure: Failure, names: Iterable[str]) -> None:
        """Tell these destinations of `failure`, soon. An unknown one is warned of, once."""
        wanted = {name.lower() for name in names}
        for name in sorted(wanted - self._known.keys() - self._told_unknown):
            self._told_unknown.add(name)
            known = ", ".join(f"`{known}`" for known in self._known)
            there = f"yours are {known}" if known else "you have none"
            self._warn(f"There is no notifier `{name}`: {there}. See docs/how-to/be-told-of-failures.md.")
        wanted &= self._known.keys()
        with self._arrived:
            if not wanted or len(self._waiting) >= _FAILURES_MAX or self._is_closing:
                return
            self._waiting.append((failure, frozenset(wanted)))
            self._arrived.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="prefect_jupyter.outbox", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Sends what waits, without waiting for more, and returns when it is sent or given up."""
        with self._arrived:
            self._is_closing = True
            self._arrived.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
                self._let_it_settle()
                batch, self._waiting = self._waiting, []
            # Destinations that are told the same share a message.
            for names in sorted({names for _, names in batch}, key=sorted):
                failures = [failure for failure, wanted in batch if wanted == names]
                self._tell(*compose(self._notebook(), failures), names)

    def _let_it_settle(self) -> None:
        waited = 0.0
        while not self._is_closing and waited < PATIENCE_S:
            count = len(self._waiting)
            self._arrived.wait(self._quiet_s)
            waited += self._quiet_s
            if len(self._waiting) == count:
                return

    def _tell(self, title: str, body: str, names: Iterable[str]) -> None:
        addresses = {name: self._known[name].address for name in sorted(names)}
        for name, trouble in self._send(title, body, addresses).items():
            if trouble:
                self._warn(f"`{name}` could not be told of a failure: {trouble}.")


def _in_a_program(title: str, body: str, addresses: Mapping[str, str]) -> dict[str, str]:
    """The addresses travel on standard input: nobody sees them in a list of processes."""
    order = json.dumps({"title": title, "body": body, "addresses": dict(addresses)})
    command = [sys.executable, "-m", "prefect_jupyter.runtime.notifiers.send"]
    try:
        done = subprocess.run(command, input=order, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        answers: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return dict.fromkeys(addresses, f"no answer within {_LIMIT_S:.0f} s")
    except (OSError, ValueError, IndexError):
        return dict.fromkeys(addresses, "the program that sends it did not run")
    return answers
