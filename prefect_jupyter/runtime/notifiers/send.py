"""`python -m prefect_jupyter.runtime.notifiers.send`: sends one message, given as JSON on standard input.

A program of its own, so that neither a dead address nor a library for one can hold up or change a kernel. It
must not follow redirections: they may lead inside of somebody's network.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

TRIES_MAX = 3
PAUSE_S = 2.0


def main() -> int:
    """Reads {"title", "body", "addresses": {name: address}}, prints {name: "" or why it was not sent}."""
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        import apprise
        import requests
    except ImportError:
        missing = "apprise is not installed: pip install 'prefect-jupyter-pipelines[notify]'"
        sys.stdout.write(json.dumps(dict.fromkeys(order["addresses"], missing)))
        return 1
    setattr(requests.sessions.SessionRedirectMixin, "get_redirect_target", lambda _self, _response: None)  # noqa: B010
    answers = {name: _send(apprise, address, order) for name, address in order["addresses"].items()}
    sys.stdout.write(json.dumps(answers))
    return 1 if any(answers.values()) else 0


def _send(apprise: Any, address: str, order: dict[str, Any]) -> str:
    sender = apprise.Apprise()
    if not sender.add(address):
        return "its address is none that apprise knows"
    for number in range(TRIES_MAX):
        if number:
            time.sleep(PAUSE_S * number)
        if sender.notify(
            title=order["title"], body=order["body"], notify_type="failure", body_format=apprise.NotifyFormat.TEXT
        ):
            return ""
    return f"it did not take the message, {TRIES_MAX} times"


if __name__ == "__main__":
    sys.exit(main())
