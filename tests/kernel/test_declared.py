"""What headers declare outside of Python, and what becomes of it when it changes."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from prefect_jupyter.core.cells import Cell
from prefect_jupyter.core.rebuilder import Trace
from prefect_jupyter.core.tasks import TaskOptions
from prefect_jupyter.kernel.declared import Declared
from prefect_jupyter.kernel.errors import TaskError
from prefect_jupyter.runtime.stamps import stamped
from prefect_jupyter.runtime.stores.memory import MemoryStore
from tests.oracle.kernels import LiveKernel

from .page import Page


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def task(**options: object) -> Cell:
    return Cell(id="a", source="", options=TaskOptions(**options))  # type: ignore[arg-type]


def trace(**changed: object) -> Trace:
    known = {"key": "k", "source": "", "digest": "d", "inputs": {}, "outputs": {}, "started_s": 1_000_000.0}
    return Trace(**{**known, **changed})  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def declared(tmp_path: Path, clock: Clock) -> Declared:
    return Declared(str(tmp_path), MemoryStore(), clock)


# --- how old a result may be


@pytest.mark.parametrize(
    ("age_s", "said"),
    [(3_599, ""), (3_600, "expired just now"), (3_700, "expired 1 min ago"), (3 * 3_600, "expired 2 h ago")],
)
def test_a_result_expires_when_its_time_is_over(declared: Declared, clock: Clock, age_s: float, said: str) -> None:
    clock.now += age_s
    assert declared.expired(task(expires_s=3_600.0), trace()) == said
    assert bool(declared.hindrance(task(expires_s=3_600.0), trace())) == bool(said)
    assert declared.expired(task(), trace()) == ""


# --- files


def run(declared: Declared, cell: Cell, write: dict[str, str] | None = None) -> Trace:
    """The trace of an attempt that writes these files."""
    begun = declared.begin(cell)
    for path, text in (write or {}).items():
        Path(declared.folder, path).write_text(text, encoding="utf-8")
    assert declared.not_written(begun, ()) == ""
    return trace(
        globs=begun.globs, files_in=begun.files, files_out=stamped(set(begun.signs)),
        blobs=declared.keep(begun, store=True),
    )  # fmt: skip


def test_files_that_appear_or_vanish_are_told(declared: Declared, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1", encoding="utf-8")
    left = run(declared, task(files=("*.csv", "later.txt")))
    assert list(left.files_in) == [str(tmp_path / "a.csv")]
    assert declared.changed_matches(left) == []
    (tmp_path / "b.csv").write_text("2", encoding="utf-8")
    (tmp_path / "later.txt").write_text("3", encoding="utf-8")
    assert declared.changed_matches(left) == [
        f"the file {tmp_path / 'b.csv'} is new (`--file *.csv`)",
        f"the file {tmp_path / 'later.txt'} is new (`--file later.txt`)",
    ]
    assert declared.hindrance(task(), left) == "`*.csv` matches other files"


def test_a_file_that_the_task_writes_itself_is_no_new_input(declared: Declared) -> None:
    cell = task(files=("*.csv",), writes=("out.csv",))
    left = run(declared, cell, {"out.csv": "1"})
    assert declared.changed_matches(left) == []
    assert declared.hindrance(cell, left) == ""


def test_a_pattern_that_nobody_means_is_refused(declared: Declared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_jupyter.runtime.globs.MATCHES_MAX", 1)
    for name in "abc":
        Path(declared.folder, name).touch()
    with pytest.raises(TaskError, match=r"`\*` matches more than 1 files: narrow it"):
        declared.begin(task(files=("*",)))


def test_a_reader_of_a_declared_file_needs_its_writer_before_anything_has_run(declared: Declared) -> None:
    writer = Cell(id="w", source="", options=TaskOptions(writes=("out/a.csv",)))
    reader = Cell(id="r", source="", options=TaskOptions(files=("out/*.csv",)))
    beside = Cell(id="b", source="", options=TaskOptions(files=("in/*.csv",)))
    links = declared.links([writer, reader, beside])
    assert links["w"].writes == links["r"].reads == {f"file:{declared.folder}/out/a.csv"}
    assert "b" not in links


@pytest.mark.parametrize(
    ("before", "said"),
    [(None, "`--writes out.csv`: the task has not written it"), ("old", "`--writes out.csv`: the task has left it")],
)
def test_a_file_that_was_not_written_is_an_error(declared: Declared, before: str | None, said: str) -> None:
    path = Path(declared.folder, "out.csv")
    if before is not None:
        path.write_text(before, encoding="utf-8")
    begun = declared.begin(task(writes=("out.csv",)))
    assert declared.not_written(begun, ()).startswith(said)
    path.unlink(missing_ok=True)
    path.mkdir()
    assert "is a folder" in declared.not_written(begun, ())


def test_a_file_is_put_back_over_our_own_bytes_only(declared: Declared) -> None:
    path = Path(declared.folder, "out.csv")
    first = run(declared, task(writes=("out.csv",)), {"out.csv": "first"})
    second = run(declared, task(writes=("out.csv",)), {"out.csv": "the second"})
    for left, text in ((first, "first"), (second, "the second")):
        assert declared.hindrance(task(), left) == ""
        assert declared.restore(left)
        assert path.read_text(encoding="utf-8") == text
    path.unlink()
    assert declared.hindrance(task(), first) == ""
    assert declared.restore(first)
    assert path.read_text(encoding="utf-8") == "first"
    path.write_text("somebody's work", encoding="utf-8")
    assert declared.hindrance(task(), first) == "`out.csv` was changed by somebody else"
    assert os.listdir(declared.folder) == ["out.csv"]


def test_an_empty_file_is_kept_too(declared: Declared) -> None:
    left = run(declared, task(writes=("out.csv",)), {"out.csv": ""})
    Path(declared.folder, "out.csv").unlink()
    assert declared.restore(left)
    assert Path(declared.folder, "out.csv").read_bytes() == b""


def test_where_a_file_cannot_be_put_back_the_task_has_to_run(declared: Declared) -> None:
    left = run(declared, task(writes=("out.csv",)), {"out.csv": "1"})
    path = Path(declared.folder, "out.csv")
    path.unlink()
    path.mkdir()
    assert not declared.restore(left)
    assert os.listdir(declared.folder) == ["out.csv"]


# --- seeds


def test_a_seed_is_that_of_pythons_and_numpys_generators(declared: Declared, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"manual_seed": staticmethod(seeded.append)}))
    states = random.getstate(), np.random.get_state()
    try:
        declared.seed(task(seed=7))
        drawn = random.random(), np.random.rand()
        random.seed(7)
        np.random.seed(7)
        assert drawn == (random.random(), np.random.rand())
        assert seeded == [7]
        declared.seed(task())
        assert seeded == [7]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


# --- in a kernel


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with LiveKernel(tmp_path_factory.mktemp("declared")) as kernel:
        yield Page(kernel)


def test_a_declared_file_or_variable_that_changes_makes_the_task_stale(page: Page) -> None:
    page.write("a.csv", "1\n")
    page.show(
        load="import os, subprocess",
        count="%%task count --file '*.csv'\nn = subprocess.check_output(['cat', 'a.csv']) and 1",
        secret="%%task secret --env PJ_SECRET\ns = 1",
    )
    page.run()
    assert page.stale() == set()
    page.write("b.csv", "2\n")
    assert "b.csv is new" in page.why("count")
    page.write("a.csv", "3\n")
    assert "a.csv has changed" in page.why("count")
    page.run_edited(load="import os, subprocess\nos.environ['PJ_SECRET'] = 'my password'")
    why = page.why("secret")
    assert "environment variable `PJ_SECRET` changed" in why
    assert "password" not in why
    page.run("secret")
    assert page.verdicts()["secret"] == "fresh"


def test_a_seeded_task_gives_what_a_plain_seed_gives_and_leaves_what_it_leaves(page: Page) -> None:
    page.show(
        load="import random\nimport numpy as np",
        other="random.random()",
        drawn="%%task drawn --seed 7\nx = (random.random(), np.random.rand())",
        below="%%task below\ny = (random.random(), np.random.rand())",
    )
    states = random.getstate(), np.random.get_state()
    random.seed(7)
    np.random.seed(7)
    wanted = [repr((random.random(), float(np.random.rand()))) for _ in range(2)]
    random.setstate(states[0])
    np.random.set_state(states[1])
    page.run()
    assert page.values("x", "y") == wanted
    page.run_edited(other="random.random(), random.random()")
    assert page.stale() == set(), "what the generators did before a seed is nothing to it"
    page.restart()
    before = page.executed()
    page.run()
    assert page.executed() == before
    assert page.values("x", "y") == wanted


def test_a_written_file_comes_back_with_a_hit_and_its_reader_follows(page: Page) -> None:
    page.show(
        make="%%task make --writes out/a.txt\nimport os\nos.makedirs('out', exist_ok=True)\n"
        "with open('out/a.txt', 'w') as f: k = f.write('one')",
        read="%%task read --file out/a.txt\nwith open('out/a.txt') as f: t = f.read()",
        forget="%%task forget --writes out/b.txt\nu = 1",
    )
    shown = page.run()
    assert "`--writes out/b.txt`: the task has not written it" in shown
    assert page.stale() == {"forget"}
    path = page.folder / "out" / "a.txt"
    path.unlink()
    assert "a.txt that it writes is gone" in page.why("make")
    before = page.executed()
    page.run("make", "read")
    assert page.executed() == before
    assert path.read_text(encoding="utf-8") == "one"
    path.write_text("mine", encoding="utf-8")
    assert "a.txt that it writes has changed since" in page.why("make")
    assert path.read_text(encoding="utf-8") == "mine"


def test_an_input_that_changes_in_place_is_told_or_is_an_error(page: Page) -> None:
    page.show(
        load="def grow(values): values.append(2)\nxs = [1]\nys = [1]\nzs = [1]",
        warned="%%task warned --mutation warn\ngrow(xs)\na = len(xs)",
        refused="%%task refused --mutation error\ngrow(ys)\nb = len(ys)",
        declared="%%task declared --mutation error -o zs,c\ngrow(zs)\nc = len(zs)",
    )
    shown = page.run("load", "warned", "refused")
    assert "the task changes `xs` in place" in shown
    assert "`--mutation error`: the task changes `ys` in place" in shown
    assert page.verdicts()["warned"] == "fresh"
    assert "failed" in page.why("refused")
    assert page.run("load", "declared") == ""


def test_the_row_of_a_task_turns_stale_in_time_without_anybody_asking(page: Page) -> None:
    page.write("watched.txt", "1")
    page.show(old="%%task old --expires 1s\nx = 1", watching="%%task watching --file watched.txt\ny = 1")
    page.run()
    page.write("watched.txt", "2")
    rows = "[{session}.showing.row(task) for task in ('old', 'watching')]"
    deadline = time.monotonic() + 60
    seen: list[str] = []
    while seen != ["stale", "stale"]:
        assert time.monotonic() < deadline, seen
        seen = page.kernel.asked(f"[row.verdict for row in {rows}]")
    assert page.kernel.asked(f"[row.reason for row in {rows}]") == [
        "expired just now", f"the file {page.folder / 'watched.txt'} has changed",
    ]  # fmt: skip


def test_the_elements_of_a_mapped_task_follow_what_is_declared_for_it(page: Page) -> None:
    page.write("scale.txt", "1")
    page.show(
        load="import os\nrows = [1, 2]",
        scaled="%%task scaled --file scale.txt --map row in rows\nz = row * os.stat('scale' + '.txt').st_size",
    )
    page.run()
    assert page.values("z") == ["[1, 2]"]
    page.write("scale.txt", "22")
    assert "scale.txt has changed" in page.why("scaled")
    page.run("scaled")
    assert page.values("z") == ["[2, 4]"]
