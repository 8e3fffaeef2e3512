"""Why a task is stale: exactly the tasks that reach a change, and the change by its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prefect_jupyter.analysis.digest import digest_of
from tests.oracle.kernels import LiveKernel

from .page import Page

HELPERS = """
def scaled(x, by=2):
    # as measured
    return x * by * FACTOR

def other(x):
    return -x
"""
CELLS = {
    "factor": "FACTOR = 3",
    "helpers": HELPERS,
    "classes": "class Model:\n    def fit(self, x):\n        return [scaled(x)]\n    def name(self):\n        return 1",
    "direct": "%%task direct\na = scaled(2)",
    "method": "%%task method\nb = Model().fit(1)",
    "beside": "%%task beside\nc = other(2)",
    "sign": "%%task sign\nd = a > 0",
    "below": "%%task below\ne = not d",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path_factory.mktemp("why")) as kernel:
        yield kernel


@pytest.fixture
def page(kernel: LiveKernel) -> Page:
    page = Page(kernel)
    page.show(**CELLS)
    page.run()
    assert page.stale() == set()
    return page


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("x * by * FACTOR", "x * by + FACTOR", "+    return x * by + FACTOR"),
        ("by=2", "by=5", "`2` → `5`"),
        ("# as measured", "x = abs(x)", "+    x = abs(x)"),
    ],
)
def test_an_edited_helper_is_named_with_what_is_different(page: Page, old: str, new: str, shown: str) -> None:
    page.run_edited(helpers=HELPERS.replace(old, new))
    assert page.stale() == {"direct", "method", "sign", "below"}
    for task in ("direct", "method"):
        why = page.why(task)
        assert "helper `scaled` changed" in why
        assert shown in why
    assert "needs `direct`, which is stale: helper `scaled` changed" in page.why("sign")
    before = page.executed()
    page.run_edited(helpers=HELPERS)
    assert page.stale() == set(), "an edit that was undone leaves nothing stale"
    page.run()
    assert page.executed() == before


def test_a_captured_global_and_a_method_are_named(page: Page) -> None:
    page.run_edited(factor="FACTOR = 4")
    assert page.stale() == {"direct", "method", "sign", "below"}
    assert "`FACTOR` changed from 3 to 4" in page.why("method")
    page.run_edited(factor="FACTOR = 3", classes=CELLS["classes"].replace("[scaled(x)]", "[scaled(x) + 1]"))
    assert page.stale() == {"method"}
    assert "class `Model` changed" in page.why("method")
    assert "scaled(x) + 1" in page.why("method")


def test_comments_docstrings_and_layout_leave_everything_fresh(page: Page) -> None:
    page.run_edited(
        helpers='def scaled(x, by = 2):\n  """More."""\n  return (x*by\n  *FACTOR)\n\n\ndef other(x): return -x # less',
        classes="class Model:\n  'A.'\n  def fit( self,x ):\n    return [ scaled(x) ]\n  def name(self): return 1",
        direct="%%task direct\n# the first\na = scaled( 2 )",
    )
    assert page.stale() == set()


def test_an_equal_result_leaves_readers_fresh(page: Page) -> None:
    page.run_edited(factor="FACTOR = 30")
    page.run("direct", "sign")
    assert page.verdicts()["below"] == "fresh"
    page.kernel.session("rerun('direct')")
    assert page.verdicts()["sign"] == "fresh"


def test_a_library_of_another_version_is_named_also_after_a_restart(page: Page) -> None:
    folder = page.folder / "site-packages"
    folder.mkdir()
    library = folder / "worldly.py"
    library.write_text("__version__ = '1.0'\ndef f(x):\n    return x\n", encoding="utf-8")
    page.show(
        load=f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport worldly\nfrom worldly import f",
        module="%%task module\na = worldly.f(1)",
        function="%%task function\nb = f(1)",
        beside="%%task beside\nc = sys.maxsize > 1",
    )
    page.run()
    page.restart()
    library.write_text("__version__ = '1.1'\ndef f(x):\n    return x\n", encoding="utf-8")
    page.run("load")
    assert "library `worldly` changed from 1.0 to 1.1" in page.why("module")
    assert "library `worldly` changed from 1.0 to 1.1" in page.why("function")
    before = page.executed()
    page.run()
    assert page.executed() == before + 2


def test_a_file_read_by_pandas_makes_the_task_stale_when_it_changes_or_goes(page: Page) -> None:
    page.write("read.csv", "a\n1\n")
    page.show(load="import pandas as pd", read="%%task read\ntotal = pd.read_csv('read.csv').a.sum()")
    page.run()
    assert page.stale() == set()
    page.write("read.csv", "a\n2\n")
    assert "read.csv has changed" in page.why("read")
    page.run("read")
    assert page.stale() == set()
    (page.folder / "read.csv").unlink()
    assert "read.csv is gone" in page.why("read")


def test_a_task_that_changes_an_input_says_so_once_and_a_reader_never_does(page: Page) -> None:
    page.show(
        load="import collections\nimport pandas as pd\nimport matplotlib.pyplot as plt\nxs = [1]\n"
        "def grow(v): v.append(2)\n"
        "frame = pd.DataFrame({'a': range(4)}, index=pd.date_range('2024-01-01', periods=4))\n"
        "counts = collections.defaultdict(list, {'a': [1]})\nfigure, axes = plt.subplots()",
        change="%%task change\ngrow(xs)\nn = len(xs)",
        read="%%task read\nm = (frame.loc['2024-01-02':].a.sum(), frame.index.freq, counts.get('z'),"
        " counts['a'], repr(figure)[:6])",
        after="%%task after\nk = sum(xs)",
    )
    page.run()
    assert page.values("n", "k") == ["2", "3"]
    notices = [text for text in page.notices() if "in place" in text]
    assert notices == ["`change` changes `xs` in place: it leaves a new version of it."]
    assert page.stale() == set()


def test_the_digest_of_code_knows_no_layout() -> None:
    import ast

    one, other = "def f(a):\n    'x'\n    return (a)\n", "def f( a ): return a  # y\n"
    assert digest_of(ast.parse(one), one) == digest_of(ast.parse(other), other)
