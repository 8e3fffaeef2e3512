"""Process-wide state: what a task changed of it is seen, kept as a delta, and put back."""

from __future__ import annotations

import decimal
import os
import pickle
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from prefect_jupyter.kernel.ambient import VIRGIN, Ambient
from prefect_jupyter.kernel.ambient_deltas import DictDelta, ListDelta, Whole
from prefect_jupyter.kernel.ambient_kinds import KINDS


@pytest.fixture
def ambient() -> Iterator[Ambient]:
    """Leaves everything as it was."""
    watched = Ambient()
    before = watched.snapshot()
    yield watched
    for kind, state in before.states.items():
        watched.restore_full(kind, state)
    assert watched.delta(before, watched.snapshot()) == {}


def _move(folder: Path) -> None:
    os.chdir(folder.parent)


CHANGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a seed of NumPy": ("np_random", lambda folder: np.random.seed(3)),
    "a draw from NumPy": ("np_random", lambda folder: np.random.rand()),
    "a seed of random": ("random", lambda folder: random.seed(3)),
    "a draw from random": ("random", lambda folder: random.random()),
    "an rcParam": ("rcParams", lambda folder: mpl.rcParams.__setitem__("lines.linewidth", 7.5)),
    "a pandas option": ("pandas", lambda folder: pd.set_option("display.precision", 2)),
    "a print option": ("np_print", lambda folder: np.set_printoptions(precision=2)),
    "an error option": ("np_err", lambda folder: np.seterr(all="raise")),
    "a warning filter": ("warnings", lambda folder: warnings.filterwarnings("ignore", "nothing like this")),
    "no warning filters": ("warnings", lambda folder: warnings.resetwarnings()),
    "the folder": ("cwd", _move),
    "a variable": ("environ", lambda folder: os.environ.__setitem__("PJ_TEST_NEW", "é")),
    "a variable that goes": ("environ", lambda folder: os.environ.pop("PATH")),
    "the search path": ("path", lambda folder: sys.path.insert(0, "somewhere")),
    "the end of the search path": ("path", lambda folder: sys.path.append("somewhere")),
    "the search path less an entry": ("path", lambda folder: sys.path.pop()),
    "the search path turned around": ("path", lambda folder: sys.path.reverse()),
    "the precision of decimals": ("decimal", lambda folder: setattr(decimal.getcontext(), "prec", 5)),
    "a trap of decimals": ("decimal", lambda folder: decimal.getcontext().traps.__setitem__(decimal.Inexact, True)),
    "the recursion limit": ("recursion_limit", lambda folder: sys.setrecursionlimit(sys.getrecursionlimit() + 500)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen_alone_kept_and_put_back(ambient: Ambient, tmp_path: Path, what: str) -> None:
    kind, change = CHANGES[what]
    before = ambient.snapshot()
    known = ambient.fingerprints(before)
    change(tmp_path)
    after = ambient.snapshot()
    deltas = ambient.delta(before, after)
    assert set(deltas) == {kind}
    assert ambient.fingerprints(after)[kind] != known[kind]
    ambient.restore_full(kind, before.states[kind])
    assert ambient.delta(before, ambient.snapshot()) == {}
    assert ambient.fingerprints(ambient.snapshot())[kind] == known[kind]
    ambient.restore(kind, pickle.loads(pickle.dumps(deltas[kind])))
    assert ambient.delta(after, ambient.snapshot()) == {}
    assert ambient.fingerprints(ambient.snapshot())[kind] == ambient.fingerprints(after)[kind]


def test_a_delta_holds_only_what_changed(ambient: Ambient) -> None:
    before = ambient.snapshot()
    os.environ["PJ_TEST_NEW"] = "1"
    del os.environ["PATH"]
    mpl.rcParams["lines.linewidth"] = 7.5
    sys.path.append("last")
    np.random.seed(1)
    deltas = ambient.delta(before, ambient.snapshot())
    assert deltas["environ"] == DictDelta({os.fsencode("PJ_TEST_NEW"): b"1"}, (b"PATH",))
    assert deltas["rcParams"] == DictDelta({"lines.linewidth": 7.5})
    assert deltas["path"] == ListDelta((), ("last",), ())
    assert isinstance(deltas["np_random"], Whole)


def test_a_delta_leaves_alone_what_it_does_not_hold(ambient: Ambient) -> None:
    before = ambient.snapshot()
    os.environ["PJ_TEST_FIRST"] = "1"
    sys.path.insert(0, "first")
    deltas = ambient.delta(before, ambient.snapshot())
    ambient.restore_full("environ", before.states["environ"])
    ambient.restore_full("path", before.states["path"])
    os.environ["PJ_TEST_SECOND"] = "2"
    sys.path.append("second")
    for kind, delta in deltas.items():
        ambient.restore(kind, delta)
    assert (os.environ["PJ_TEST_FIRST"], os.environ["PJ_TEST_SECOND"]) == ("1", "2")
    assert (sys.path[0], sys.path[-1]) == ("first", "second")
    ambient.restore("path", deltas["path"])
    assert sys.path.count("first") == 1


def test_a_snapshot_does_not_follow_what_comes_after(ambient: Ambient) -> None:
    before = ambient.snapshot()
    family = list(before.states["rcParams"]["font.family"])
    mpl.rcParams["font.family"].append("fantasy")
    assert before.states["rcParams"]["font.family"] == family


def test_what_is_unchanged_is_not_described_again(ambient: Ambient) -> None:
    first, second = ambient.snapshot(), ambient.snapshot()
    assert all(second.states[kind] is state for kind, state in first.states.items())


def test_the_order_in_which_options_were_set_does_not_count(ambient: Ambient) -> None:
    os.environ["PJ_TEST_A"], os.environ["PJ_TEST_B"] = "1", "2"
    first = ambient.fingerprints(ambient.snapshot())["environ"]
    del os.environ["PJ_TEST_A"]
    os.environ["PJ_TEST_A"] = "1"
    assert ambient.fingerprints(ambient.snapshot())["environ"] == first


def test_reads_of_rc_params_are_noticed_while_a_task_runs(ambient: Ambient) -> None:
    plain = vars(mpl.RcParams)["__getitem__"]
    with ambient.watch() as watch:
        assert "rcParams" not in watch.reads.kinds
        mpl.rcParams["lines.linewidth"]
        assert "rcParams" in watch.reads.kinds
    with ambient.watch() as watch:
        mpl.rcParams["lines.linewidth"] = 3
    assert "rcParams" not in watch.reads.kinds
    assert vars(mpl.RcParams)["__getitem__"] is plain


def test_a_watch_leaves_the_import_statement_as_it_was_also_after_an_error(ambient: Ambient) -> None:
    import builtins

    plain = builtins.__import__
    with pytest.raises(KeyError), ambient.watch():
        raise KeyError
    assert builtins.__import__ is plain


IMPORTED = """
import os, sys, warnings, random
os.environ["PJ_TEST_IMPORTED"] = "1"
sys.path.append("imported")
warnings.filterwarnings("ignore", "imported")
"""


@pytest.fixture
def importable(tmp_path: Path, ambient: Ambient) -> Iterator[str]:
    name = "pj_test_changes_things"
    (tmp_path / f"{name}.py").write_text(IMPORTED, encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def test_what_an_import_changes_does_not_count(ambient: Ambient, importable: str) -> None:
    with ambient.watch() as watch:
        __import__(importable)
    assert os.environ["PJ_TEST_IMPORTED"] == "1"
    assert ambient.delta(watch.baseline, ambient.snapshot()) == {}


def test_what_the_task_changes_beside_an_import_counts(ambient: Ambient, importable: str) -> None:
    with ambient.watch() as watch:
        os.environ["PJ_TEST_BEFORE"] = "1"
        __import__(importable)
        os.environ["PJ_TEST_AFTER"] = "2"
        random.seed(5)
    deltas = ambient.delta(watch.baseline, ambient.snapshot())
    assert deltas["environ"] == DictDelta({os.fsencode("PJ_TEST_BEFORE"): b"1", os.fsencode("PJ_TEST_AFTER"): b"2"})
    assert set(deltas) == {"environ", "random"}


FRESH = """
import sys
sys.path[:0] = [{root!r}]
from prefect_jupyter.kernel.ambient import Ambient
ambient = Ambient()
with ambient.watch() as watch:
{body}
after = ambient.snapshot()
known = ambient.fingerprints(after)
print(sorted(ambient.delta(watch.baseline, after)), {{kind: known[kind] for kind in known if "random" in kind}})
"""


def fresh(*lines: str) -> str:
    """What a fresh process says after these lines of a task."""
    body = "\n".join(f"    {line}" for line in lines)
    program = FRESH.format(root=str(Path(__file__).parents[2]), body=body)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_a_generator_that_nobody_seeded_is_virgin_in_every_process() -> None:
    lines = ("import numpy.random", "import random")
    assert fresh(*lines) == fresh(*lines)
    assert fresh(*lines).count(VIRGIN) == 2


def test_a_seed_in_the_cell_that_imports_numpy_is_a_seed() -> None:
    three, again, four = (fresh("import numpy", f"numpy.random.seed({seed})") for seed in (3, 3, 4))
    assert three == again
    assert three != four
    assert "np_random" in three.split("]")[0]


def test_a_library_that_is_not_loaded_is_neither_imported_nor_missed() -> None:
    assert fresh("import json") == "[] {'random': 'virgin'}\n"


def test_options_set_in_the_cell_that_imports_a_library_are_changes() -> None:
    said = fresh("import matplotlib", "matplotlib.rcParams['lines.linewidth'] = 5")
    assert said.startswith("['rcParams']")
    assert fresh("import matplotlib").startswith("[]")


def test_a_list_of_options_that_is_changed_in_place_is_a_change() -> None:
    said = fresh("import matplotlib", "matplotlib.rcParams['font.family'].append('fantasy')")
    assert said.startswith("['rcParams']")


def test_a_library_that_comes_without_an_import_statement_had_been_as_usual() -> None:
    lines = ("import importlib", "np = importlib.import_module('numpy')", "np.random.seed(3)", "np.seterr(all='raise')")
    assert fresh(*lines).startswith("['np_err', 'np_random']")
    assert fresh(*lines[:2]).startswith("[]")


def test_a_kind_that_is_not_there_is_restored_by_doing_nothing(ambient: Ambient) -> None:
    assert KINDS["ipython"].read() is None
    ambient.restore("ipython", DictDelta({"float_precision": "%.2f"}))
    ambient.restore_full("ipython", {"float_precision": "%.2f"})
