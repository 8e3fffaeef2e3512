"""Plays in which names, or code and values, share storage: whatever is marked fresh equals a plain run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.oracle.cells import OracleCell, OracleNotebook
from tests.oracle.play import Result, judge, judge_values

from .kernel import Kernel, Page, environment
from .oracle import Oracle
from .play import playing

POUCH = """%%task classes
class Pouch:
    shelf = []

    def __init__(self, contents=[]):
        self.contents = contents"""


class Person:
    """Clicks in one notebook, and sees after each click that what is fresh is right."""

    def __init__(self, folder: Path, oracle: Oracle) -> None:
        self._folder = folder
        self._oracle = oracle
        (folder / "work").mkdir()
        self.page = Page(OracleNotebook("shared", ()))
        self.kernel = Kernel(self.page, folder)

    def write(self, **cells: str) -> None:
        self.page.notebook = OracleNotebook("shared", tuple(OracleCell(name, text) for name, text in cells.items()))

    def insert(self, place: int, name: str, text: str) -> None:
        cells = list(self.page.notebook.cells)
        cells.insert(place, OracleCell(name, text))
        self.page.notebook = replace(self.page.notebook, cells=tuple(cells))

    def run(self, *cells: str) -> None:
        for cell in cells or self.page.ids():
            self.kernel.run_cell(cell)
            self.look()

    def press_run(self) -> None:
        self.kernel.press("run")
        self.look()

    def restart(self) -> None:
        self.kernel.close()
        self.kernel = Kernel(self.page, self._folder)

    def look(self) -> None:
        result, plain = self._result(), self._oracle.run(self.page.notebook, self.kernel.work).plain
        differences = judge(result, plain)
        assert not differences, "\n".join(map(str, differences))

    def look_at_values(self) -> None:
        result, plain = self._result(), self._oracle.run(self.page.notebook, self.kernel.work).plain
        names = plain.made_by(result.fresh(), result.notebook)
        actual = self.kernel.values(names)
        differences = judge_values(actual, plain, names & actual.digests.keys())
        assert not differences, "\n".join(map(str, differences))

    def fresh(self) -> set[str]:
        return set(self._result().fresh())

    def _result(self) -> Result:
        self.kernel.tell()
        shown = {cell: self.page.shown[cell].outputs if cell in self.page.shown else [] for cell in self.page.ids()}
        verdicts = {cell: verdict for cell, (_, verdict) in self.kernel.states().items()}
        return Result(self.page.notebook, shown, {}, verdicts, verdicts_by_id=True)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with playing() as found:
        yield found


@contextlib.contextmanager
def at_page(folder: Path, oracle: Oracle) -> Iterator[Person]:
    with environment(folder):
        one = Person(folder, oracle)
        try:
            yield one
        finally:
            one.kernel.close()


@pytest.mark.parametrize("clicks", [("put",), ("put", "made"), ("put", "shelf")], ids="-".join)
def test_what_shares_a_default_of_its_class_is_changed_along_with_that_class(
    tmp_path: Path, oracle: Oracle, clicks: tuple[str, ...]
) -> None:
    with at_page(tmp_path, oracle) as person:
        person.write(
            classes=POUCH,
            made="%%task made\nfirst = Pouch()\nsecond = Pouch()",
            put="%%task put\nfirst.contents.append('keys')\nprint(first.contents)",
            shared="%%task shared\nprint(second.contents)",
            third="%%task third\nprint(Pouch().contents)",
            shelf="%%task shelf\nshelf = Pouch.shelf\nshelf.append(1)",
            whole="%%task whole\nprint(Pouch.shelf)",
        )
        person.run()
        person.run(*clicks)
        person.run()
        assert person.fresh() == set(person.page.ids())


def test_what_a_function_returned_of_its_default_is_changed_along_with_the_function(
    tmp_path: Path, oracle: Oracle
) -> None:
    with at_page(tmp_path, oracle) as person:
        person.write(
            function="%%task function\ndef collect(one, found=[]):\n    found.append(one)\n    return found",
            first="%%task first\nkept = collect(1)",
            change="%%task change\nkept.append(2)\nprint(kept)",
            again="%%task again\nprint(collect(3))",
        )
        person.run()
        person.run("change", "first")
        person.run()
        assert person.fresh() == set(person.page.ids())


@pytest.mark.parametrize("change", ["L.append(4)", "L += [4]", "add = L.append\nadd(4)"])
def test_a_change_inserted_above_what_holds_the_list_is_met_by_it(tmp_path: Path, oracle: Oracle, change: str) -> None:
    with at_page(tmp_path, oracle) as person:
        person.write(made="L = [1]", held="%%task held\nD = {'k': L}\nprint(D)", read="%%task read\nprint(D)")
        person.run()
        person.insert(1, "change", f"%%task change\n{change}")
        person.look()
        person.run("held", "read")
        assert {"held", "read"} <= person.fresh()
        person.run()
        person.look_at_values()
        assert {"held", "read", "change"} <= person.fresh()


def test_a_name_given_anew_after_its_list_was_changed_shares_it_with_the_next_run(
    tmp_path: Path, oracle: Oracle
) -> None:
    with at_page(tmp_path, oracle) as person:
        person.write(
            made="%%task made\nL = [1]",
            alias="M = L",
            change="%%task change\nL.append(2)",
            read="%%task read\nprint(M)",
        )
        person.run()
        person.restart()
        person.press_run()
        person.run()
        person.look_at_values()
        assert {"made", "change", "read"} <= person.fresh()
