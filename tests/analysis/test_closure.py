"""The globals that code looks up, against what `dis` and the language say."""

from __future__ import annotations

from types import CodeType

import pytest

from prefect_jupyter.analysis.closure import code_globals


def code_of(source: str) -> CodeType:
    namespace: dict[str, object] = {}
    exec(compile(source, "<test>", "exec"), namespace)
    return namespace["f"].__code__  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x): return g(x) + n", "g n"),
        ("def f(x): return x.attribute", ""),
        ("def f():\n    def g(): return n\n    return g", "n"),
        ("def f(): return lambda: [a + b for a in c]", "b c"),
        ("def f():\n    a = 1\n    return lambda: a", ""),
        ("def f():\n    class A:\n        x = y\n        def m(self): return z\n    return A", "y z"),
        ("def f():\n    global c\n    c = 1", "c"),
        ("def f():\n    global c\n    del c", "c"),
        ("def f():\n    import os\n    return os.path, sys", "sys"),
        ("async def f(): return [i async for i in g()]", "g"),
        ("def f(x):\n    return f(x - 1) if x else print(x)", "f print"),
        (
            "def f(): return (" + " + ".join(f"name_{i}" for i in range(400)) + ")",
            " ".join(f"name_{i}" for i in range(400)),
        ),
        ("f = lambda: n", "n"),
    ],
    ids=lambda value: value[:40],
)
def test_the_globals_of_a_function(source: str, expected: str) -> None:
    assert code_globals(code_of(source)) == frozenset(expected.split())
