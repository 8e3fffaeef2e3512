"""The kinds of process-wide state that a cell can read or change without naming it.

Each kind is one class: how it is read, and how a part of it is put back. It must not import a library that is
not loaded: state of a library that is not there cannot be read.
"""

from __future__ import annotations

import contextlib
import decimal
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..runtime.stamps import working_folder
from .ambient_backend import USUAL, read_backend, update_backend
from .ambient_reads import is_ours, is_shown


@dataclass(frozen=True, slots=True)
class Kind:
    """`read` returns None where the library is not loaded. State is a dict (changed by key), a list or a whole.

    With `defaults`, only what differs from them counts: a library that is not loaded yet and one whose options
    nobody has touched are the same.

    `write` puts a whole state back; `update` sets and deletes keys of a dict. Both touch nothing that is as it
    should be already, so that objects which others hold stay the same.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    update: Callable[[Mapping[str, Any], tuple[str, ...]], None] | None = None
    same: Callable[[Any, Any], bool] = lambda left, right: bool(left == right)
    defaults: Callable[[], Mapping[str, Any]] | None = None


def _module(name: str) -> Any:
    """A library that is loaded to its end; one that is just being imported has no state yet."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return None if module is None or getattr(spec, "_initializing", False) else module


# Chance


def _read_numpy_random() -> Any:
    mtrand = _module("numpy.random.mtrand")
    return None if mtrand is None else mtrand._rand.get_state(legacy=False)


def _write_numpy_random(state: Any) -> None:
    _module("numpy.random.mtrand")._rand.set_state(state)


def _same_numpy_random(left: Any, right: Any) -> bool:
    if left["bit_generator"] != right["bit_generator"] or left.get("gauss") != right.get("gauss"):
        return False
    mine, other = left["state"], right["state"]
    if mine.keys() != other.keys():
        return False
    return all(bool((mine[name] == other[name]) is True or _all(mine[name] == other[name])) for name in mine)


def _all(comparison: Any) -> bool:
    return bool(comparison.all()) if hasattr(comparison, "all") else bool(comparison)


# matplotlib


class _Unchanged:
    """Reads a large dict fast: as long as it is as it was, the same copy is given again.

    Values that are lists may be changed in place; they are kept as copies and compared one by one.
    """

    def __init__(self, *skipped: str) -> None:
        self._skipped = skipped
        self._raw: dict[Any, Any] = {}
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._state: dict[Any, Any] = {}

    def read(self, raw: dict[Any, Any]) -> dict[Any, Any]:
        # Past the mapping's own methods: those of rcParams warn about old names.
        if dict.__eq__(raw, self._raw) is True and all(now == then for now, then in self._lists):
            return self._state
        self._raw = dict(dict.items(raw))
        copies = {name: list(value) for name, value in self._raw.items() if type(value) is list}
        self._lists = [(self._raw[name], copy) for name, copy in copies.items()]
        state = {**self._raw, **copies}
        if self._skipped:
            state = {name: value for name, value in state.items() if not name.startswith(self._skipped)}
        self._state = state
        return state


_RC, _COLORS, _VARIABLES = _Unchanged("backend", "interactive"), _Unchanged(), _Unchanged()


def _read_rc() -> dict[str, Any] | None:
    matplotlib = _module("matplotlib")
    return None if matplotlib is None else _RC.read(matplotlib.rcParams)


def _update_rc(changed: Mapping[str, Any], deleted: tuple[str, ...]) -> None:
    params = _module("matplotlib").rcParams
    for name, value in changed.items():
        if dict.get(params, name) != value:
            dict.__setitem__(params, name, list(value) if type(value) is list else value)
    for name in deleted:
        dict.pop(params, name, None)


def _read_colors() -> dict[str, Any] | None:
    colors = _module("matplotlib.colors")
    return None if colors is None else _COLORS.read(colors.colorConverter.colors)


def _default_colors() -> dict[str, Any]:
    colors = _module("matplotlib.colors")
    grays = {name.replace("grey", "gray"): value for name, value in colors.XKCD_COLORS.items() if "grey" in name}
    greys = {name.replace("gray", "grey"): value for name, value in colors.TABLEAU_COLORS.items() if "gray" in name}
    return {
        **colors.XKCD_COLORS,
        **grays,
        **colors.CSS4_COLORS,
        **colors.TABLEAU_COLORS,
        **greys,
        **colors.BASE_COLORS,
    }


def _update_colors(changed: Mapping[str, Any], deleted: tuple[str, ...]) -> None:
    converter = _module("matplotlib.colors").colorConverter
    _update_mapping(converter.colors, changed, deleted)
    converter.cache.clear()


# pandas and NumPy


def _pandas_options(*, shown: bool) -> dict[str, Any] | None:
    config = _module("pandas._config.config")
    if config is None or _module("pandas") is None:
        return None
    rows: list[tuple[str, Any]] = []
    for name, value in config._global_config.items():
        if is_shown(f"{name}.") == shown:
            rows += _flat(value, f"{name}.")
    return dict(rows)


def _default_pandas() -> dict[str, Any]:
    registered = _module("pandas._config.config")._registered_options
    return {name: option.defval for name, option in registered.items()}


def _flat(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, value))
    return rows


def _update_pandas(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    config = _module("pandas._config.config")
    for name, value in changed.items():
        *path, last = name.split(".")
        tree = config._global_config
        for part in path:
            tree = tree.setdefault(part, {})
        tree[last] = value
        option = config._registered_options.get(name)
        if option is not None and option.cb is not None:
            option.cb(name)


def _read_print_options() -> dict[str, Any] | None:
    numpy = _module("numpy")
    return None if numpy is None else dict(numpy.get_printoptions())


def _update_print_options(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    _module("numpy").set_printoptions(**{name: value for name, value in changed.items() if name != "override_repr"})


def _read_errors() -> dict[str, Any] | None:
    numpy = _module("numpy")
    return None if numpy is None else dict(numpy.geterr())


def _update_errors(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    _module("numpy").seterr(**changed)


# The interpreter


def _loggers() -> dict[str, Any]:
    """All loggers but those of `get_run_logger()`, which are set up when a task asks for one."""
    return {name: logger for name, logger in [*logging.Logger.manager.loggerDict.items()] if not is_ours(name)}


def _read_log_levels() -> dict[str, Any]:
    levels = {name: logger.level for name, logger in _loggers().items() if getattr(logger, "level", 0)}
    return {"": logging.root.level, **levels}


def _update_log_levels(changed: Mapping[str, Any], deleted: tuple[str, ...]) -> None:
    for name, level in {**dict.fromkeys(deleted, logging.NOTSET), **changed}.items():
        logging.getLogger(name).setLevel(level)


def _read_log_handlers() -> dict[str, Any]:
    loggers = _loggers().items()
    handlers = {name: tuple(logger.handlers) for name, logger in loggers if getattr(logger, "handlers", ())}
    return {"": tuple(logging.root.handlers), **handlers}


def _update_log_handlers(changed: Mapping[str, Any], deleted: tuple[str, ...]) -> None:
    for name, handlers in {**dict.fromkeys(deleted, ()), **changed}.items():
        logging.getLogger(name).handlers[:] = handlers


def _write_warnings(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    getattr(warnings, "_filters_mutated", getattr(warnings, "_filters_mutated_lock_held", lambda: None))()


def _read_environ() -> dict[str, str]:
    return _VARIABLES.read(os.environ._data)  # type: ignore[attr-defined]


def _update_environ(changed: Mapping[Any, Any], deleted: tuple[Any, ...]) -> None:
    # Keys and values are as the platform has them: bytes on POSIX.
    decode_key, decode = os.environ.decodekey, os.environ.decodevalue
    for name, value in changed.items():
        os.environ[decode_key(name)] = decode(value)
    for name in deleted:
        os.environ.pop(decode_key(name), None)


def _read_folder() -> str | None:
    try:
        return working_folder()
    except FileNotFoundError:  # somebody removed it
        return None


def _write_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # somebody removed it
        os.chdir(folder)


def _write_path(entries: list[str]) -> None:
    sys.path[:] = entries


def _read_decimal() -> dict[str, Any]:
    context = decimal.getcontext()
    # Not the flags: every inexact division sets one.
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    traps = tuple(sorted(signal.__name__ for signal, on in context.traps.items() if on))
    return {**{name: getattr(context, name) for name in names}, "traps": traps}


def _update_decimal(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    context = decimal.getcontext()
    for name, value in changed.items():
        if name == "traps":
            for signal in context.traps:
                context.traps[signal] = signal.__name__ in value
        else:
            setattr(context, name, value)


# IPython


def _shell() -> Any:
    interactive = _module("IPython.core.interactiveshell")
    if interactive is None or not interactive.InteractiveShell.initialized():
        return None
    return interactive.InteractiveShell._instance


def _read_ipython() -> dict[str, Any] | None:
    shell = _shell()
    if shell is None:
        return None
    text = shell.display_formatter.formatters["text/plain"]
    return {
        "float_precision": text.float_precision,
        "pprint": text.pprint,
        "max_width": text.max_width,
        "max_seq_length": text.max_seq_length,
        "ast_node_interactivity": shell.ast_node_interactivity,
    }


def _read_figures() -> dict[str, Any] | None:
    inline = _inline_backend()
    if inline is None:
        return None
    return {
        "figure_formats": tuple(sorted(inline.figure_formats)),
        "print_figure_kwargs": dict(inline.print_figure_kwargs),
        "close_figures": inline.close_figures,
    }


def _inline_backend() -> Any:
    config = _module("matplotlib_inline.config")
    backend = None if config is None else config.InlineBackend
    return backend._instance if backend is not None and backend.initialized() else None


def _update_ipython(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    shell = _shell()
    for name, value in changed.items():
        owner = shell if name == "ast_node_interactivity" else shell.display_formatter.formatters["text/plain"]
        setattr(owner, name, value)


def _update_figures(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    inline = _inline_backend()
    for name, value in changed.items():
        setattr(inline, name, set(value) if name == "figure_formats" else value)


def _update_mapping(target: Any, changed: Mapping[str, Any], deleted: tuple[str, ...]) -> None:
    target.update(changed)
    for name in deleted:
        target.pop(name, None)


def _keys_only(_state: Any) -> None:
    """Kinds whose state is a dict are written key by key."""


_PRINT_OPTIONS = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
    "override_repr": None,
}
_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_FIGURES = {"figure_formats": ("png",), "print_figure_kwargs": {"bbox_inches": "tight"}, "close_figures": True}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("np_random", _read_numpy_random, _write_numpy_random, same=_same_numpy_random),
        Kind("random", random.getstate, random.setstate),
        Kind("rcParams", _read_rc, _keys_only, _update_rc, defaults=lambda: _module("matplotlib").rcParamsOrig),
        Kind("backend", read_backend, _keys_only, update_backend, defaults=lambda: USUAL),
        Kind("colors", _read_colors, _keys_only, _update_colors, defaults=_default_colors),
        Kind("pandas", lambda: _pandas_options(shown=True), _keys_only, _update_pandas, defaults=_default_pandas),
        Kind("pandas_mode", lambda: _pandas_options(shown=False), _keys_only, _update_pandas, defaults=_default_pandas),
        Kind("np_print", _read_print_options, _keys_only, _update_print_options, defaults=lambda: _PRINT_OPTIONS),
        Kind("np_err", _read_errors, _keys_only, _update_errors, defaults=lambda: _ERRORS),
        Kind("warnings", lambda: list(warnings.filters), _write_warnings),
        Kind("log_levels", _read_log_levels, _keys_only, _update_log_levels),
        Kind("log_handlers", _read_log_handlers, _keys_only, _update_log_handlers),
        Kind("cwd", _read_folder, _write_folder),
        Kind("environ", _read_environ, _keys_only, _update_environ),
        Kind("path", lambda: list(sys.path), _write_path),
        Kind("decimal", _read_decimal, _keys_only, _update_decimal),
        Kind("recursion_limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Kind("ipython", _read_ipython, _keys_only, _update_ipython),
        Kind("figures", _read_figures, _keys_only, _update_figures, defaults=lambda: _FIGURES),
    )
}
