from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from prefect_jupyter.view.pipeline import RowView
from prefect_jupyter.view.protocol import STATES, Reply
from prefect_jupyter.view.publisher import STREAM_CHARS_MAX, Publisher
from tests.view.histories import FOLDER, HISTORIES, Recording, history, node

RUNNING = RowView(state="Running")
SUCCESS = RowView(state="Success", verdict="fresh")


@pytest.fixture
def told() -> Recording:
    """Two tasks, `a` and `b`, that pages know already."""
    recording = Recording()
    recording.publisher.graph("t", [node("a"), node("b")], [])
    recording.after(1)
    recording.messages.clear()
    recording.after(1)
    return recording


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_gives_the_recorded_messages(name: str) -> None:
    recorded = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

    assert history(name) == recorded, "if this is meant: python -m tests.view.histories"


def test_a_change_waits_a_moment_for_others(told: Recording) -> None:
    told.publisher.row("a", RUNNING)
    told.after(0.01)
    assert told.messages == []

    told.publisher.row("b", RUNNING)
    told.after(0.05)

    (message,) = told.of_type("state")
    assert [row.node for row in message["rows"]] == [0, 1]


def test_the_last_write_wins(told: Recording) -> None:
    for attempt in range(1, 6):
        told.publisher.row("a", RowView(state="Running", attempt=attempt))
    told.after(0.1)

    (message,) = told.of_type("state")
    (row,) = message["rows"]
    assert row.attempt == 5


def test_an_end_is_sent_at_once(told: Recording) -> None:
    told.publisher.row("a", SUCCESS)
    told.after(0)

    assert len(told.of_type("state")) == 1


def test_ten_thousand_changes_a_second_are_at_most_twenty_messages(told: Recording) -> None:
    for change in range(10_000):
        told.publisher.row(change % 2, RUNNING if change % 3 else RowView(state="Failed", attempt=change))
        told.after(0.0001)

    assert 10 <= len(told.messages) <= 20


def test_a_graph_that_changes_all_the_time_is_at_most_twenty_messages_a_second(told: Recording) -> None:
    for change in range(1_000):
        told.publisher.graph(f"title {change}", [node("a"), node(f"b{change}")], [])
        told.publisher.row(f"b{change}", RUNNING)
        told.after(0.001)

    assert 10 <= len(told.messages) <= 20


def test_the_graph_comes_before_the_rows_of_its_tasks(told: Recording) -> None:
    told.publisher.graph("t", [node("a"), node("b"), node("new")], [])
    told.publisher.row("new", SUCCESS)
    told.after(0.1)

    assert [message["type"] for message in told.messages] == ["graph", "state"]
    graph, state = told.messages
    assert graph["type"] == "graph"
    assert state["type"] == "state"
    assert graph["rev"] == state["rev"]


def test_the_same_graph_again_is_not_sent(told: Recording) -> None:
    told.publisher.graph("t", [node("a"), node("b")], [])
    told.publisher.row("a", RowView())
    told.after(1)

    assert told.messages == []


def test_a_row_of_a_task_that_is_gone_is_forgotten(told: Recording) -> None:
    told.publisher.row("b", RUNNING)
    told.publisher.graph("t", [node("a")], [])
    told.publisher.row("b", SUCCESS)
    told.after(1)

    assert [message["type"] for message in told.messages] == ["graph"]


def test_seq_counts_every_state_message_without_a_gap(told: Recording) -> None:
    first = told.publisher.snapshot()["seq"]
    for attempt in range(5):
        told.publisher.row("a", RowView(state="Running", attempt=attempt))
        told.after(0.1)

    assert [message["seq"] for message in told.of_type("state")] == [first + step for step in range(1, 6)]


def test_a_notice_does_not_overtake_the_row_that_it_speaks_of(told: Recording) -> None:
    told.publisher.row("a", RowView(state="Failed"))
    told.publisher.notice("error", "a failed", task="a", cell="cell-a", verbs=["retry_failed"])
    told.after(0)

    assert [message["type"] for message in told.messages] == ["state", "notice"]


def test_a_notice_waits_with_its_row_where_messages_are_frequent(told: Recording) -> None:
    told.publisher.row("b", RowView(state="Failed"))
    told.after(0)
    told.publisher.row("a", RowView(state="Failed"))
    told.publisher.notice("error", "a failed", task="a")
    told.after(0.01)
    assert len(told.messages) == 1

    told.after(0.05)

    assert [message["type"] for message in told.messages] == ["state", "state", "notice"]


def test_a_notice_alone_is_sent_at_once(told: Recording) -> None:
    told.publisher.notice("info", "hi")
    told.after(0)

    assert [message["type"] for message in told.messages] == ["notice"]


def test_printed_lines_of_one_cell_are_joined(told: Recording) -> None:
    told.publisher.output("c", "clear")
    for line in range(1_000):
        told.publisher.output("c", "append", stream(f"{line}\n"))
    told.publisher.output("c", "append", stream("oops", "stderr"))
    told.publisher.output("d", "append", stream("other"))
    told.after(0)

    outputs = told.of_type("output")
    assert [message["op"] for message in outputs] == ["clear", "append", "append", "append"]
    assert outputs[1]["output"]["text"] == "".join(f"{line}\n" for line in range(1_000))


def test_joined_lines_stay_below_a_size(told: Recording) -> None:
    for _ in range(4):
        told.publisher.output("c", "append", stream("x" * (STREAM_CHARS_MAX // 2)))
    told.after(0)

    assert len(told.of_type("output")) == 2


def test_the_outputs_of_the_caller_are_not_changed(told: Recording) -> None:
    mine = stream("a")
    told.publisher.output("c", "append", mine)
    told.publisher.output("c", "append", stream("b"))

    assert mine == stream("a")


def test_an_unknown_thing_to_do_with_outputs_is_refused(told: Recording) -> None:
    with pytest.raises(ValueError, match="'append' or 'clear'"):
        told.publisher.output("c", "explode")


@pytest.mark.parametrize(("what", "word"), [("state", "Done"), ("verdict", "old")])
def test_a_row_with_an_unknown_word_is_refused_where_it_is_made(what: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        RowView(**{what: word})


def test_nothing_is_lost_at_the_end(told: Recording) -> None:
    told.publisher.row("a", RUNNING)
    told.publisher.notice("info", "one")
    told.publisher.reply(Reply(id="c1", text="two"))
    told.publisher.stop()

    assert [message["type"] for message in told.messages] == ["state", "reply", "notice"]


def test_a_clock_that_is_set_back_delays_nothing(told: Recording) -> None:
    told.publisher.row("a", RUNNING)
    told.after(0.1)
    told.now_s -= 3_600
    told.publisher.row("b", RUNNING)
    told.after(0.05)

    assert len(told.of_type("state")) == 2


def test_starting_and_stopping_twice_is_starting_and_stopping_once() -> None:
    told = Recording()
    arrived = threading.Event()

    told.publisher.start()
    told.publisher.start()
    told.publisher.in_order(arrived.set)
    assert arrived.wait(10)
    threads = [thread.name for thread in threading.enumerate() if thread.name == "prefect_jupyter.publisher"]
    told.publisher.stop()
    told.publisher.stop()

    assert len(threads) == 1
    assert "prefect_jupyter.publisher" not in {thread.name for thread in threading.enumerate()}


def test_many_threads_lose_nothing_and_one_thread_sends() -> None:
    sent: list[Any] = []
    senders: set[str] = set()

    def send(message: Any) -> None:
        senders.add(threading.current_thread().name)
        sent.append(json.loads(json.dumps(message)))

    now_s = iter(range(10**9))
    publisher = Publisher(send, lambda: float(next(now_s)), session="s")
    names = [f"t{index}" for index in range(8)]
    publisher.graph("", [node(name) for name in names], [])
    publisher.start()

    def work(name: str) -> None:
        for attempt in range(200):
            publisher.row(name, RowView(state="Running", attempt=attempt))
        publisher.row(name, RowView(state="Success", verdict="fresh", attempt=200))
        publisher.notice("info", name)

    workers = [threading.Thread(target=work, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    publisher.stop()

    rows: dict[int, list[Any]] = {}
    for message in sent:
        if message["type"] == "state":
            rows |= {row[0]: row for row in message["rows"]}
    assert {index: (STATES[row[1]], row[5]) for index, row in rows.items()} == dict.fromkeys(range(8), ("Success", 200))
    assert sorted(message["text"] for message in sent if message["type"] == "notice") == names
    assert [m["seq"] for m in sent if m["type"] == "state"] == list(
        range(1, 1 + sum(m["type"] == "state" for m in sent))
    )
    assert senders <= {"prefect_jupyter.publisher", "MainThread"}  # what is left at the end, whoever stops sends


def test_many_changes_wake_the_sending_thread_once(told: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[None] = []
    monkeypatch.setattr(told.publisher._changed, "notify", lambda: woken.append(None))
    for attempt in range(1, 100):
        told.publisher.row("a", RowView(state="Running", attempt=attempt))
        told.publisher.run(attempt, 100)
    assert len(woken) == 1

    told.publisher.row("b", SUCCESS)
    assert len(woken) == 2, "an end is sent sooner than what the thread waits for"
    told.publisher.row("b", RowView(state="Failed"))
    assert len(woken) == 2
