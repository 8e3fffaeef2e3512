"""Which expressions change a value in place, and which name that value has.

It reads forms only: `x.append(1)` changes `x` whatever `x` is, unless `x` is surely a module; so may `add = x.append`.
"""

from __future__ import annotations

import ast

MUTATORS = frozenset(
    (
        "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "fill", "fit",
        "fit_predict", "fit_transform", "insert", "intersection_update", "move_to_end", "partial_fit", "pop", "popitem",
        "popleft", "remove", "reverse", "setdefault", "shuffle", "sort", "symmetric_difference_update", "update",
    )
)  # fmt: skip
"""Methods that change the object they are called on."""

FIRST_ARGUMENT_MUTATORS = frozenset(
    (
        "copyto", "delattr", "fill_diagonal", "heapify", "heappop", "heappush", "heappushpop", "heapreplace", "insort",
        "insort_left", "insort_right", "next", "putmask", "setattr", "shuffle",
    )
)  # fmt: skip
"""Functions that change their first argument."""

USUAL_MODULES = frozenset(
    (
        "bisect", "heapq", "itertools", "json", "math", "np", "numpy", "operator", "os", "pandas", "pd", "pickle",
        "plt", "random", "re", "scipy", "shutil", "sns", "sp", "sys", "tf", "torch",
    )
)  # fmt: skip
"""Names under which people import modules: `np.append(a, b)` changes nothing."""

_OPENING_CALLS = frozenset(("get", "setdefault"))


def root(node: ast.expr) -> str | None:
    """The name at the left end of `a.b[c].d`; calls are passed through where they give a part of the object."""
    while True:
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and (node.func.attr in _OPENING_CALLS or node.func.attr.startswith("get_"))
        ):
            node = node.func.value
        else:
            return node.id if isinstance(node, ast.Name) else None


def changed_through(method: ast.Attribute) -> str | None:
    """The name whose value a method changes when it is called, be it later and by another."""
    if method.attr not in MUTATORS or (isinstance(method.value, ast.Name) and method.value.id in USUAL_MODULES):
        return None
    return root(method.value)


def changed_by(call: ast.Call) -> list[str]:
    """The names whose values a call changes by its form."""
    function = call.func
    changed: list[str | None] = []
    if isinstance(function, ast.Attribute):
        name = function.attr
        changed.append(changed_through(function))
        if name == "at" and isinstance(function.value, ast.Attribute) and call.args:
            changed.append(root(call.args[0]))  # np.add.at(x, …)
    elif isinstance(function, ast.Name):
        name = function.id
    else:
        name = ""
    if name in FIRST_ARGUMENT_MUTATORS and call.args:
        changed.append(root(call.args[0]))
    for word in call.keywords:
        if word.arg == "inplace" and isinstance(word.value, ast.Constant) and word.value.value is True:
            if isinstance(function, ast.Attribute):
                changed.append(root(function.value))
        elif word.arg == "out":
            outs = word.value.elts if isinstance(word.value, (ast.Tuple, ast.List)) else [word.value]
            changed.extend(root(value) for value in outs)
    return [found for found in changed if found is not None]
