"""Cells and clicks by chance: equal seeds give equal plays, in every process."""

from __future__ import annotations

import random
from dataclasses import dataclass

Action = tuple[str, int, str]

FIRST = "import random\nrandom.seed(3)\na = 1\nb = 2\nc = 3\nL = [0]\nM = L\ndef f(v): return v + a"
MODULE = "FACTOR = {n}\ndef scaled(v): return v * FACTOR\n"

# What is read is named at the top: `ran` notes its content, in the kernel and in the plain run.
TELLING = (
    "ran()\n{x} = {n}",
    "ran({y})\n{x} = {y} + {n}",
    "ran({y}, {z})\n{x} = {y} + {z}\n{x}",
    "ran({x})\n{x} += {n}",
    "ran({y})\n{x} = {y}; {y} = {n}",
    "ran({x})\nL = [{x}]",
    "ran(L, {x})\nL.append({x})",
    "ran(L)\nL.append({n})\nprint(L)",
    "ran(L)\nM = L",
    "ran(M)\nM += [{n}]",
    "ran(L, {x})\nL = L + [{x}]\nlen(L)",
    "ran(L)\nM = [L, L]",
    "ran(L)\nD = dict(k=L)\nD",
    "ran(D, {x})\nD['k'].append({x})\nD",
    "ran(M)\n{x} = len(M)",
    "ran(L, M)\nprint(L, M)",
    "ran(f, {y})\n{x} = f({y})\n{x}",
    "ran(f)\nprint(f({n}))",
    "ran(g, {x})\nprint(g({x}))",
    "ran({x}, {y})\nprint({x}, {y})",
    "ran(L)\n{x} = max([{n}, len(L)])",
    "ran({x})\nif {x} > {n}: {y} = 0",
    "ran({x})\n{y} = 10 // ({x} - {n})\n{y}",
    "ran({x})\n{y} = (lambda v: v + {x})({n})",
    "ran(helpers, {y})\n{x} = helpers.scaled({y})\n{x}",
)
DEFINING = (
    "def f(v): return v + {x}",
    "def f(v): return v * {n}",
    "def g(v): return f(v) * {n}",
    "def g(v, extra={n}): return v - extra",
    "import helpers",
    "adder = lambda v: v + {x}",
)
WILD = (
    "def bump():\n    global {x}\n    {x} += 1\n    return {x}",
    "bump()",
    "{x} = bump()",
    "def grow(): L.append({n})",
    "grow()",
    "{x}",
    "for i in range({n}): {x} = i",
    "print(i)",
    "del {x}",
    "1 / 0",
    "{x} = {n}; {y} = 1 / 0",
    "try:\n    {x}\nexcept NameError:\n    {x} = {n}",
    "G = iter(range({n}, 9))",
    "{x} = next(G)\n{x}",
    "exec('{x} = {n}')",
    "{x} = eval('{y} + 1')",
    "globals()['{x}'] = {n}",
    "adders = [lambda v: v + {x}, f]",
    "adders[0]({n}), adders[1]({n})",
    "D['{y}'] = {x}",
    "class C:\n    k = {n}\n    def m(self): return self.k + {x}",
    "C.k = {x}",
    "C.extra = {n}",
    "o = C()",
    "o.k = {n}",
    "print(o.m(), C.k, type(o) is C)",
    "print(getattr(C, 'extra', None), isinstance(o, C))",
    "f.calls = {n}",
    "print(getattr(f, 'calls', 0))",
    "def h(v, _seen=[]):\n    _seen.append(v)\n    return list(_seen)",
    "{x} = len(h({n}))\n{x}",
    "def maker(n):\n    def inner(v): return v + n + {x}\n    return inner",
    "f = maker({y})",
    "x_ = {x}\n{y} = x_",
    "L[:] = [{x}]",
    "N = tuple([L, {n}])",
    "print(N)",
    "L, M = M, L",
    "import helpers as h2\nh2.FACTOR = {n}",
    "from helpers import scaled",
    "print(scaled({n}))",
    "S = {{{x}, {y}}}",
    "S.add({n})\nsorted(S)",
    "print(sorted(S))",
    "it = (v + {x} for v in L)",
    "print(list(it))",
    "_",
    "try:\n    raise ValueError({x})\nexcept ValueError as e:\n    {y} = e.args[0]",
    "with open('note.txt', 'w') as t: t.write(str({x}))",
    "print(open('note.txt').read())",
    "import random\nrandom.seed({n})",
    "{x} = random.randrange(9)\n{x}",
)
# Keep their meaning when other words or headers stand around them.
_HEADERS = ("%%task\n", "#| task:\n", "%%task\n", "%%task --retries 1\n")


@dataclass(frozen=True, slots=True)
class Script:
    """A play: the sources of the cells at its start, and what is done with them."""

    seed: int
    sources: tuple[str, ...]
    actions: tuple[Action, ...]
    wild: bool = False

    def __str__(self) -> str:
        lines = [f"Script({self.seed}, sources=("]
        lines += [f"    {source!r}," for source in self.sources]
        lines += ["), actions=("]
        lines += [f"    {action!r}," for action in self.actions]
        return "\n".join([*lines, f"), wild={self.wild})"])


class Dice:
    """Draws texts and clicks. With `wild` unset all that the bodies do can be stored, and is told to `ran`."""

    def __init__(self, seed: int, *, wild: bool) -> None:
        self._chance = random.Random(seed)
        self._wild = wild
        self._plain_share = self._chance.choice((0.0, 0.2))

    def text(self) -> str:
        chance = self._chance
        texts = TELLING
        if chance.random() < 0.2:
            texts = DEFINING
        if self._wild and chance.random() < 0.6:
            texts = WILD
        body = chance.choice(texts).format(
            x=chance.choice("abc"), y=chance.choice("abc"), z=chance.choice("abc"), n=chance.randrange(6)
        )
        is_plain = chance.random() < self._plain_share
        return body if is_plain else f"{chance.choice(_HEADERS)}{body}"

    def action(self) -> Action:
        chance = self._chance
        number = chance.randrange(12)
        verb = chance.choice(VERBS)
        text = {
            "edit": self.text,
            "edit and run": self.text,
            "insert": self.text,
            "move": lambda: chance.choice(("up", "down")),
            "fault": lambda: chance.choice(("raise", "interrupt", "cancel")),
            "rename": lambda: chance.choice(("one", "two", "three")),
            "edit module": lambda: MODULE.format(n=chance.randrange(6)),
        }.get(verb, str)()
        return verb, number, text

    def script(self, seed: int, *, cells: int, actions: int) -> Script:
        many = self._chance.randrange(2, cells + 1)
        return Script(
            seed, tuple(self.text() for _ in range(many)), tuple(self.action() for _ in range(actions)), self._wild
        )


VERBS = (
    *("run",) * 5, *("run all",) * 3, *("edit",) * 4, *("edit and run",) * 5, "insert", "insert", "delete", "move",
    *("undo",) * 3, "comment", "comment", "rename", "restart", "restart", *("press run",) * 3, "press run one", "rerun",
    "run from", "retry failed", "fault", "fault", "forget", "corrupt", "second kernel", "look", "edit module",
)  # fmt: skip


def script(seed: int, *, wild: bool, cells: int = 8, actions: int = 25) -> Script:
    return Dice(seed, wild=wild).script(seed, cells=cells, actions=actions)
