from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cells import FOLDER, OracleCell, OracleNotebook, is_set_up, notebooks, read, some_edit, tasked
from .kernels import KernelHungError, LiveKernel
from .play import PlainRun, Player, judge, judge_values, plainly

if TYPE_CHECKING:
    from pathlib import Path

    from prefect_jupyter.oracle.compare import Difference


def notebook_of(*sources: str) -> OracleNotebook:
    return OracleNotebook("n", tuple(OracleCell(f"c{number}", source) for number, source in enumerate(sources)))


def differences_without_engine(
    notebook: OracleNotebook, plain: PlainRun, folder: Path, *cell_ids: str
) -> list[Difference]:
    """Run all cells in order and then some again, in a kernel that knows no tasks, and judge all cells."""
    everything = [cell.id for cell in notebook.cells]
    with LiveKernel(folder, extension=False) as kernel:
        player = Player(notebook, kernel)
        player.run_all()
        player.run(*cell_ids)
        result = player.result()
        names = plain.made_by(everything, notebook)
        return judge(result, plain, everything) + judge_values(player.values(names), plain, names)


@pytest.mark.parametrize("name", ["displays", "aliasing", "raising", "top_level_await"])
def test_a_notebook_that_is_run_once_in_order_equals_its_plain_run(name: str, tmp_path: Path) -> None:
    notebook = read(FOLDER / f"{name}.percent")
    plain = plainly(notebook, tmp_path / "plain", twice=True)
    assert differences_without_engine(notebook, plain, tmp_path / "live") == []


def test_a_cell_run_twice_is_found_by_its_output_by_its_value_and_by_its_readers(tmp_path: Path) -> None:
    notebook = notebook_of("items = []", "items.append(1)\nlen(items)", "total = sum(items)", "print(total)")
    plain = plainly(notebook, tmp_path / "plain")
    found = differences_without_engine(notebook, plain, tmp_path / "live", "c1", "c2", "c3")
    kinds = {(difference.cell, difference.kind) for difference in found}
    assert kinds == {
        ("c1", "result text/plain"),
        ("c1", "value of items"),
        ("c2", "value of total"),
        ("c3", "stdout"),
    }


def test_a_name_is_not_judged_where_a_cell_that_is_not_trusted_binds_it_to_the_same_value(tmp_path: Path) -> None:
    notebook = notebook_of("x = 1\ny = 2", "x = 1")
    plain = plainly(notebook, tmp_path)
    assert plain.made_by(["c0"], notebook) == {"y"}
    assert plain.made_by(["c0", "c1"], notebook) == {"x", "y"}


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("x = 1", "x = 1.0", "value of x"),
        ("x = 0.0", "x = -0.0", "value of x"),
        ("x = [1, 2]", "x = [2, 1]", "value of x"),
        ("x = {'a': 1, 'b': 2}", "x = {'b': 2, 'a': 1}", "value of x"),
        ("x = []\ny = x", "x = []\ny = []", "sharing of x and y"),
        ("import numpy\nx = numpy.arange(3)\ny = x[1:]", "import numpy\nx = numpy.arange(3)\ny = x[1:].copy()",
         "sharing of x and y"),
        ("def x(): return 1", "def x(): return 2", "value of x"),
        ("class x:\n    def f(self): return 1", "class x:\n    def f(self): return 2", "value of x"),
        ("import pandas\nx = pandas.DataFrame({'a': [1]})", "import pandas\nx = pandas.DataFrame({'a': ['1']})",
         "value of x"),
        ("import numpy\nx = numpy.random.default_rng(1)", "import numpy\nx = numpy.random.default_rng(1)\nx.random()",
         "value of x"),
        ("x = 1", "", "value of x"),
        ("try: x\nexcept NameError: print('gone')", "x = 1", "stdout"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_found(right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    plain = plainly(notebook_of(right), tmp_path / "plain")
    found = differences_without_engine(notebook_of(wrong), plain, tmp_path / "live")
    assert kind in [difference.kind for difference in found]


def test_two_processes_with_other_hash_seeds_agree_on_every_kind_of_value(tmp_path: Path) -> None:
    notebook = read(FOLDER / "strings_and_types.percent")
    plain = plainly(notebook, tmp_path, twice=True)
    assert plain.unstable_names == set()
    assert plain.unstable == set()


def test_what_is_drawn_without_a_seed_is_not_held_against_anyone(tmp_path: Path) -> None:
    notebook = notebook_of("import random\nx = random.random()\nprint(x)", "y = 1\ny")
    plain = plainly(notebook, tmp_path, twice=True)
    assert plain.unstable_names == {"x"}
    assert plain.unstable == {("c0", 0)}


def test_the_last_cell_that_changed_a_value_answers_for_it(tmp_path: Path) -> None:
    notebook = notebook_of("a = []\nb = a\nc = 1", "b.append(1)", "c = 1", "d = a")
    assert plainly(notebook, tmp_path).makers() == {"a": "c1", "b": "c1", "c": "c0", "d": "c3"}


def test_a_cell_that_does_not_end_is_interrupted_and_named(tmp_path: Path) -> None:
    with LiveKernel(tmp_path, extension=False, cell_timeout_s=1) as kernel:
        with pytest.raises(KernelHungError, match="cell c0 did not end"):
            kernel.run_cell("c0", "while True: pass")
        assert kernel.run_cell("c1", "print(1)")[0]["text"] == "1\n"


def test_every_cell_but_imports_and_plain_ones_becomes_a_task_in_both_spellings() -> None:
    notebook = notebook_of(
        "import a\nfrom b import c", "%matplotlib inline", "x = 1", "y = 2", "%%time\nz = 3", "%time w = 4", ""
    )
    sources = [cell.source for cell in tasked(notebook).cells]
    assert sources == [
        "import a\nfrom b import c",
        "%matplotlib inline",
        "%%task c2\nx = 1",
        "#| task: c3\ny = 2",
        "%%task c4\n%%time\nz = 3",
        "#| task: c5\n%time w = 4",
        "",
    ]
    assert tasked(tasked(notebook)) == tasked(notebook)
    assert is_set_up("# a comment\nimport a")
    assert not is_set_up("import a\na.start()")


def test_the_corpus_is_large_and_every_notebook_has_an_edit_and_cells_to_run_again() -> None:
    corpus = notebooks()
    assert len(corpus) >= 24
    for notebook in corpus:
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids), notebook.name
        assert notebook.edit, notebook.name
        assert notebook.rerun, notebook.name
        assert set(notebook.rerun) <= set(ids), notebook.name
        assert set(notebook.order) in (set(), set(ids)), notebook.name


def test_a_notebook_without_a_declared_edit_gets_one() -> None:
    assert some_edit(notebook_of("import a", "x = 5", "y = x")) == ("c1", "x = 5", "x = 6")
    assert some_edit(notebook_of("f(3)")) == ("c0", "f(3)", "f(4)")
    assert some_edit(notebook_of("f()")) is None
