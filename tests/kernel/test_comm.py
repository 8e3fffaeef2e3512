from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm, CommManager

from prefect_jupyter.kernel.comm import PAGES_MAX, Link
from prefect_jupyter.view.pipeline import NodeView, RowView
from prefect_jupyter.view.protocol import HELLO_TARGET, PROTOCOL, TARGET, Command, Reply


class RecordingComm(BaseComm):  # type: ignore[misc]
    """A comm whose messages are kept, with the thread that sent them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.senders: set[str] = set()
        self.broken = False
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, *_args: Any, **_keys: Any) -> None:
        if self.broken:
            raise OSError("the network is gone")
        self.sent.append((msg_type, data))
        self.senders.add(threading.current_thread().name)

    def messages(self, kind: str) -> list[Any]:
        return [data for msg_type, data in self.sent if msg_type == "comm_msg" and data["type"] == kind]


class Kernel:
    """The comms of a kernel, opened and fed as a page would."""

    def __init__(self) -> None:
        self.manager = CommManager()
        self.made: list[RecordingComm] = []

    def create(self, *args: Any, **kwargs: Any) -> RecordingComm:
        made = RecordingComm(*args, **kwargs)
        self.made.append(made)
        return made

    def open(self, **data: Any) -> RecordingComm:
        opened = RecordingComm(target_name=TARGET, primary=False, comm_id=f"c{len(self.manager.comms)}-{id(data)}")
        self.manager.register_comm(opened)
        self.manager.targets[TARGET](opened, {"content": {"data": data}})
        return opened

    def page(self, page: str = "p1", *, shared: bool = False) -> tuple[RecordingComm, RecordingComm]:
        """Both comms of one page: push, commands."""
        commands = self.open(role="commands", page=page, protocol=PROTOCOL, shared=shared)
        return self.open(role="push", page=page, protocol=PROTOCOL, shared=shared), commands


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr("prefect_jupyter.kernel.comm.get_comm_manager", lambda: made.manager)
    monkeypatch.setattr("prefect_jupyter.kernel.comm.create_comm", made.create)
    monkeypatch.setattr(comm, "get_comm_manager", lambda: made.manager)
    return made


@pytest.fixture
def received() -> list[Command]:
    return []


@pytest.fixture
def link(kernel: Kernel, received: list[Command]) -> Iterator[Link]:
    def receive(command: Command) -> Reply:
        received.append(command)
        if command.verb == "rerun":
            raise RuntimeError("boom")
        return command.reply(f"took {command.verb}", ok=command.verb != "pause")

    seconds = itertools.count()  # time flies: nothing has to wait for what came before
    made = Link(receive, session="s1", version="1.2", clock=lambda: float(next(seconds)))
    made.publisher.graph("flights", [NodeView(id="t1", name="load")], [])
    made.start()
    yield made
    made.stop()


def settle(link: Link) -> None:
    """Wait until all that has been said so far is sent."""
    for _ in range(2):  # notices close the round in which they are sent; after the next one they are out
        done = threading.Event()
        link.publisher.in_order(done.set)
        assert done.wait(10)


def say(comm_: RecordingComm, link: Link, **data: Any) -> None:
    comm_.handle_msg({"content": {"data": data}})
    settle(link)


def command(verb: str, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "session": "s1", "verb": verb, **more}


def test_the_kernel_says_hello_once(kernel: Kernel, link: Link) -> None:
    link.start()

    assert [made.target_name for made in kernel.made] == [HELLO_TARGET]
    assert kernel.made[0].sent == [("comm_open", {"protocol": PROTOCOL, "session": "s1"})]


def test_a_page_is_welcomed_and_told_everything(kernel: Kernel, link: Link) -> None:
    push, commands = kernel.page()
    settle(link)

    assert [data["type"] for kind, data in push.sent if kind == "comm_msg"][:2] == ["welcome", "snap"]
    assert push.messages("welcome")[0] == {
        "type": "welcome",
        "protocol": PROTOCOL,
        "version": "1.2",
        "session": "s1",
        "title": "flights",
    }
    assert push.messages("snap")[0]["nodes"][0].name == "load"
    assert commands.sent == []
    assert link.pages == 1


def test_only_the_publishers_thread_sends(kernel: Kernel, link: Link) -> None:
    push, commands = kernel.page()
    say(commands, link, **command("run"))
    link.publisher.row("t1", RowView(state="Failed"))
    link.publisher.notice("error", "t1 failed")
    settle(link)

    assert push.senders == {"prefect_jupyter.publisher"}
    assert commands.senders == set()


def test_messages_are_sent_in_the_context_of_the_pages_own_opening(kernel: Kernel, link: Link) -> None:
    import contextvars

    parent: contextvars.ContextVar[str] = contextvars.ContextVar("parent", default="cell")
    seen: dict[str, set[str]] = {"p1": set(), "p2": set()}

    def watch(page: str, push: RecordingComm) -> None:
        send = push.publish_msg
        push.publish_msg = lambda *args, **keys: (seen[page].add(parent.get()), send(*args, **keys))

    for page in seen:
        context = contextvars.copy_context()
        context.run(parent.set, f"open of {page}")
        watch(page, context.run(kernel.page, page)[0])
    settle(link)
    parent.set("a running cell")
    link.publisher.notice("info", "hi")
    settle(link)

    assert seen == {"p1": {"open of p1"}, "p2": {"open of p2"}}


def test_a_command_is_received_and_acknowledged_to_the_page_that_gave_it(
    kernel: Kernel, link: Link, received: list[Command]
) -> None:
    push, commands = kernel.page("p1")
    other, _ = kernel.page("p2")

    say(commands, link, **command("run", tasks=["t1"], order=["a"], sources={"a": "x"}))

    assert received == [Command(id="c1", session="s1", verb="run", tasks=("t1",), order=("a",), sources={"a": "x"})]
    assert push.messages("reply") == [{"type": "reply", "id": "c1", "ok": True, "text": "took run", "detail": None}]
    assert other.messages("reply") == []


@pytest.mark.parametrize("data", [None, [], {"id": "c1", "verb": "explode"}, {"id": "c1", "verb": "run", "tasks": 3}])
def test_what_is_not_a_command_is_refused_and_not_received(
    kernel: Kernel, link: Link, received: list[Command], data: object
) -> None:
    push, commands = kernel.page()
    commands.handle_msg({"content": {"data": data}})
    settle(link)

    assert received == []
    assert [reply["ok"] for reply in push.messages("reply")] == [False]


def test_a_command_for_an_earlier_session_is_refused(kernel: Kernel, link: Link, received: list[Command]) -> None:
    push, commands = kernel.page()

    say(commands, link, **{**command("run"), "session": "before the restart"})

    assert received == []
    assert "earlier session" in push.messages("reply")[0]["text"]


def test_a_mistake_of_ours_is_an_answer_too(kernel: Kernel, link: Link, caplog: pytest.LogCaptureFixture) -> None:
    push, commands = kernel.page()

    say(commands, link, **command("rerun"))

    (reply,) = push.messages("reply")
    assert not reply["ok"]
    assert "RuntimeError: boom" in reply["text"]
    assert "could not take the command 'rerun'" in caplog.text


def test_a_page_can_ask_for_everything_again(kernel: Kernel, link: Link, received: list[Command]) -> None:
    push, commands = kernel.page()
    settle(link)

    say(commands, link, **command("snap"))

    assert len(push.messages("snap")) == 2
    assert received == []


def test_a_snap_that_brings_news_of_the_document_is_received(
    kernel: Kernel, link: Link, received: list[Command]
) -> None:
    _, commands = kernel.page()

    say(commands, link, **command("snap", order=["a"]))

    assert [each.order for each in received] == [("a",)]


def test_all_pages_are_told(kernel: Kernel, link: Link) -> None:
    pushes = [kernel.page(f"p{index}")[0] for index in range(3)]
    link.publisher.notice("info", "hi")
    settle(link)

    assert [len(push.messages("notice")) for push in pushes] == [1, 1, 1]
    assert link.pages == 3


def test_pages_that_share_a_document_get_each_output_once_and_the_others_get_it_all(kernel: Kernel, link: Link) -> None:
    shared = [kernel.page(f"shared {index}", shared=True)[0] for index in range(3)]
    alone = [kernel.page(f"alone {index}")[0] for index in range(2)]
    link.publisher.output("c", "clear")
    settle(link)

    assert sum(len(push.messages("output")) for push in shared) == 1
    assert [len(push.messages("output")) for push in alone] == [1, 1]


def test_a_page_that_comes_later_is_told_what_buttons_have_shown(kernel: Kernel, link: Link) -> None:
    for cell in ("kept", "run again by a person"):
        link.publisher.output(cell, "append", {"output_type": "stream", "name": "stdout", "text": "old"})
        link.publisher.output(cell, "clear")
        for text in ("on", "e\n"):
            settle(link)
            link.publisher.output(cell, "append", {"output_type": "stream", "name": "stdout", "text": text})
    link.forget_outputs("run again by a person")
    settle(link)
    push, _ = kernel.page()
    settle(link)

    (message,) = push.messages("output")
    assert (message["cell"], message["op"]) == ("kept", "replace")
    assert message["output"] == [{"output_type": "stream", "name": "stdout", "text": "one\n"}]


def test_a_page_that_closes_is_told_no_more(kernel: Kernel, link: Link) -> None:
    push, _ = kernel.page()
    settle(link)
    push.handle_close({})

    link.publisher.notice("info", "hi")
    settle(link)

    assert push.messages("notice") == []
    assert link.pages == 0


def test_a_page_that_reconnects_takes_the_place_of_its_old_self(kernel: Kernel, link: Link) -> None:
    old, _ = kernel.page()
    settle(link)
    new, _ = kernel.page()
    settle(link)
    old.handle_close({})

    link.publisher.notice("info", "hi")
    settle(link)

    assert (len(old.messages("notice")), len(new.messages("notice"))) == (0, 1)
    assert link.pages == 1


def test_one_broken_page_does_not_keep_news_from_the_others(kernel: Kernel, link: Link) -> None:
    broken, _ = kernel.page("p1")
    well, _ = kernel.page("p2")
    settle(link)
    broken.broken = True

    link.publisher.notice("info", "hi")
    settle(link)

    assert len(well.messages("notice")) == 1
    assert link.pages == 1


def test_the_longest_silent_pages_are_let_go(kernel: Kernel, link: Link) -> None:
    pages = [kernel.page(f"p{index}") for index in range(PAGES_MAX)]
    settle(link)
    say(pages[0][1], link, **command("run"))
    kernel.page("one more")
    settle(link)

    assert link.pages == PAGES_MAX
    assert [kind for kind, _ in pages[1][0].sent][-1] == "comm_close"
    assert "comm_close" not in [kind for kind, _ in pages[0][0].sent]


def test_a_front_end_that_does_not_know_us_cannot_hide_the_hello(kernel: Kernel, link: Link) -> None:
    (hello,) = kernel.made

    kernel.manager.comm_close(None, None, {"content": {"comm_id": hello.comm_id}})

    assert hello.comm_id in kernel.manager.comms


@pytest.mark.parametrize("opening", [{}, {"page": 3}, {"page": ""}, {"page": "x" * 1_000}, {"role": "push"}])
def test_an_opening_without_a_page_is_closed(kernel: Kernel, link: Link, opening: dict[str, Any]) -> None:
    opened = kernel.open(**opening)
    settle(link)

    assert [kind for kind, _ in opened.sent] == ["comm_close"]
    assert link.pages == 0


def test_stopping_sends_what_is_left_and_lets_go(kernel: Kernel, link: Link) -> None:
    push, _ = kernel.page()
    settle(link)
    link.publisher.row("t1", RowView(state="Running"))
    link.stop()
    link.stop()

    assert [kind for kind, _ in push.sent][-1] == "comm_close"
    assert push.messages("state")[-1]["rows"][0].state == 3
    assert link.pages == 0
    assert TARGET not in kernel.manager.targets
    assert kernel.manager.comms.keys().isdisjoint(made.comm_id for made in kernel.made)


def test_it_can_be_started_again(kernel: Kernel, link: Link) -> None:
    link.stop()
    link.start()
    push, _ = kernel.page()
    settle(link)

    assert len(push.messages("welcome")) == 1
