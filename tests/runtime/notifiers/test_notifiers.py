from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prefect_jupyter.runtime.notifiers import Destination, Failure, Outbox, compose, destinations
from prefect_jupyter.runtime.notifiers.destinations import config_file


def test_destinations_come_from_the_users_file_and_environment(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/home/me", "PREFECT_JUPYTER_NOTIFY_TEAM": "json://team"}
    file = config_file(environment)
    file.parent.mkdir(parents=True)
    file.write_text("# mine\nmail = mailto://me\nTEAM = json://old\nnonsense\n")
    found = destinations(environment)
    assert {name: one.address for name, one in found.items()} == {"mail": "mailto://me", "team": "json://team"}
    assert "mailto" not in repr(found)
    assert destinations({"HOME": str(tmp_path / "nowhere")}) == {}


def test_a_message_names_task_line_log_and_cure_and_is_harmless() -> None:
    failure = Failure(
        task="clean",
        error="ValueError: <!channel> @everyone\r\nBcc: all@example.org password=hunter2hunter2",
        where="line 3: df = df[df.dep_dela > 0]",
        log=("one\u202e", "two"),
    )
    title, body = compose("flights.ipynb", [failure])
    assert title == "`clean` failed in flights.ipynb"
    assert body.splitlines()[1:4] == ["  line 3: df = df[df.dep_dela > 0]", "  | one ", "  | two"]
    assert body.endswith("%flow retry")
    for bad in ("<!", "@everyone", "\r", "hunter2", "\u202e"):
        assert bad not in title + body


def test_five_hundred_failures_are_one_message() -> None:
    sent: list[tuple[str, str, Mapping[str, str]]] = []

    def send(title: str, body: str, addresses: Mapping[str, str]) -> dict[str, str]:
        sent.append((title, body, addresses))
        return {}

    outbox = Outbox(lambda: "a.ipynb", {"team": Destination("team", "json://x", "test")}, print, send, quiet_s=60)
    for number in range(500):
        outbox.put(Failure(task=f"t{number}", error="no"), ["team"])
    outbox.close()
    ((title, body, addresses),) = sent
    assert title == "500 tasks failed in a.ipynb"
    assert "… and 495 more" in body
    assert dict(addresses) == {"team": "json://x"}


def test_an_unknown_destination_and_one_that_fails_are_warned_of_once() -> None:
    said: list[str] = []
    known = {"team": Destination("team", "json://x", "test")}
    outbox = Outbox(lambda: "a.ipynb", known, said.append, lambda *_: {"team": "it is down"}, quiet_s=60)
    for _ in range(3):
        outbox.put(Failure(task="t", error="no"), ["tean", "team"])
    outbox.close()
    assert said == [
        "There is no notifier `tean`: yours are `team`. See docs/how-to/be-told-of-failures.md.",
        "`team` could not be told of a failure: it is down.",
    ]


def test_who_has_no_destinations_is_told_so() -> None:
    said: list[str] = []
    Outbox(lambda: "a.ipynb", {}, said.append, lambda *_: {}, quiet_s=60).put(Failure(task="t", error="no"), ["team"])
    assert said == ["There is no notifier `team`: you have none. See docs/how-to/be-told-of-failures.md."]


class _Webhook(BaseHTTPRequestHandler):
    requests: list[tuple[str, bytes]]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, body))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def webhook(status: int) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    seen: list[tuple[str, bytes]] = []
    handler = type("Handler", (_Webhook,), {"requests": seen, "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(addresses: dict[str, str]) -> dict[str, str]:
    order = json.dumps({"title": "a failed", "body": "KeyError", "addresses": addresses})
    program = "import prefect_jupyter.runtime.notifiers.send as send, sys; send.PAUSE_S = 0.0; sys.exit(send.main())"
    done = subprocess.run([sys.executable, "-c", program], input=order, capture_output=True, text=True, check=False)
    answers: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_a_webhook_gets_the_message_once() -> None:
    with webhook(200) as (port, seen):
        assert send({"team": f"json://127.0.0.1:{port}/hook", "odd": "nonsense"}) == {
            "team": "",
            "odd": "its address is none that apprise knows",
        }
    ((path, body),) = seen
    assert path.rstrip("/") == "/hook"
    assert json.loads(body)["message"] == "KeyError"


def test_a_redirection_is_not_followed_and_a_broken_endpoint_is_tried_three_times() -> None:
    with webhook(307) as (port, seen):
        assert send({"team": f"json://127.0.0.1:{port}/hook"})["team"].startswith("it did not take the message")
    assert {path.rstrip("/") for path, _ in seen} == {"/hook"}
    assert len(seen) == 3
