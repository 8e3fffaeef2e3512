"""Where code comes from: the notebook, a module of the workspace, or an installed distribution.

It looks only at what is loaded already; it must not import a module of the user's, nor read its text.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from enum import Enum
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

# Their globals are the notebook's; `__mp_main__` is the name of the main module in a spawned worker.
_NOTEBOOK_MODULES = frozenset({"__main__", "__mp_main__"})
_OURSELVES = __name__.partition(".")[0]


class Origin(Enum):
    NOTEBOOK = "notebook"
    WORKSPACE = "workspace"
    LIBRARY = "library"


@lru_cache(maxsize=1)
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({os.path.realpath(paths[name]) + os.sep for name in names if name in paths})


def is_library_file(path: str) -> bool:
    """Whether this file belongs to the standard library or to an installed distribution."""
    parts = path.replace("\\", "/")
    if "/site-packages/" in parts or "/dist-packages/" in parts or path.startswith("<frozen"):
        return True
    return os.path.realpath(path).startswith(_library_folders())


def module_of(kind: type) -> str:
    """The name of the module of a class; "" where an extension type has put something else in its place."""
    name: object = kind.__module__
    return name if isinstance(name, str) else ""


_origins: dict[str, tuple[ModuleType | None, Origin]] = {}


def origin_of(module: str | None) -> Origin:
    """The origin of the code of a module, by the module's name."""
    if module is None or module in _NOTEBOOK_MODULES:
        return Origin.NOTEBOOK
    loaded = sys.modules.get(module)
    known = _origins.get(module)
    if known is not None and known[0] is loaded:
        return known[1]
    origin = _look(module, loaded)
    _origins[module] = (loaded, origin)
    return origin


def _look(module: str, loaded: ModuleType | None) -> Origin:
    top = module.partition(".")[0]
    if top == _OURSELVES or top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return Origin.LIBRARY
    path = getattr(loaded, "__file__", None)
    if not isinstance(path, str):
        search = getattr(loaded, "__path__", None)
        path = next(iter(search), None) if search is not None else None
        if not isinstance(path, str):
            # Nothing on disk: made at run time by whoever is the top module, or by nobody that is known.
            owner = sys.modules.get(top)
            return Origin.LIBRARY if owner is None or owner is loaded else origin_of(top)
        path += os.sep
    return Origin.LIBRARY if is_library_file(path) else Origin.WORKSPACE


_versions: dict[str, tuple[ModuleType | None, str]] = {}


def version_of(module: str) -> str:
    """The version of the distribution that owns a library module; "" for the standard library.

    The loaded module's own word comes first: the distribution on disk may have been upgraded since.
    """
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    known = _versions.get(top)
    if known is not None and known[0] is loaded:
        return known[1]
    version = "" if top in sys.stdlib_module_names or top in sys.builtin_module_names else _find_version(top, loaded)
    _versions[top] = (loaded, version)
    return version


def _find_version(top: str, loaded: ModuleType | None) -> str:
    said = vars(loaded).get("__version__") if loaded is not None else None
    if isinstance(said, str):
        return said
    from importlib import metadata  # it reads e-mail headers, and is slow to import for it

    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        owners = _distributions().get(top, [])
        return ",".join(f"{owner}={metadata.version(owner)}" for owner in sorted(set(owners)))
    except Exception:  # damaged metadata of somebody else's distribution
        return ""


def library_of(value: object) -> tuple[str, str] | None:
    """The library with a version that a module, function or class comes from; None for all else."""
    if isinstance(value, ModuleType):
        module: object = value.__name__
    elif isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        module = value.__module__
    else:
        return None
    if not isinstance(module, str) or origin_of(module) is not Origin.LIBRARY:
        return None
    version = version_of(module)
    return (module.partition(".")[0], version) if version else None


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    from importlib import metadata

    return dict(metadata.packages_distributions())


def resolves(value: Any, module: object, qualname: object) -> bool:
    """Whether `module.qualname` is this very object, among what is loaded."""
    if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
        return False
    found: Any = sys.modules.get(module)
    if found is None:
        return False
    for part in qualname.split("."):
        found = getattr(found, part, None)
        if found is None:
            return False
    return found is value
