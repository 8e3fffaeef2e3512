"""The process-wide state that cells read and change without naming it: random states, options, folders, filters.

It must not decide what a change means: it takes snapshots, tells what changed, and puts states back.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..runtime.fingerprints import Fingerprinter

Snapshot = dict[str, Any]

_MISSING = "__prefect_jupyter_missing__"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of state: the module that has to be loaded for it to exist, how to read it and how to set it.

    A `keyed` state is a flat mapping, of which single entries are put back. A state `read_by_changing` can
    only be read by changing it, as random numbers are. `library` states change when these packages are
    imported, which is no change of the notebook's.
    """

    module: str
    get: Callable[[], Any]
    set: Callable[[Any], None]
    keyed: bool = False
    read_by_changing: bool = False
    shown: bool = False
    library: tuple[str, ...] = field(default=())


def _loaded(name: str) -> Any:
    return sys.modules[name]


def _numpy_random() -> Any:
    return _loaded("numpy").random.mtrand._rand.get_state(legacy=False)


def _rc_parameters() -> dict[str, Any]:
    parameters = _loaded("matplotlib").rcParams
    return {key: value for key, value in dict.items(parameters) if not key.startswith("backend")}


def _set_rc_parameters(state: Mapping[str, Any]) -> None:
    parameters = _loaded("matplotlib").rcParams
    for key, value in state.items():
        if dict.get(parameters, key) is not value:
            dict.__setitem__(parameters, key, value)


def _flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _pandas_options() -> dict[str, Any]:
    return _flat(_loaded("pandas")._config.config._global_config)


def _set_pandas_options(state: Mapping[str, Any]) -> None:
    options = _loaded("pandas")._config.config._global_config
    for path, value in state.items():
        *parents, key = path.split(".")
        inner = options
        for parent in parents:
            inner = inner[parent]
        inner[key] = value


def _set_numpy_print(state: Mapping[str, Any]) -> None:
    _loaded("numpy").set_printoptions(**{key: value for key, value in state.items() if key != "override_repr"})


def _set_filters(state: list[Any]) -> None:
    warnings.filters[:] = state  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _set_environment(state: Mapping[str, str]) -> None:
    for key, value in state.items():
        if os.environ.get(key) != value:
            os.environ[key] = value


def _decimal() -> dict[str, Any]:
    context = _loaded("decimal").getcontext()
    return {name: getattr(context, name) for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")}


def _set_decimal(state: Mapping[str, Any]) -> None:
    context = _loaded("decimal").getcontext()
    for name, value in state.items():
        setattr(context, name, value)


def _set_path(state: list[str]) -> None:
    sys.path[:] = state


def _kinds(shell: InteractiveShell) -> dict[str, Kind]:
    return {
        "numpy_random": Kind("numpy.random", _numpy_random, lambda s: _loaded("numpy").random.set_state(s),
                             read_by_changing=True),
        "random": Kind("random", random.getstate, random.setstate, read_by_changing=True),
        "rcParams": Kind("matplotlib", _rc_parameters, _set_rc_parameters, keyed=True,
                         library=("matplotlib", "mpl_toolkits", "seaborn", "pandas")),
        "pandas_options": Kind("pandas", _pandas_options, _set_pandas_options, keyed=True, shown=True,
                               library=("pandas",)),
        "numpy_print": Kind("numpy", lambda: _loaded("numpy").get_printoptions(), _set_numpy_print, keyed=True,
                            shown=True, library=("numpy",)),
        "numpy_errors": Kind("numpy", lambda: _loaded("numpy").geterr(), lambda s: _loaded("numpy").seterr(**s),
                             keyed=True, library=("numpy", "scipy")),
        "warning_filters": Kind("warnings", lambda: list(warnings.filters), _set_filters, library=("",)),
        "folder": Kind("os", os.getcwd, os.chdir),
        "environment": Kind("os", lambda: dict(os.environ), _set_environment, keyed=True, library=("",)),
        "module_path": Kind("sys", lambda: list(sys.path), _set_path, library=("",)),
        "decimal": Kind("decimal", _decimal, _set_decimal, keyed=True),
        "display": Kind("IPython", lambda: _display(shell), lambda s: _set_display(shell, s), keyed=True, shown=True,
                        library=("matplotlib", "matplotlib_inline")),
    }  # fmt: skip


# The first figure loads the inline backend: that alone changes nothing of what is shown.
_FIGURES_AT_FIRST: Mapping[str, Any] = {
    "figure_formats": ["png"], "figure_keywords": {"bbox_inches": "tight"}, "close_figures": True,
}  # fmt: skip


def _display(shell: InteractiveShell) -> dict[str, Any]:
    formatters = shell.display_formatter.formatters if shell.display_formatter is not None else {}
    state: dict[str, Any] = {
        "float_precision": getattr(formatters.get("text/plain"), "float_precision", ""),
        "interactivity": shell.ast_node_interactivity,
        **_FIGURES_AT_FIRST,
    }
    inline = sys.modules.get("matplotlib_inline.config")
    if inline is not None:
        backend = inline.InlineBackend.instance()
        state["figure_formats"] = sorted(backend.figure_formats)
        state["figure_keywords"] = dict(backend.print_figure_kwargs)
        state["close_figures"] = backend.close_figures
    return state


def _set_display(shell: InteractiveShell, state: Mapping[str, Any]) -> None:
    if "float_precision" in state and shell.display_formatter is not None:
        shell.display_formatter.formatters["text/plain"].float_precision = state["float_precision"]
    if "interactivity" in state:
        shell.ast_node_interactivity = state["interactivity"]
    inline = sys.modules.get("matplotlib_inline.config")
    if inline is not None:
        backend = inline.InlineBackend.instance()
        if "figure_formats" in state:
            backend.figure_formats = set(state["figure_formats"])
        if "figure_keywords" in state:
            backend.print_figure_kwargs = dict(state["figure_keywords"])
        if "close_figures" in state:
            backend.close_figures = state["close_figures"]


class Ambient:
    """The process-wide state of one kernel. Taking a snapshot changes nothing and costs some 0.3 ms."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._kinds = _kinds(shell)
        self._known: dict[str, tuple[Any, str]] = {}
        self._first: dict[str, str] = {}
        self._rc_was_read = False
        self._rc_is_watched = False
        self.display_kinds = frozenset(name for name, kind in self._kinds.items() if kind.shown)

    def snapshot(self) -> Snapshot:
        """The states of all kinds whose library is loaded."""
        taken: Snapshot = {}
        for name, kind in self._kinds.items():
            if kind.module in sys.modules:
                try:
                    taken[name] = kind.get()
                except Exception:  # a library whose inside is another: it is not watched
                    continue
        return taken

    def fingerprints(self, snapshot: Snapshot) -> dict[str, str]:
        """A digest of each state. A random state that nobody has seeded counts as one and the same in every kernel."""
        found = {}
        for name, state in snapshot.items():
            known = self._known.get(name)
            if known is not None and _same(known[0], state):
                found[name] = known[1]
                continue
            taken = Fingerprinter({}, {}).own(repr(state) if name == "warning_filters" else state)
            digest = taken.digest if taken.stable else Fingerprinter({}, {}).own(repr(state)).digest
            if self._kinds[name].read_by_changing and self._first.setdefault(name, digest) == digest:
                digest = "virgin"
            self._known[name] = (state, digest)
            found[name] = digest
        return found

    def is_virgin(self, name: str, fingerprint: str) -> bool:
        """Whether this is the random state that the kernel was born with."""
        return self._kinds[name].read_by_changing and fingerprint == "virgin"

    def is_read_by_changing(self, name: str) -> bool:
        return self._kinds[name].read_by_changing

    def delta(self, before: Snapshot, after: Snapshot, imported: Collection[str]) -> dict[str, Any]:
        """What changed between two snapshots, by kind; of keyed states only the entries that changed.

        What the import of a library does to a state that it owns is left out: a replayed import does it again.
        """
        tops = {name.partition(".")[0] for name in imported}
        changed: dict[str, Any] = {}
        for name, state in after.items():
            kind = self._kinds[name]
            if name not in before or _same(before[name], state):
                continue
            if tops and any(library in tops or library == "" for library in kind.library):
                continue
            changed[name] = _entries(before[name], state) if kind.keyed else state
        return changed

    def restore(self, name: str, delta: Any) -> None:
        """Puts a change back that `delta` has told."""
        kind = self._kinds.get(name)
        if kind is None or kind.module not in sys.modules:
            return
        if kind.keyed:
            gone = [key for key, value in delta.items() if value == _MISSING]
            kind.set({key: value for key, value in delta.items() if value != _MISSING})
            for key in gone:
                self._remove(name, key)
        else:
            kind.set(delta)

    def restore_full(self, name: str, state: Any) -> None:
        """Puts a whole earlier state back."""
        now = self._kinds[name].get()
        self.restore(name, _entries(now, state) if self._kinds[name].keyed else state)

    def _remove(self, name: str, key: str) -> None:
        if name == "environment":
            os.environ.pop(key, None)

    def watch_reads(self) -> None:
        """From now on, notes whether anybody reads matplotlib's parameters: that makes them an input."""
        self._rc_was_read = False
        matplotlib = sys.modules.get("matplotlib")
        if matplotlib is None or self._rc_is_watched:
            return
        self._rc_is_watched = True
        parameters: Any = matplotlib.RcParams
        for method in ("__getitem__", "_get"):
            original = parameters.__dict__.get(method)
            if original is not None:
                setattr(parameters, method, self._noting(original))

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def read(parameters: Any, key: str) -> Any:
            self._rc_was_read = True
            return original(parameters, key)

        return read

    def reads_seen(self) -> set[str]:
        """The kinds that were read since `watch_reads`, of those where reading can be seen."""
        return {"rcParams"} if self._rc_was_read else set()


def _entries(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    changed = {key: value for key, value in after.items() if key not in before or not _same(before[key], value)}
    changed.update({key: _MISSING for key in before if key not in after})
    return changed


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, dict) and "bit_generator" in one:
        inner, outer = one["state"], other["state"]
        return bool(
            inner["pos"] == outer["pos"]
            and one.get("gauss") == other.get("gauss")
            and one.get("has_gauss") == other.get("has_gauss")
            and (inner["key"] == outer["key"]).all()
        )
    try:
        return bool(one == other)
    except Exception:
        return False
