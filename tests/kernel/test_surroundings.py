"""Process-wide state by place: each cell sees what the cells above it made of it, in whatever order they run."""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from prefect_jupyter.kernel.ambient import DEFAULT, VIRGIN, Ambient
from prefect_jupyter.kernel.ambient_deltas import DictDelta
from prefect_jupyter.kernel.document import Document
from prefect_jupyter.kernel.surroundings import Surroundings
from prefect_jupyter.kernel.versions import Versions


class Notebook:
    """Cells that are functions; a run is what the runner does around a cell."""

    def __init__(self, *cells: str) -> None:
        self.document = Document()
        self.document.update(list(cells), dict.fromkeys(cells, "pass"))
        self.versions = Versions(self.document)
        self.versions.rebuild()
        self.surroundings = Surroundings(Ambient(), self.versions)
        self.read: dict[str, dict[str, str]] = {}

    def run(self, cell: str, body: Callable[[], object], **shown: str) -> object:
        surroundings = self.surroundings
        surroundings.restore(cell)
        with surroundings.ambient.watch() as watch:
            value = body()
        delta = surroundings.changed_by(watch)
        surroundings.note(cell, delta)
        displays = [{"output_type": "stream", "name": name, "text": text} for name, text in shown.items()]
        self.read[cell] = surroundings.inputs(cell, watch, delta, displays)
        return value

    def changed(self, cell: str) -> set[str]:
        """What `cell` read and would not find again."""
        sees = self.surroundings.fingerprint
        return {item for item, known in self.read[cell].items() if sees(cell, item) != known}

    def restarted(self) -> Notebook:
        """The same document in a process that is as it was before the first cell."""
        self.surroundings.restore(self.document.order[0])
        return Notebook(*self.document.order)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    """Leaves everything as it was."""
    mpl.rcParams["font.family"] = list(mpl.rcParams["font.family"])  # not the list in matplotlib's own defaults
    ambient = Ambient()
    before = ambient.snapshot()
    yield Notebook("a", "b", "c", "d")
    for kind, state in before.states.items():
        ambient.restore_full(kind, state)


def set_variable(name: str, value: str) -> Callable[[], None]:
    return lambda: os.environ.__setitem__(name, value)


READS: dict[str, Callable[[], object]] = {
    "an index": lambda: os.environ["PJ_TEST_A"],
    "get": lambda: os.environ.get("PJ_TEST_A"),
    "getenv": lambda: os.getenv("PJ_TEST_A"),
    "in": lambda: "PJ_TEST_A" in os.environ,
    "bytes": lambda: os.environb[b"PJ_TEST_A"],
    "a copy": lambda: dict(os.environ)["PJ_TEST_A"],
}


@pytest.mark.parametrize("way", READS)
def test_a_task_depends_on_the_variables_that_it_reads(notebook: Notebook, way: str) -> None:
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    notebook.run("b", READS[way])
    assert notebook.changed("b") == set()
    notebook.run("a", set_variable("PJ_TEST_A", "2"))
    assert notebook.changed("b") == {"environ" if way == "a copy" else "environ:PJ_TEST_A"}


def test_other_variables_do_not_matter(notebook: Notebook) -> None:
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    notebook.run("b", READS["get"])
    notebook.run("a", lambda: os.environ.update(PJ_TEST_A="1", PJ_TEST_B="2"))
    assert notebook.changed("b") == set()


def test_a_variable_that_is_missing_is_read_too(notebook: Notebook) -> None:
    notebook.run("b", READS["get"])
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    assert notebook.changed("b") == {"environ:PJ_TEST_A"}


def test_a_variable_that_is_set_to_what_it_was_is_a_version_too(notebook: Notebook) -> None:
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    notebook.run("b", set_variable("PJ_TEST_A", "1"))
    notebook.run("c", READS["get"])
    notebook.run("a", set_variable("PJ_TEST_A", "2"))
    assert notebook.changed("c") == set()
    assert notebook.run("c", READS["get"]) == "1"


def test_what_a_task_set_itself_it_does_not_depend_on(notebook: Notebook) -> None:
    notebook.run("b", lambda: (os.environ.update(PJ_TEST_A="1"), os.environ["PJ_TEST_A"]))
    assert "environ:PJ_TEST_A" not in notebook.read["b"]


def test_what_the_kernel_was_started_with_counts_where_the_notebook_asks(notebook: Notebook) -> None:
    os.environ["JPY_PJ_TEST"] = "1"
    notebook.run("a", lambda: os.environ.get("JPY_PJ_TEST"))
    assert "environ:JPY_PJ_TEST" in notebook.read["a"]


CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "a variable": (set_variable("PJ_TEST_A", "1"), lambda: os.environ.get("PJ_TEST_A")),
    "a pandas option": (lambda: pd.set_option("display.precision", 2), lambda: pd.get_option("display.precision")),
    "a print option": (lambda: np.set_printoptions(precision=3), lambda: np.get_printoptions()["precision"]),
    "an error option": (lambda: np.seterr(all="raise"), np.geterr),
    "an rcParam": (lambda: mpl.rc("lines", linewidth=9), lambda: mpl.rcParams["lines.linewidth"]),
    "a list in rcParams": (
        lambda: mpl.rcParams["font.family"].append("fantasy"), lambda: list(mpl.rcParams["font.family"])
    ),
    "a warning filter": (lambda: warnings.filterwarnings("ignore", "pj"), lambda: list(warnings.filters)),
    "no warning filters": (warnings.resetwarnings, lambda: list(warnings.filters)),
    "the folder": (lambda: os.chdir(".."), os.getcwd),
    "the recursion limit": (lambda: sys.setrecursionlimit(4321), sys.getrecursionlimit),
    "a log level": (lambda: logging.getLogger("pj.test").setLevel(7), lambda: logging.getLogger("pj.test").level),
    "a seed of NumPy": (lambda: np.random.seed(1), lambda: np.random.get_state(legacy=False)["state"]["key"][0]),
    "a seed of random": (lambda: random.seed(1), lambda: random.getstate()[1][:5]),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_every_place_meets_what_the_cells_above_left(notebook: Notebook, what: str) -> None:
    change, look = CHANGES[what]
    above = look()
    notebook.run("b", change)
    below = look()
    assert below != above
    assert notebook.run("c", look) == below
    if "seed" not in what:  # a generator that nobody seeded is made a new one each time
        assert notebook.run("a", look) == above
        notebook.run("b", change)
        assert look() == below
    assert notebook.run("d", look) == below


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_can_be_put_back_in_a_new_process(notebook: Notebook, what: str) -> None:
    change, look = CHANGES[what]
    surroundings = notebook.surroundings
    with surroundings.ambient.watch() as watch:
        change()
    delta, left = surroundings.changed_by(watch), look()
    surroundings.note("a", delta)
    kinds = ["environ:PJ_TEST_A" if kind == "environ" else kind for kind in delta]
    known = {kind: surroundings.fingerprint("b", kind) for kind in kinds}
    other = notebook.restarted()
    for kind, part in delta.items():
        other.surroundings.ambient.restore(kind, part)
    other.surroundings.note("a", delta)
    assert look() == left
    assert {kind: other.surroundings.fingerprint("b", kind) for kind in kinds} == known


def test_two_cells_that_change_one_kind_keep_their_own_parts(notebook: Notebook) -> None:
    notebook.run("a", lambda: pd.set_option("display.precision", 2))
    notebook.run("b", lambda: pd.set_option("display.max_rows", 7))
    notebook.run("a", lambda: pd.set_option("display.precision", 3))
    assert notebook.run("c", lambda: (pd.get_option("display.precision"), pd.get_option("display.max_rows"))) == (3, 7)
    assert notebook.run("b", lambda: pd.get_option("display.max_rows")) != 7


def test_what_a_deleted_cell_changed_is_taken_back(notebook: Notebook) -> None:
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    notebook.document.update(["b", "c", "d"], {})
    notebook.versions.rebuild()
    assert notebook.run("b", READS["get"]) is None


def test_options_that_are_set_back_are_the_default_again(notebook: Notebook) -> None:
    usual = pd.get_option("display.precision")
    notebook.run("a", lambda: pd.set_option("display.precision", 2))
    notebook.run("b", lambda: pd.set_option("display.precision", usual))
    assert notebook.surroundings.fingerprint("b", "pandas") != DEFAULT
    assert notebook.surroundings.fingerprint("c", "pandas") == DEFAULT


def test_an_unseeded_draw_run_again_draws_anew_and_from_a_generator_never_seeded(notebook: Notebook) -> None:
    first = notebook.run("a", random.random)
    second = notebook.run("b", random.random)
    assert notebook.read["a"]["random"] == VIRGIN != notebook.read["b"]["random"]
    again = notebook.run("a", random.random)
    assert notebook.read["a"]["random"] == VIRGIN
    assert again not in (first, second)
    assert notebook.changed("b") == {"random"}


def test_a_draw_after_a_seed_is_the_same_each_time(notebook: Notebook) -> None:
    notebook.run("a", lambda: np.random.seed(4))
    first, second = (notebook.run(cell, np.random.rand) for cell in "bc")
    assert notebook.run("b", np.random.rand) == first
    assert notebook.run("c", np.random.rand) == second
    assert notebook.changed("b") == notebook.changed("c") == set()


def test_numbers_drawn_outside_of_cells_do_not_count(notebook: Notebook) -> None:
    notebook.run("a", lambda: None)
    random.random()
    notebook.run("b", random.random)
    assert notebook.read["b"]["random"] == VIRGIN


def test_a_cell_that_complains_depends_on_the_warning_filters(notebook: Notebook) -> None:
    notebook.run("b", lambda: None, stderr="UserWarning")
    notebook.run("c", lambda: None)
    notebook.run("a", lambda: warnings.filterwarnings("ignore", "pj"))
    assert notebook.changed("b") == {"warnings"}
    assert notebook.changed("c") == set()


def test_a_silent_cell_below_a_filter_depends_on_it(notebook: Notebook) -> None:
    notebook.run("a", lambda: warnings.filterwarnings("ignore", "pj"))
    notebook.run("b", lambda: None)
    notebook.run("a", lambda: None)
    assert notebook.changed("b") == {"warnings"}


def test_reading_state_is_noticed_by_kind(notebook: Notebook) -> None:
    notebook.run("a", lambda: str(pd.Series([1.5])))
    notebook.run("b", lambda: (mpl.rcParams["lines.linewidth"], str(np.ones(2))))
    notebook.run("c", Path.cwd)
    notebook.run("d", lambda: logging.getLogger("pj.test").debug("x"))
    assert "pandas" in notebook.read["a"]
    assert {"rcParams", "colors", "np_print"} <= notebook.read["b"].keys()
    assert "cwd" in notebook.read["c"]
    assert "log_levels" in notebook.read["d"]
    assert not {"pandas", "rcParams", "log_levels"} & notebook.read["c"].keys()


def test_a_watch_leaves_every_place_that_it_shadows_as_it_was(notebook: Notebook) -> None:
    places = ((type(os.environ), "__getitem__"), (os, "getcwd"), (sys, "getrecursionlimit"), (mpl.RcParams, "_get"))
    before = [vars(owner)[name] for owner, name in places]
    with pytest.raises(KeyError), notebook.surroundings.ambient.watch():
        raise KeyError
    assert [vars(owner)[name] for owner, name in places] == before


def test_a_run_that_changes_nothing_any_more_makes_no_versions(notebook: Notebook) -> None:
    notebook.run("a", set_variable("PJ_TEST_A", "1"))
    notebook.run("a", lambda: None)
    assert notebook.versions.made["a"] == {}
    assert notebook.run("b", READS["get"]) is None


def test_deleting_a_variable_is_a_version(notebook: Notebook) -> None:
    os.environ["PJ_TEST_A"] = "1"
    other = Notebook("a", "b", "c")
    other.run("b", lambda: os.environ.pop("PJ_TEST_A"))
    assert other.run("c", READS["get"]) is None
    assert other.run("a", READS["get"]) == "1"
    other.surroundings.note("b", {"environ": DictDelta({})})
    assert other.run("c", READS["get"]) == "1"
