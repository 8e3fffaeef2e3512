"""How functions, classes and modules are described: code of the notebook by what it does, of libraries by name.

It notes which global names the code loads, and must not look at what they are bound to.
"""

from __future__ import annotations

import builtins
import enum
import functools
import types
from collections.abc import Mapping
from typing import Any

from .code import code_facts, docstring_position
from .origins import Origin, module_of, origin_of, resolves, version_of
from .walk import Handler, Walk

# Written by the interpreter, or by the standard library as a cache.
_NOT_CONTENT = frozenset(
    {
        "__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__",
        "__abstractmethods__", "__annotations__", "__annotations_cache__", "__annotate__", "__annotate_func__",
        "__classdictcell__", "__parameters__", "__orig_bases__", "__signature__", "_abc_impl",
        "__conditional_annotations__", "__slotnames__",
    }
)  # fmt: skip
_ENUM_TABLES = frozenset(
    {
        "_member_map_", "_member_names_", "_value2member_map_", "_unhashable_values_", "_unhashable_values_map_",
        "_hashable_values_", "_member_type_", "_value_repr_", "_use_args_", "_new_member_", "__new__", "__new_member__",
        "_generate_next_value_", "_boundary_", "_flag_mask_", "_singles_mask_", "_all_bits_", "_inverted_",
    }
)  # fmt: skip
# Code that can read names which it does not spell: reported as if they were globals of the notebook.
_REACHES_ANYTHING = frozenset({"eval", "exec", "globals", "locals", "vars"})
_BUILTINS = frozenset(vars(builtins))


# Functions


def describe_function(walk: Walk, function: types.FunctionType) -> None:
    home = function.__globals__.get("__name__")
    notebook = function.__globals__ is walk.namespace
    if not notebook and origin_of(home if isinstance(home, str) else None) is Origin.LIBRARY:
        by_name = resolves(function, function.__module__, function.__qualname__)
        if by_name and origin_of(function.__module__) is Origin.LIBRARY:
            _by_name(walk, function.__module__, function.__qualname__)
        else:
            walk.later(_library_closure, function, guarded=False)
    else:
        walk.later(_own_function, function, guarded=False)


def _by_name(walk: Walk, module: str, qualname: str) -> None:
    walk.emit_text("library", module, qualname, version_of(module))


def _own_function(walk: Walk, function: types.FunctionType) -> None:
    """Code, defaults, cells and attributes. A docstring counts only when something was done to the function."""
    facts = code_facts(function.__code__)
    module = "" if _is_notebook(walk, function.__globals__) else str(function.__globals__.get("__name__"))
    if module:
        walk.globals_of.setdefault(module, function.__globals__)
        walk.sources.add((module, function.__qualname__.partition(".")[0]))
    names = [name for name in facts.names if not name.startswith("__")]
    for name in names:
        if name not in _BUILTINS or name in _REACHES_ANYTHING or name in function.__globals__:
            walk.edges.add((module, name))
    walk.emit_text("function", function.__name__, module, *names)
    walk.emit(facts.digest)
    documented = bool(function.__dict__) or "__doc__" in function.__code__.co_names
    walk.push(*_around(function), function.__doc__ if documented else None)


def _library_closure(walk: Walk, function: types.FunctionType) -> None:
    """A function that a library made at run time, such as a decorator's wrapper: by place, code and what it holds."""
    home = str(function.__globals__.get("__name__"))
    walk.emit_text("closure", home, function.__code__.co_name, version_of(home))
    walk.emit(code_facts(function.__code__).digest)
    registry = getattr(function, "registry", None)
    if function.__globals__ is vars(functools) and isinstance(registry, Mapping):  # `singledispatch`
        rows = sorted(registry.items(), key=lambda row: (module_of(row[0]), row[0].__qualname__))
        walk.push(*[part for row in rows for part in row])
        return
    walk.push(*_around(function))


def _around(function: types.FunctionType) -> list[Any]:
    cells = function.__closure__ or ()
    attributes = sorted(function.__dict__.items())
    return [
        function.__defaults__,
        _pairs(function.__kwdefaults__),
        _annotations(function),
        len(cells),
        *map(_cell_content, cells),
        len(attributes),
        *[part for pair in attributes for part in pair],
    ]


def _pairs(mapping: Mapping[str, Any] | None) -> tuple[Any, ...]:
    return tuple((name, mapping[name]) for name in sorted(mapping)) if mapping else ()


def _annotations(owner: Any) -> Any:
    """Annotations without evaluating them: since Python 3.14 they are code."""
    annotate = getattr(owner, "__annotate__", None)
    if annotate is not None:
        return code_facts(annotate.__code__).digest if isinstance(annotate, types.FunctionType) else None
    found = vars(owner).get("__annotations__") if isinstance(owner, type) else owner.__annotations__
    return tuple(found.items()) if isinstance(found, dict) else ()


def _cell_content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return NotImplemented


def _is_notebook(walk: Walk, namespace: Mapping[str, Any]) -> bool:
    if namespace is walk.namespace:
        return True
    home = namespace.get("__name__")
    return origin_of(home if isinstance(home, str) else None) is Origin.NOTEBOOK


def describe_builtin(walk: Walk, function: types.BuiltinFunctionType) -> None:
    owner = function.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        module = function.__module__ or ""
        _by_name(walk, module, function.__qualname__)
    else:
        walk.emit_text("bound builtin", function.__name__)
        walk.push(owner)


def describe_method(walk: Walk, method: types.MethodType) -> None:
    walk.emit_text("method")
    walk.push(method.__func__, method.__self__)


def describe_descriptor(walk: Walk, descriptor: Any) -> None:
    owner = getattr(descriptor, "__objclass__", None)
    walk.emit_text("descriptor", type(descriptor).__name__, descriptor.__name__)
    walk.push(owner if owner is not None and module_of(owner) == "builtins" else getattr(owner, "__qualname__", None))


def describe_code(walk: Walk, code: types.CodeType) -> None:
    walk.emit_text("code")
    walk.emit(code_facts(code).digest)
    position = docstring_position(code)
    walk.push(None if position is None else code.co_consts[position])


# Classes


def describe_class(walk: Walk, cls: type) -> None:
    module = module_of(cls)
    # An extension type without the name of a module has no code that could be read.
    if module in ("", "builtins") or (origin_of(module) is Origin.LIBRARY and resolves(cls, module, cls.__qualname__)):
        _by_name(walk, module, cls.__qualname__)
    else:
        walk.later(_own_class, cls, guarded=True)


def _own_class(walk: Walk, cls: type) -> None:
    """Bases and attributes, inherited code included through the bases. Docstrings count where there are bases."""
    inherits = any(base is not object for base in cls.__bases__)
    if origin_of(module_of(cls)) is Origin.WORKSPACE:
        walk.sources.add((module_of(cls), cls.__qualname__.partition(".")[0]))
    skipped = _NOT_CONTENT
    parts: list[Any] = [type(cls), cls.__bases__, _annotations(cls), cls.__doc__ if inherits else None]
    if issubclass(cls, enum.Enum):
        skipped = _NOT_CONTENT | _ENUM_TABLES | cls.__members__.keys()
        parts += [part for name, member in cls.__members__.items() for part in (name, member.value)]
    for name in sorted(vars(cls)):
        if name not in skipped:
            parts += (name, *_attribute(vars(cls)[name], inherits))
    walk.emit_text("class", module_of(cls), cls.__qualname__)
    walk.emit(b"%d;" % len(parts))
    walk.push(*parts)


def _attribute(value: Any, documented: bool) -> tuple[Any, ...]:
    if isinstance(value, (staticmethod, classmethod)):
        return type(value).__name__, value.__func__
    if isinstance(value, property):
        return "property", value.fget, value.fset, value.fdel
    if isinstance(value, functools.cached_property):
        return "cached_property", value.func
    if isinstance(value, types.FunctionType):
        return value, value.__doc__ if documented else None
    if isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
        return ("slot",)
    return (value,)


# Modules


def describe_module(walk: Walk, module: types.ModuleType) -> None:
    name = module.__name__
    if origin_of(name) is Origin.WORKSPACE:
        walk.later(_own_module, module, guarded=True)
    else:
        walk.emit_text("module", name, version_of(name))


def _own_module(walk: Walk, module: types.ModuleType) -> None:
    """All that a workspace module defines: which part of it a caller uses is not known."""
    walk.sources.add((module.__name__, "*"))
    walk.emit_text("workspace", module.__name__)
    names = sorted(name for name in vars(module) if not (name.startswith("__") and name.endswith("__")))
    walk.push(*[part for name in names for part in (name, vars(module)[name])])


HANDLERS: dict[type, Handler] = {
    types.FunctionType: describe_function,
    types.BuiltinFunctionType: describe_builtin,
    types.MethodType: describe_method,
    types.MethodWrapperType: describe_builtin,
    types.MethodDescriptorType: describe_descriptor,
    types.WrapperDescriptorType: describe_descriptor,
    types.ClassMethodDescriptorType: describe_descriptor,
    types.GetSetDescriptorType: describe_descriptor,
    types.MemberDescriptorType: describe_descriptor,
    types.CodeType: describe_code,
    type: describe_class,
}
