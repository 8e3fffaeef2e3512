from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from prefect_jupyter.core.events import ChildrenMoved, RetriesDue, RunEnded, RunStarted, TaskMapped, TaskMoved
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.states import State
from prefect_jupyter.core.tasks import Retry
from prefect_jupyter.runtime.journal import Journal
from prefect_jupyter.runtime.journal.lines import Fact, Logged, Opened, decode, encode

CLEAN = RunTask("c", ("l",), retry=Retry(retries=2, delays_s=(1.0, 5.0)), name="clean", tags=("db",))
FACTS: list[Fact] = [
    Opened(1.0, "s1", "a.ipynb"),
    RunStarted(1.0, (CLEAN,), frozenset({"c"}), frozenset(), 2, (("db", 1),), 3.0),
    TaskMoved(2.0, "c", State.Running, 1),
    Logged(2.5, "c", "log", ("one", "two\u2028three", 'quote " and \\'), 3),
    TaskMoved(3.0, "c", State.Retrying, 1, "KeyError: 'x'", 4.0),
    RetriesDue(4.0, frozenset({"c"})),
    TaskMoved(4.0, "c", State.Running, 2),
    TaskMapped(4.5, "c", 3, 1, b"\x00\x04\x00"),
    ChildrenMoved(5.0, "c", range(2), State.Success, 1),
    ChildrenMoved(5.0, "c", (2,), State.Failed, 1, "no", None, "c"),
    TaskMoved(6.0, "c", State.Mapped, 2),
    RunEnded(6.0, State.Success),
]


def journal(root: Path, session: str = "s1", **more: object) -> Journal:
    return Journal(root, "a.ipynb", session, 1.0, redact=str, warn=pytest.fail, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_fact_is_read_back_as_it_was(fact: Fact) -> None:
    assert decode(encode(fact)) == fact


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_no_damaged_line_is_taken_for_a_fact(fact: Fact) -> None:
    line = encode(fact)
    assert [n for n in range(len(line) - 1) if decode(line[:n]) is not None] == []
    flipped = [line[:n] + bytes([line[n] ^ 1]) + line[n + 1 :] for n in range(len(line) - 1)]
    assert {decode(one) for one in flipped if decode(one) != fact} == {None}


def test_attempts_are_read_back_with_their_states_logs_and_children(tmp_path: Path) -> None:
    written = journal(tmp_path)
    for fact in FACTS[1:]:
        written.tell(fact)
    first, second = written.history().attempts("clean")
    written.close()
    assert (first.number, first.state, first.note) == (1, State.Retrying, "KeyError: 'x'")
    assert (first.log, first.dropped) == (["one", "two\u2028three", 'quote " and \\'], 3)
    assert [state for _, state in second.states] == [State.Running, State.Mapped]
    assert (second.duration_s, second.total) == (2.0, 3)
    assert second.children == {State.Success: 2, State.Failed: 1}


def test_a_torn_tail_and_garbage_leave_the_rest(tmp_path: Path) -> None:
    written = journal(tmp_path)
    for fact in FACTS[1:4]:
        written.tell(fact)
    written.flush()
    (path,) = (tmp_path / "history").glob("*/*.jsonl")
    path.write_bytes(path.read_bytes() + b"\xff\xfe garbage\n" + encode(FACTS[4]) + encode(FACTS[6])[:-9])
    (attempt,) = written.history().attempts()
    written.close()
    assert attempt.state is State.Retrying


def test_a_kernel_that_was_killed_leaves_crashed_and_one_that_lives_does_not(tmp_path: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from prefect_jupyter.core.events import RunStarted, TaskMoved
        from prefect_jupyter.core.run_task import RunTask
        from prefect_jupyter.core.states import State
        from prefect_jupyter.runtime.journal import Journal
        journal = Journal(Path(sys.argv[1]), "a.ipynb", "other", 1.0, redact=str, warn=print)
        journal.tell(RunStarted(2.0, (RunTask("a", name="load"), RunTask("b", name="fit"))))
        journal.tell(TaskMoved(2.0, "a", State.Running, 1))
        print("told", flush=True)
        time.sleep(600)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    ours = journal(tmp_path)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "told\n"
        assert [attempt.state for attempt in ours.history().attempts()] == [State.Running]
        assert ours.history().crashed() == {}
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    crashed = ours.history().crashed()
    assert (list(crashed), crashed["a"].name, crashed["a"].duration_s) == (["a"], "load", None)
    ours.tell(RunStarted(3.0, (RunTask("a", name="load"),)))
    ours.tell(TaskMoved(3.0, "a", State.Running, 1))
    ours.tell(TaskMoved(4.0, "a", State.Success, 1))
    assert ours.history().crashed() == {}
    ours.close()


def test_two_kernels_on_one_notebook_write_apart(tmp_path: Path) -> None:
    one, two = journal(tmp_path, "one"), journal(tmp_path, "two")
    for number, written in enumerate((one, two)):
        written.tell(RunStarted(1.0 + number, (RunTask("a", name="load"),)))
        written.tell(TaskMoved(2.0 + number, "a", State.Running, 1))
        written.tell(TaskMoved(4.0 + number, "a", State.Success, 1))
    one.flush()
    assert [attempt.session for attempt in two.history().attempts("load")] == ["one", "two"]
    assert len(list((tmp_path / "history").glob("*/*.jsonl"))) == 2
    one.close()
    two.close()


def test_a_kernel_that_runs_no_task_leaves_no_file(tmp_path: Path) -> None:
    journal(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_it_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "history").write_text("in the way")
    written = Journal(tmp_path, "a.ipynb", "s", 1.0, redact=str, warn=said.append)
    for fact in FACTS[1:]:
        written.tell(fact)
    written.close()
    assert len(said) == 1
    assert said[0].startswith("The history of this notebook is not kept: ")


def test_what_is_written_is_redacted(tmp_path: Path) -> None:
    written = Journal(tmp_path, "a.ipynb", "s", 1.0, redact=lambda text: text.replace("hunter2", "-"), warn=pytest.fail)
    written.tell(RunStarted(1.0, (RunTask("a", name="load"),)))
    written.tell(TaskMoved(2.0, "a", State.Running, 1))
    written.tell(Logged(2.0, "a", "log", ("password hunter2",)))
    written.tell(TaskMoved(3.0, "a", State.Failed, 1, "ValueError: hunter2"))
    written.close()
    (path,) = (tmp_path / "history").glob("*/*.jsonl")
    assert b"hunter2" not in path.read_bytes()


def test_old_journals_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_jupyter.runtime.journal.journal.SESSIONS_MAX", 3)
    for number in range(5):
        written = Journal(tmp_path, "a.ipynb", f"s{number}", float(number), redact=str, warn=pytest.fail)
        written.tell(RunStarted(1.0, (RunTask("a", name="load"),)))
        written.close()
    assert sorted(path.stem[-2:] for path in (tmp_path / "history").glob("*/*.jsonl")) == ["s2", "s3", "s4"]
