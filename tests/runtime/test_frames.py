"""Frames are equal by what one can see of them, however their memory is cut."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from prefect_jupyter.runtime.fingerprints import Fingerprinter
from prefect_jupyter.runtime.pickles import dump, load


def digest(value: object) -> str:
    taken = Fingerprinter({}, {}).of(value)
    assert taken.stable
    return taken.digest


def frame() -> pd.DataFrame:
    index = pd.date_range("2020-01-01", periods=4, tz="Europe/Paris", name="when")
    return pd.DataFrame(
        {
            "n": [1, 2, 3, 4],
            "x": [1.5, np.nan, -0.0, 2.0],
            "s": ["a", None, "é", ""],
            "o": pd.Series(["a", 1, None, [1]], dtype=object).to_numpy(),
            "c": pd.Categorical(["u", "v", "u", None]),
            "i": pd.array([1, None, 3, 4], dtype="Int64"),
            "b": pd.array([True, None, False, True], dtype="boolean"),
            "t": pd.to_datetime(["2020", None, "2021", "2022"]),
            "d": pd.to_timedelta([1, 2, 3, 4], unit="s"),
            "p": pd.period_range("2020", periods=4, freq="M"),
            "v": pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3, 4]),
            "z": pd.arrays.SparseArray([0, 0, 1, 0]),
            "a": pd.array(["a", "b", None, "c"], dtype=pd.ArrowDtype(pa.string())),
        },
        index=index,
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "frame": frame,
    "empty frame": pd.DataFrame,
    "empty frame with columns": lambda: pd.DataFrame({"a": [], "b": []}),
    "frame with attrs": lambda: frame().assign(k=1).pipe(lambda made: made.attrs.update(unit="m") or made),
    "duplicate columns": lambda: pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
    "series": lambda: pd.Series([1, 2, 3], name="s"),
    "range index": lambda: pd.RangeIndex(3),
    "multi index": lambda: pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["k", None]),
    "index with a frequency": lambda: pd.date_range("2020", periods=3, freq="D"),
    "timestamp": lambda: pd.Timestamp("2020-01-01", tz="UTC"),
    "missing": lambda: [pd.NA, pd.NaT],
    "interval": lambda: pd.Interval(0, 1),
    "categorical": lambda: pd.Categorical(["a", "b"], categories=["b", "a"], ordered=True),
    "group by": lambda: frame().groupby("n").groups,
    "sparse": lambda: scipy.sparse.csr_matrix(np.eye(3)),
    "coordinates": lambda: scipy.sparse.coo_matrix(np.eye(3)),
    "image": lambda: Image.new("RGB", (3, 2), (1, 2, 3)),
    "arrow table": lambda: pa.table({"a": [1, None], "b": ["x", "y"]}),
    "polars": lambda: pl.DataFrame({"a": [1, None], "b": ["x", "y"]}),
    "polars series": lambda: pl.Series("a", [1, 2]),
    "forest": lambda: RandomForestClassifier(3, random_state=0).fit(np.eye(4), [0, 1, 0, 1]),
    "pipeline": lambda: make_pipeline(StandardScaler(), LinearRegression()).fit(np.eye(3), [1, 2, 3]),
}


@pytest.mark.parametrize("what", MAKERS)
def test_made_again_copied_and_loaded_it_is_the_same(what: str) -> None:
    value = MAKERS[what]()
    first = digest(value)
    assert digest(MAKERS[what]()) == first
    assert digest(copy.deepcopy(value)) == first
    assert digest(load(dump({"x": value}, {}), {}, lambda name: None)["x"]) == first


READS: list[Callable[[pd.DataFrame], object]] = [
    repr,
    len,
    lambda f: f.n.sum(),
    lambda f: f.describe(),
    lambda f: f.values,
    lambda f: f.to_numpy(),
    lambda f: f.index.freq,
    lambda f: f.index.inferred_freq,
    lambda f: f.index.is_unique,
    lambda f: f.loc["2020-01-02"],
    lambda f: f.groupby("c", observed=True).n.mean(),
    lambda f: f.n.to_numpy(),
    lambda f: f["s"].str.len(),
    lambda f: f.index.get_indexer(f.index),
    lambda f: f.columns.get_loc("n"),
    lambda f: f.sort_values("n"),
    lambda f: f.memory_usage(deep=True),
    lambda f: f.isna().sum(),
    lambda f: f.T,
    lambda f: f.copy(),
    lambda f: f.head(2),
    lambda f: f.reset_index(),
    lambda f: f._mgr,
    lambda f: list(f.items()),
    lambda f: f.c.cat.categories.get_loc("u"),
]


def test_reading_a_frame_does_not_change_it() -> None:
    value = frame()
    before = digest(value)
    for read in READS:
        read(value)
        assert digest(value) == before


def test_reading_other_things_does_not_change_them() -> None:
    index = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    sparse = scipy.sparse.csr_matrix(np.eye(3))
    before = digest(index), digest(sparse)
    index.get_loc((1, "a")), index.is_monotonic_increasing, index.to_frame(), index.get_level_values(0), repr(index)
    sparse.has_sorted_indices, sparse.has_canonical_format, sparse @ sparse, sparse.sum(), repr(sparse)
    assert (digest(index), digest(sparse)) == before


def points() -> Any:
    return np.random.default_rng(0).random((40, 3))


READERS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "groups": (lambda: pd.DataFrame({"a": [1, 1, 2], "v": [1, 2, 3]}).groupby("a"), lambda g: (g.sum(), g.groups)),
    "a rolling window": (lambda: pd.Series([1.0, 2.0, 3.0]).rolling(2), lambda r: (r.sum(), r.mean())),
    "a frame by levels": (
        lambda: pd.DataFrame({"v": range(4)}, index=pd.MultiIndex.from_product([[1, 2], ["a", "b"]])),
        lambda f: (f.loc[1], f.unstack(), f.groupby(level=0).sum(), repr(f)),
    ),
    "categories": (
        lambda: pd.Series(pd.Categorical(["a", "b", "a"])),
        lambda s: (s.cat.codes, s.value_counts(), s.groupby(s, observed=True).size(), repr(s)),
    ),
    "periods": (lambda: pd.period_range("2020", periods=3, freq="M"), lambda p: (p.year, p.is_unique, repr(p))),
    "a masked array": (
        lambda: np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        lambda a: (a.sum(), a.filled(0), a.mask, a[1:], repr(a)),
    ),
    "an image": (lambda: Image.new("RGB", (3, 2)), lambda i: (i.load(), i.getpixel((0, 0)), i.histogram())),
    "an arrow table": (
        lambda: pa.table({"a": [1, None], "b": ["x", "y"]}),
        lambda t: (t.to_pandas(), t.column("a").null_count, t.schema, t.nbytes),
    ),
    "neighbours": (
        lambda: KNeighborsClassifier(3, algorithm="kd_tree").fit(points(), points()[:, 0] > 0.5),
        lambda m: (m.predict(points()), m.kneighbors(points())),
    ),
    "neighbours in balls": (
        lambda: KNeighborsClassifier(3, algorithm="ball_tree").fit(points(), points()[:, 0] > 0.5),
        lambda m: (m.predict(points()), m.kneighbors(points())),
    ),
    "a forest": (
        lambda: RandomForestClassifier(3, random_state=0).fit(points(), points()[:, 0] > 0.5),
        lambda m: (m.predict(points()), m.feature_importances_, repr(m), m._repr_html_()),
    ),
    "a matrix in columns": (lambda: scipy.sparse.csc_matrix(np.eye(3)), lambda m: (m.T, m.sum(), m[0, 0], m.toarray())),
}


@pytest.mark.parametrize("what", READERS)
def test_reading_does_not_change_it_and_it_is_stored_as_it_is(what: str) -> None:
    make, read = READERS[what]
    value = make()
    before = digest(value)
    read(value)
    assert digest(value) == before
    assert digest(make()) == before
    assert digest(load(dump({"x": value}, {}), {}, lambda name: None)["x"]) == before


def test_a_search_for_parameters_is_stored_as_it_is() -> None:
    """Its results are many arrays, some of them columns of one."""
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(points(), points()[:, 0])
    assert digest(load(dump({"x": search}, {}), {}, lambda name: None)["x"]) == digest(search)


EDITS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a number": lambda f: f.assign(n=[1, 2, 3, 5]),
    "the sign of a zero": lambda f: f.assign(x=[1.5, np.nan, 0.0, 2.0]),
    "the type of a number": lambda f: f.astype({"n": "int32"}),
    "a text": lambda f: f.assign(s=["a", None, "e", ""]),
    "an object": lambda f: f.assign(o=["a", 1, None, [2]]),
    "a category": lambda f: f.assign(c=pd.Categorical(["u", "v", "v", None])),
    "unused categories": lambda f: f.assign(c=f.c.cat.add_categories("w")),
    "the order of categories": lambda f: f.assign(c=f.c.cat.as_ordered()),
    "a mask": lambda f: f.assign(i=pd.array([1, 2, 3, 4], dtype="Int64")),
    "the time zone": lambda f: f.tz_convert("UTC"),
    "the frequency": lambda f: f.set_axis(pd.DatetimeIndex(f.index, freq=None)),
    "the name of the index": lambda f: f.rename_axis("other"),
    "the order of columns": lambda f: f[list(f.columns[::-1])],
    "the order of rows": lambda f: f[::-1],
    "a column's name": lambda f: f.rename(columns={"n": "m"}),
    "a column less": lambda f: f.drop(columns="n"),
    "attributes": lambda f: f.copy().pipe(lambda made: made.attrs.update(a=1) or made),
    "the kind of index": lambda f: f.reset_index(drop=True),
    "a period": lambda f: f.assign(p=pd.period_range("2021", periods=4, freq="M")),
    "an interval": lambda f: f.assign(v=pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3, 5])),
    "a sparse number": lambda f: f.assign(z=pd.arrays.SparseArray([0, 0, 2, 0])),
    "an arrow text": lambda f: f.assign(a=pd.array(["a", "b", None, "d"], dtype=pd.ArrowDtype(pa.string()))),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_changes_it(what: str) -> None:
    assert digest(EDITS[what](frame())) != digest(frame())


def test_how_memory_is_cut_does_not_count() -> None:
    together = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
    apart = pd.DataFrame({"a": [0.0, 2.0, 4.0]}, index=together.index)
    apart["b"] = [1.0, 3.0, 5.0]
    apart.columns = together.columns
    assert digest(together) == digest(apart)
    whole = pa.table({"a": ["x", "y", "z"] * 5})
    assert digest(whole) == digest(pa.concat_tables([whole[:4], whole[4:]]))
    assert digest(whole[3:9]) == digest(pa.table({"a": ["x", "y", "z"] * 2}))
    rows = pl.DataFrame({"a": ["x", "y", "z"]})
    assert digest(rows) == digest(pl.concat([rows[:1], rows[1:]], rechunk=False))
    assert digest(rows[1:]) == digest(pl.DataFrame({"a": ["y", "z"]}))


def test_what_lies_under_a_mask_does_not_count() -> None:
    first = pd.array([1, None], dtype="Int64")
    second = pd.array([1, 7], dtype="Int64")
    second[1] = pd.NA
    assert digest(pd.Series(first)) == digest(pd.Series(second))


def test_figures_are_handles_of_their_figure() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    taken = [Fingerprinter({}, {}).of(value) for value in (figure, axes, [axes.plot([1, 2])])]
    assert {each.handle for each in taken} == {"figure"}
    assert taken[0].storage & taken[1].storage & taken[2].storage
    assert taken[0].digest == "object:matplotlib.figure.Figure"
