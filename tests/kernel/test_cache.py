"""The cache as a person sees it and makes room in it, and the quota that is kept by itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from traitlets import TraitError

from prefect_jupyter.core.decisions import Decision
from prefect_jupyter.kernel.cache import CacheKeeper
from prefect_jupyter.kernel.cache_words import do_cache
from prefect_jupyter.kernel.errors import TaskError
from prefect_jupyter.kernel.settings import Flow
from prefect_jupyter.kernel.sizes import quota_bytes, size_bytes
from prefect_jupyter.kernel.wording import size
from prefect_jupyter.runtime.pickles import Pickle
from prefect_jupyter.runtime.stores.disk import DiskStore
from prefect_jupyter.view.cache_table import CacheTable
from tests.runtime.stores.entries import trace

HOUR = 3_600.0
FREE = 100_000_000


class Notebook:
    """One notebook's cache in a store with a clock of its own; it stands for the session where words are read."""

    def __init__(self, folder: Path, name: str = "n") -> None:
        self.now = 1_000_000.0
        self.name = name
        self.store = DiskStore(folder / "store", folder / "secret", lambda text: None, clock=lambda: self.now)
        self.settings = Flow()
        self.keeper = CacheKeeper(self.store, self.settings, lambda: self.name, clock=lambda: self.now)

    def ran(self, task: str, *, size: int = 100_000, saves: float = 1.0, seed: int = 0) -> None:
        reference = self.store.put_value(Pickle(f"{task}{seed}".encode(), (memoryview(bytes([seed]) * size),)), None)
        key = f"{sum(task.encode()):08x}{seed:02x}"
        self.store.put(
            trace(key, groups=(reference,), ambient_out={}, duration_s=saves, started_s=self.now, displays=())
        )
        self.store.remember(self.name, task, key)
        self.keeper.stored()

    def cache(self, **options: bool) -> Any:
        return self.keeper.cache(**options)

    def flow_cache(self, words: str) -> str:
        return str(do_cache(self, words.split()))  # type: ignore[arg-type]

    def tasks(self) -> list[str]:
        return sorted(entry.task for entry in self.cache(everywhere=True))


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=FREE))
    return Notebook(tmp_path)


def test_the_table_lists_results_by_size_with_totals_and_quota(notebook: Notebook) -> None:
    notebook.ran("small", size=10_000, saves=48.0)
    notebook.now += 3 * HOUR
    notebook.ran("large", size=1_000_000, saves=0.5)
    lines = notebook.flow_cache("").splitlines()
    assert lines[0].split() == ["task", "size", "made", "saves", "used", "last", "use", "key"]
    assert lines[1].split()[:6] == ["large", "1.0", "MB", "just", "now", "500"]
    assert lines[2].split()[:6] == ["small", "11", "kB", "3", "h", "ago"]
    assert lines[3] == "2 results of this notebook: 1.0 MB, saving 48.5 s."
    assert lines[4] == "The cache has 1.0 MB of 10.1 MB."


def test_results_of_other_notebooks_are_counted_and_listed_on_request(notebook: Notebook) -> None:
    notebook.ran("here")
    notebook.name = "/work/other.ipynb"
    notebook.ran("there")
    notebook.name = "n"
    assert "1 result of other notebooks: %flow cache --all lists them." in notebook.flow_cache("")
    assert "there · other.ipynb" in notebook.flow_cache("--all")


def test_html_holds_names_as_text() -> None:
    table = CacheTable((("<img src=x onerror=alert(1)>", *["·"] * 7),), ("a & b",))
    assert "<img" not in table.html()
    assert "&lt;img src=x onerror=alert(1)&gt;" in table.html()
    assert "a &amp; b" in table.html()


def test_a_task_is_deleted_by_name_and_a_result_by_the_beginning_of_its_key(notebook: Notebook) -> None:
    for seed in range(2):
        notebook.ran("clean", seed=seed)
    notebook.ran("fit", seed=7)
    notebook.ran("report", seed=8)
    said = notebook.flow_cache("delete clean")
    assert said.startswith("Deleted 2 results: 20")
    assert "kB freed. The cache has 20" in said
    (fit,) = (entry for entry in notebook.cache() if entry.task == "fit")
    assert notebook.flow_cache(f"delete {fit.id[0]}").startswith("Deleted 1 result: 10")
    assert notebook.tasks() == ["report"]


def test_clear_takes_this_notebook_s_results_alone_and_leaves_pinned_ones(notebook: Notebook) -> None:
    notebook.ran("a", seed=1)
    notebook.ran("b", seed=2)
    (kept,) = notebook.store.traces(next(entry.id[0] for entry in notebook.cache() if entry.task == "b"))
    notebook.store.decide("n", "cell b", Decision(kind="pinned", at_s=1.0, trace=kept))
    notebook.name = "other"
    notebook.ran("c", seed=3)
    notebook.name = "n"
    assert notebook.flow_cache("clear").endswith("1 pinned result stays.")
    assert notebook.tasks() == ["b", "c"]
    with pytest.raises(TaskError, match="`b` is pinned, so its result stays: %flow unpin b first"):
        notebook.flow_cache("delete b")
    assert notebook.flow_cache("clear --all").startswith("Cleared 1 result: ")


def test_prune_makes_room_as_asked_and_says_what_is_left(notebook: Notebook) -> None:
    notebook.ran("old", seed=1)
    notebook.now += 40 * 24 * HOUR
    notebook.ran("quick", seed=2, saves=0.001)
    notebook.ran("slow", seed=3, saves=100.0)
    notebook.store.close()  # no kernel has the notebook open
    assert notebook.flow_cache("prune --older 30d").startswith("Pruned 1 result: 10")
    assert notebook.flow_cache("prune --to=150kB").startswith("Pruned 1 result: 10")
    assert notebook.tasks() == ["slow"]
    assert notebook.flow_cache("prune").startswith("Pruned 0 results: 0 B freed. The cache has 10")


def test_what_is_in_use_is_not_pruned_and_that_is_said(notebook: Notebook) -> None:
    notebook.ran("clean")
    assert notebook.flow_cache("prune --to 1kB").endswith("The rest is in use by open notebooks, or pinned.")
    assert notebook.tasks() == ["clean"]


def test_verify_names_what_was_broken(notebook: Notebook, tmp_path: Path) -> None:
    notebook.ran("clean")
    assert notebook.flow_cache("verify") == "Checked 1 result and 1 value (100 kB): all are sound."
    (file,) = (path for path in (tmp_path / "store" / "values").rglob("*") if path.is_file())
    file.write_bytes(b"\1" * file.stat().st_size)
    lines = notebook.flow_cache("verify").splitlines()
    assert lines[0].endswith("1 was broken and is removed, to be made again when needed.")
    assert lines[1].startswith("  clean ")
    assert lines[1].endswith("needs a value that is damaged")
    assert notebook.tasks() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("prun", "did you mean `prune`?"),
        ("delete", "needs a task or a key: write %flow cache delete TASK|KEY…"),
        ("delete --all", "does not know `--all`"),
        ("delete nothing", "`nothing` is not in the cache. Tasks of this notebook that are: `clean`."),
        ("prune --to", "%flow cache prune --to needs a value, such as 5G."),
        ("prune --to 5", "--to: `5` is not a size: write one such as 500 MB or 5 GB. Nothing is pruned."),
        ("prune --older soon", "--older: `soon` is not a duration"),
        ("prune clean", "%flow cache prune does not know `clean`: there may stand --older and --to."),
        ("verify --all", "%flow cache verify does not know `--all`: there may stand nothing more."),
        ("--everything", "%flow cache does not know `--everything`: there may stand --all."),
    ],
)
def test_a_mistake_is_named_with_its_cure_and_nothing_goes(notebook: Notebook, words: str, said: str) -> None:
    notebook.ran("clean")
    with pytest.raises(TaskError) as caught:
        notebook.flow_cache(words)
    assert said in str(caught.value)
    assert notebook.tasks() == ["clean"]


def test_a_key_that_two_results_begin_with_needs_more_characters(notebook: Notebook) -> None:
    for seed in range(2):
        notebook.ran("clean", seed=seed)
    with pytest.raises(TaskError, match=r"2 results whose keys begin with `0000`: write more"):
        notebook.flow_cache("delete 0000")


def test_the_quota_is_kept_after_results_are_stored_without_a_word(notebook: Notebook) -> None:
    notebook.settings.cache_quota = "450 kB"
    notebook.ran("first", seed=1, saves=9.0)
    notebook.store.close()
    for seed in range(2, 8):
        notebook.name = str(seed)  # notebooks that are closed afterwards
        notebook.ran(f"task{seed}", seed=seed, saves=float(seed))
        notebook.keeper.stop()
        notebook.store.close()
        notebook.now += 2 * HOUR
    notebook.ran("last", seed=9, saves=0.0)
    notebook.keeper.stop()
    assert notebook.store.keeping.total_bytes() <= 450_000
    assert {"last", "first", "task7"} <= set(notebook.tasks())


def test_the_quota_is_not_looked_at_after_every_result(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    monkeypatch.setattr(CacheKeeper, "_sweep", lambda self: looks.append(notebook.now))
    for seed in range(20):
        notebook.ran("small", size=100, seed=seed)
        notebook.keeper.stop()
    assert len(looks) == 1
    notebook.ran("large", size=3_000_000, seed=21)
    notebook.keeper.stop()
    assert len(looks) == 2
    notebook.now += 2 * HOUR
    notebook.ran("small", size=100, seed=22)
    notebook.keeper.stop()
    assert len(looks) == 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("5G", 5 * 10**9), ("500 MB", 5 * 10**8), ("1.5gb", 15 * 10**8), ("100 B", 100), ("2 TiB", 2 * 10**12)],
)
def test_sizes_are_read_as_people_write_them(text: str, wanted: int) -> None:
    assert size_bytes(text) == wanted


@pytest.mark.parametrize("text", ["", "5", "-1 GB", "5 GBit", "five", "1e9 B", "5 GB 3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write one such as"):
        size_bytes(text)


def test_a_quota_is_a_size_a_share_both_or_none() -> None:
    assert quota_bytes("10 GB", 50) == 10**10
    assert quota_bytes("10%", 1_000) == 100
    assert quota_bytes("10 GB, 10%", 1_000) == 100
    assert quota_bytes("none", 1_000) is None


@pytest.mark.parametrize(("setting", "value"), [("cache_quota", "lots"), ("cache_quota", "5"), ("cache_age", "soon")])
def test_a_setting_that_cannot_be_is_refused_when_it_is_set(setting: str, value: str) -> None:
    settings = Flow()
    before = getattr(settings, setting)
    with pytest.raises(TraitError, match=f"`{value}` is not a"):
        setattr(settings, setting, value)
    assert getattr(settings, setting) == before


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_600, "1.0 MB"), (1_234_567, "1.2 MB"), (3.4e9, "3.4 GB")],
)
def test_sizes_are_told_in_three_figures(count: float, words: str) -> None:
    assert size(count) == words
