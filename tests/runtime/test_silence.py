"""Checks that do nothing are told from code that may do something unseen."""

from __future__ import annotations

import pytest

from prefect_jupyter.runtime.silence import is_silent

DEFINED = """
import decimal, logging, math, random, re, sys
from collections import Counter
from functools import lru_cache

log = logging.getLogger("silence")
words = ["a", "b"]

def double(x):
    return [2 * part for part in x] if isinstance(x, list) else x * 2

def count(text):
    return Counter(re.findall("[a-z]+", text.lower()))

@lru_cache(None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def tell(x):
    log.warning(x)

def precise():
    decimal.getcontext().prec = 50

def later():
    return missing(1)

def deep():
    return double(tell(1))

total = 0
def add(x):
    global total
    total += x

class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return self.x == other.x
    def moved(self, by):
        return Point(self.x + by)

class Noisy(Point):
    def moved(self, by):
        sys.setrecursionlimit(2000)
"""

SILENT = [
    "assert double(4) == 8",
    "assert double(words) == ['aa', 'bb'], 'twice'",
    "assert count('a b a')['a'] == 2 and 'x'.upper() == 'X'",
    "assert fib(10) == 55",
    "assert Point(1).moved(2) == Point(3)",
    "assert [math.sqrt(x * x) for x in range(3)] == [0, 1, 2]",
    "{'a': 1, 'b': words}",
    "double(2) + 1",
    "if all(double(w) for w in words):\n    pass",
]
NOT_SILENT = [
    "tell('x')",
    "deep()",
    "precise()",
    "later()",
    "add(1)",
    "sys.setrecursionlimit(2000)",
    "assert Noisy(1).moved(1) is None",
    "logging.basicConfig()",
    "exec('x = 1')",
    "math.tau = 3",
    "words.register('x')",
    "open('x')",
    "import os",
]


@pytest.mark.parametrize("text", SILENT)
def test_a_check_is_silent(text: str) -> None:
    assert is_silent(compile(text, "cell", "exec"), space())


@pytest.mark.parametrize("text", NOT_SILENT)
def test_what_may_do_more_is_not(text: str) -> None:
    assert not is_silent(compile(text, "cell", "exec"), space())


def space() -> dict[str, object]:
    found: dict[str, object] = {"__name__": "__main__"}
    exec(DEFINED, found)
    return found
