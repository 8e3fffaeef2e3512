"""What one cell reads, writes, changes and defines, cell by cell."""

from __future__ import annotations

import builtins

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from prefect_jupyter.analysis.reads_writes import analyse
from prefect_jupyter.core.cells import Cell

BUILTINS = frozenset(dir(builtins))
FIELDS = ("reads", "writes", "hidden", "in_place", "deletes", "definitions", "maybe")


def read(source: str) -> Cell:
    return analyse("cell", source, TransformerManager().transform_cell)


def facts(cell: Cell) -> dict[str, object]:
    """What was found and is not empty, names as words; builtins are left out."""
    found: dict[str, object] = {
        field: " ".join(sorted(names))
        for field in FIELDS
        if (names := getattr(cell, field) - (BUILTINS if field == "reads" else frozenset()))
    }
    late = {name: " ".join(sorted(names - BUILTINS)) for name, names in cell.late.items()}
    if any(late.values()):
        found["late"] = {name: names for name, names in late.items() if names}
    if cell.reads_everything:
        found["reads_everything"] = True
    if cell.always:
        found["always"] = ", ".join(cell.always)
    return found


CASES: list[tuple[str, dict[str, object]]] = [
    # --- plain reads and writes
    ("x = 1", {"writes": "x"}),
    ("x = y", {"reads": "y", "writes": "x"}),
    ("x = y = z", {"reads": "z", "writes": "x y"}),
    ("x = 1\ny = x", {"writes": "x y"}),
    ("y = x\nx = 1", {"reads": "x", "writes": "x y"}),
    ("df = clean(df)", {"reads": "clean df", "writes": "df"}),
    ("a, b = b, a", {"reads": "a b", "writes": "a b"}),
    ("a, (b, *c) = x", {"reads": "x", "writes": "a b c"}),
    ("[a, b] = x", {"reads": "x", "writes": "a b"}),
    ("x", {"reads": "x"}),
    ("x;", {"reads": "x"}),
    ("print(x, file=f)", {"reads": "f x"}),
    ("x.y.z", {"reads": "x"}),
    ("x[i:j, ...]", {"reads": "i j x"}),
    ("f'{a!r:>{w}} {b=}'", {"reads": "a b w"}),
    ("x: int = y", {"reads": "y", "writes": "x"}),
    ("x: T", {"reads": "T"}),
    ("(x): T = 1", {"reads": "T", "writes": "x"}),
    ("obj.field: T = v", {"reads": "T obj v", "in_place": "obj"}),
    ("from __future__ import annotations\nx: T = 1", {"writes": "annotations x", "definitions": "annotations"}),
    ("_tmp = 5", {"writes": "_tmp", "hidden": "_tmp"}),
    ("_a, b = x", {"reads": "x", "writes": "_a b", "hidden": "_a"}),
    ("assert x, y", {"reads": "x y"}),
    ("raise E from e", {"reads": "E e"}),
    ("await f(x)", {"reads": "f x"}),
    ("x = await f()", {"reads": "f", "writes": "x"}),
    ("not a or -b", {"reads": "a b"}),
    ("{**a, 'k': b, c: d}", {"reads": "a b c d"}),
    ("f(*a, **k)", {"reads": "a f k"}),
    ("x = lambda_ if c else d", {"reads": "c d lambda_", "writes": "x"}),
    ("pass", {}),
    ("", {}),
    ("# only a comment", {}),
    ("'''text'''", {}),
    ("sum(xs)\nlen(ys)", {"reads": "xs ys"}),
    # --- augmented assignment and del
    ("n += 4", {"reads": "n", "writes": "n", "in_place": "n"}),
    ("n = 3\nn += 4", {"writes": "n"}),
    ("x[k] += v", {"reads": "k v x", "in_place": "x"}),
    ("x.a -= v", {"reads": "v x", "in_place": "x"}),
    ("del x", {"reads": "x", "deletes": "x"}),
    ("x = 1\ndel x", {"deletes": "x"}),
    ("del x\nx = 1", {"reads": "x", "writes": "x"}),
    ("del x\nprint(x)", {"reads": "x", "deletes": "x"}),
    ("x = 1\ndel x\nprint(x)", {"reads": "x", "deletes": "x"}),
    ("if c:\n    del x", {"reads": "c x", "deletes": "x"}),
    ("x = 1\nif c:\n    del x", {"reads": "c", "writes": "x", "deletes": "x"}),
    ("del d['k'], o.a", {"reads": "d o", "in_place": "d o"}),
    ("del (a, [b])", {"reads": "a b", "deletes": "a b"}),
    # --- changes in place
    ("df['x'] = 1", {"reads": "df", "in_place": "df"}),
    ("df.loc[m, 'x'] = v", {"reads": "df m v", "in_place": "df"}),
    ("a.b.c = 1", {"reads": "a", "in_place": "a"}),
    ("df = df.copy()\ndf['x'] = 1", {"reads": "df", "writes": "df"}),
    ("xs.append(y)", {"reads": "xs y", "in_place": "xs"}),
    ("xs = []\nxs.append(y)", {"reads": "y", "writes": "xs"}),
    ("d['k'].append(2)", {"reads": "d", "in_place": "d"}),
    ("add = xs.append", {"reads": "xs", "in_place": "xs", "writes": "add"}),
    ("all(map(d['k'].append, xs))", {"reads": "d xs", "in_place": "d"}),
    ("reduce(np.add, xs)", {"reads": "np reduce xs"}),
    ("d.setdefault(k, []).append(v)", {"reads": "d k v", "in_place": "d"}),
    ("model.fit(X, y)", {"reads": "X model y", "in_place": "model"}),
    ("model = KMeans(3).fit(X)", {"reads": "KMeans X", "writes": "model"}),
    ("df.dropna(inplace=True)", {"reads": "df", "in_place": "df"}),
    ("df.dropna(inplace=False)", {"reads": "df"}),
    ("df['a'].fillna(0, inplace=True)", {"reads": "df", "in_place": "df"}),
    ("np.add(a, b, out=c)", {"reads": "a b c np", "in_place": "c"}),
    ("np.divmod(a, b, out=(q, r))", {"reads": "a b np q r", "in_place": "q r"}),
    ("np.append(a, b)", {"reads": "a b np"}),
    ("np.random.shuffle(x)", {"reads": "np x", "in_place": "np x"}),
    ("random.shuffle(x)", {"reads": "random x", "in_place": "x"}),
    ("rng.shuffle(x)", {"reads": "rng x", "in_place": "rng x"}),
    ("os.remove(p)", {"reads": "os p"}),
    ("np.fill_diagonal(m, 0)", {"reads": "m np", "in_place": "m"}),
    ("np.add.at(m, 0, 1)", {"reads": "m np", "in_place": "m"}),
    ("heapq.heappush(h, x)", {"reads": "h heapq x", "in_place": "h"}),
    ("next(it)", {"reads": "it", "in_place": "it"}),
    ("setattr(o, 'a', 1)", {"reads": "o", "in_place": "o"}),
    ("plt.rcParams['lines.linewidth'] = w", {"reads": "plt w", "in_place": "plt"}),
    ("for row in rows:\n    row.append(1)", {"reads": "rows", "writes": "row", "hidden": "row"}),
    ("x = xs.pop()", {"reads": "xs", "writes": "x", "in_place": "xs"}),
    ("s |= {9}", {"reads": "s", "writes": "s", "in_place": "s"}),
    # --- paths
    ("if c:\n    x = 1\nprint(x)", {"reads": "c x", "writes": "x"}),
    ("if c:\n    x = 1\nelse:\n    x = 2\nprint(x)", {"reads": "c", "writes": "x"}),
    ("if c:\n    x = 1\nelse:\n    raise E\nprint(x)", {"reads": "E c", "writes": "x"}),
    ("if c:\n    x = 1\nelif d:\n    x = 2\nx", {"reads": "c d x", "writes": "x"}),
    ("for i in xs:\n    z = i\nprint(z, i)", {"reads": "i xs z", "writes": "i z", "hidden": "i"}),
    ("for i in xs:\n    t = f(t)", {"reads": "f t xs", "writes": "i t", "hidden": "i"}),
    ("for i, (a, b) in xs: pass\nelse: q = 1", {"reads": "xs", "writes": "a b i q", "hidden": "a b i"}),
    ("for d['k'] in xs: pass", {"reads": "d xs", "in_place": "d"}),
    ("i = 0\nfor i in xs: pass", {"reads": "xs", "writes": "i"}),
    ("while n > 0:\n    n = n - 1", {"reads": "n", "writes": "n"}),
    ("while (x := f()):\n    g(x)\nprint(x)", {"reads": "f g", "writes": "x"}),
    ("while True:\n    if c:\n        break\n    x = 1\nx", {"reads": "c x", "writes": "x"}),
    ("with open(p) as fh:\n    text = fh.read()\ntext", {"reads": "p", "writes": "fh text", "hidden": "fh"}),
    ("with suppress(E):\n    x = f()\nx", {"reads": "E f suppress x", "writes": "x"}),
    ("with a as (b, c), d(b): pass", {"reads": "a d", "writes": "b c", "hidden": "b c"}),
    ("async with a as b:\n    c = b\nc", {"reads": "a", "writes": "b c", "hidden": "b"}),
    ("async for i in xs: pass", {"reads": "xs", "writes": "i", "hidden": "i"}),
    ("try:\n    x = f()\nexcept E:\n    x = None\nx", {"reads": "E f", "writes": "x"}),
    ("try:\n    x = f()\nexcept E:\n    pass\nx", {"reads": "E f x", "writes": "x"}),
    ("try:\n    x = f()\nexcept E:\n    raise\nx", {"reads": "E f", "writes": "x"}),
    ("try:\n    x = f()\nfinally:\n    print(x)", {"reads": "f x", "writes": "x"}),
    ("try:\n    x = 1\nfinally:\n    y = 2\nx, y", {"writes": "x y"}),
    ("try:\n    f()\nexcept E as e:\n    print(e)\nprint(e)", {"reads": "E e f"}),
    ("try:\n    f()\nexcept E:\n    y = 1\nelse:\n    y = 2\ny", {"reads": "E f", "writes": "y"}),
    ("a and (x := b)\nx", {"reads": "a b x", "writes": "x"}),
    ("(x := a) and b\nx", {"reads": "a b", "writes": "x"}),
    ("(x := 1) if c else (x := 2)\nx", {"reads": "c", "writes": "x"}),
    ("a < (x := 1) < (y := 2)\nx, y", {"reads": "a y", "writes": "x y"}),
    ("{1: x, (x := 2): 3}", {"reads": "x", "writes": "x"}),
    ("assert a, (m := 1)\nm", {"reads": "a m", "writes": "m"}),
    # --- match
    (
        "match p:\n    case C(x=a, y=[b, *r]) if a > lim: z = a\n    case {'k': q, **w}: z = q\n    case _: z = 0\nz",
        {"reads": "C lim p", "writes": "a b q r w z", "hidden": "a b q r w"},
    ),
    ("match p:\n    case M.A | 3:\n        z = 1\nz", {"reads": "M p z", "writes": "z"}),
    ("match p:\n    case whole:\n        z = whole\nz", {"reads": "p", "writes": "whole z", "hidden": "whole"}),
    # --- comprehensions and generators
    ("[x * k for x in xs if x > lim]", {"reads": "k lim xs"}),
    ("x = 5\n[x for x in y]", {"reads": "y", "writes": "x"}),
    ("{k: v for k, v in d.items()}", {"reads": "d"}),
    ("[y for xs in xss for y in xs]", {"reads": "xss"}),
    ("[(w := f(x)) for x in xs]\nw", {"reads": "f w xs", "writes": "w"}),
    ("[y for x in xs if (y := f(x))]", {"reads": "f xs", "writes": "y"}),
    ("gen = (k * i for i in xs)", {"reads": "k xs", "writes": "gen"}),
    ("[[i * j for j in ys] for i in xs]", {"reads": "xs ys"}),
    ("[f(lambda: i + n) for i in xs]", {"reads": "f n xs"}),
    ("[i async for i in aiter()]", {}),
    ("[o.a for o.a in xs]", {"reads": "o xs"}),
    # --- functions
    ("def f(x): return g(x) + n", {"writes": "f", "definitions": "f", "late": {"f": "g n"}}),
    ("def f(x, y=d): return x", {"reads": "d", "writes": "f", "definitions": "f"}),
    ("def f(x: T, *a: U, k: V = w) -> R: pass", {"reads": "R T U V w", "writes": "f", "definitions": "f"}),
    ("@deco(arg)\ndef f(): return n", {"reads": "arg deco", "writes": "f", "definitions": "f", "late": {"f": "n"}}),
    ("def f(n): return f(n - 1)", {"writes": "f", "definitions": "f"}),
    ("n = 1\ndef f(): return n", {"writes": "f n", "definitions": "f", "late": {"f": "n"}}),
    (
        "def f():\n    x = 1\n    def g(): return x + y\n    return g",
        {"writes": "f", "definitions": "f", "late": {"f": "y"}},
    ),
    ("def f():\n    global c, d\n    c += 1\n    d = 2", {"writes": "f", "definitions": "f", "late": {"f": "c"}}),
    (
        "def f():\n    global c\n    c = 1\nf()\nc",
        {"reads": "c", "writes": "c f", "definitions": "f"},
    ),
    ("def f():\n    [x for x in xs]\n    return x", {"writes": "f", "definitions": "f", "late": {"f": "x xs"}}),
    ("def f():\n    import os\n    return os, sys", {"writes": "f", "definitions": "f", "late": {"f": "sys"}}),
    ("def f():\n    try: pass\n    except E as e: return e", {"writes": "f", "definitions": "f", "late": {"f": "E"}}),
    (
        "def f():\n    class A:\n        x = y\n        def m(self): return x\n    return A",
        {"writes": "f", "definitions": "f", "late": {"f": "x y"}},
    ),
    ("async def f(): return await g()", {"writes": "f", "definitions": "f", "late": {"f": "g"}}),
    (
        "if c:\n    def f(): return a\nelse:\n    def f(): return b",
        {"reads": "c", "writes": "f", "definitions": "f", "late": {"f": "a b"}},
    ),
    ("def f(): return n\nf = jit(f)", {"reads": "jit", "writes": "f", "late": {"f": "n"}}),
    (
        "def f(df): return df.query('a > @lim')",
        {"writes": "f", "definitions": "f", "late": {"f": "a lim"}, "maybe": "a lim"},
    ),
    ("def f(): return n\nf()\ndel f", {"deletes": "f", "late": {"f": "n"}}),
    # --- lambdas
    ("h = lambda x: x + n", {"writes": "h", "definitions": "h", "late": {"h": "n"}}),
    ("h = lambda x=d: x + n", {"reads": "d", "writes": "h", "definitions": "h", "late": {"h": "n"}}),
    ("fs = [lambda: n, h]", {"reads": "h", "writes": "fs", "late": {"fs": "n"}}),
    ("fs = {'a': lambda: n, k: (lambda: m,)}", {"reads": "k", "writes": "fs", "late": {"fs": "m n"}}),
    ("o.callback = lambda: n", {"reads": "o", "in_place": "o", "late": {"o": "n"}}),
    ("list(map(lambda x: x + n, xs))", {"reads": "n xs"}),
    ("y = df.apply(lambda r: r.a + n)", {"reads": "df n", "writes": "y"}),
    ("(lambda: n)()", {"reads": "n"}),
    ("sorted(xs, key=lambda x: w[x])", {"reads": "w xs"}),
    ("f, g = lambda: n, 2", {"reads": "n", "writes": "f g"}),
    # --- classes
    ("class A(B, metaclass=M): pass", {"reads": "B M", "writes": "A", "definitions": "A"}),
    (
        "class A:\n    x = y\n    def m(self): return x + z",
        {"reads": "y", "writes": "A", "definitions": "A", "late": {"A": "x z"}},
    ),
    ("class A:\n    n = 0\n    k = n + m\n    n += 1", {"reads": "m", "writes": "A", "definitions": "A"}),
    ("class A:\n    x = 1\n    class B:\n        y = x", {"reads": "x", "writes": "A", "definitions": "A"}),
    ("class A:\n    xs = 1\n    ys = [x + xs for x in xs]", {"reads": "xs", "writes": "A", "definitions": "A"}),
    ("class A:\n    key = lambda self: n", {"writes": "A", "definitions": "A", "late": {"A": "n"}}),
    (
        "class A:\n    @deco\n    def m(self, x=d): return A, q",
        {"reads": "d deco", "writes": "A", "definitions": "A", "late": {"A": "q"}},
    ),
    ("class A:\n    for i in xs:\n        print(i)", {"reads": "xs", "writes": "A", "definitions": "A"}),
    ("@dataclass\nclass D:\n    v: T\n    w: list = None", {"reads": "T dataclass", "writes": "D", "definitions": "D"}),
    ("class A:\n    cache = {}\n    cache['k'] = v", {"reads": "v", "writes": "A", "definitions": "A"}),
    ("class A:\n    log.append(1)", {"reads": "log", "writes": "A", "definitions": "A", "in_place": "log"}),
    (
        "class A:\n    f = make\n    f(1)\n    def m(self): return A",
        {"reads": "make", "writes": "A", "definitions": "A", "late": {"A": "A"}},
    ),
    # --- names from modules
    ("import numpy as np, os.path", {"writes": "np os", "definitions": "np os"}),
    ("from a.b import c as d, e", {"writes": "d e", "definitions": "d e"}),
    ("from math import *\nx = tau", {"reads": "tau", "writes": "x"}),
    ("try:\n    import gpu\nexcept ImportError:\n    gpu = None", {"writes": "gpu", "definitions": "gpu"}),
    ("import a\na = a.b", {"writes": "a"}),
    ("global x\nx = 1", {"writes": "x"}),
    # --- names in texts
    ("df.query('a > @lim')", {"reads": "df", "maybe": "a lim"}),
    ("df.query(f'{col} > @lim')", {"reads": "col df", "maybe": "lim"}),
    ("q = 'a > @lim'\ndf.query(q)", {"reads": "df", "writes": "q", "maybe": "a lim", "late": {"q": "lim"}}),
    ("q = 'a > @lim'", {"writes": "q", "maybe": "lim", "late": {"q": "lim"}}),
    ("df.query(q)", {"reads": "df q"}),
    ("pd.eval('df.a + lim')", {"reads": "pd", "maybe": "a df lim"}),
    ("pd.eval(q)", {"reads": "pd q", "reads_everything": True}),
    ("duckdb.sql('select * from t')", {"reads": "duckdb", "maybe": "select t"}),
    ("smf.ols('y ~ x', data=df)", {"reads": "df smf", "maybe": "x y"}),
    ("%%writefile out.py\na = b\n", {"always": "`%%writefile`"}),
    ("%%writefile {folder}/out.py\na = b\n", {"maybe": "folder", "always": "`%%writefile`"}),
    ("eval('aa + k')", {"maybe": "aa k"}),
    ("eval(code)", {"reads": "code", "reads_everything": True}),
    ("eval(code, {})", {"reads": "code"}),
    ("exec('bb = aa')", {"writes": "bb", "maybe": "aa bb"}),
    ("exec('xs.append(1)')", {"in_place": "xs", "maybe": "append xs"}),
    ("globals()['bb'] = k", {"reads": "k", "writes": "bb"}),
    ("globals()['bb']", {"reads": "bb"}),
    ("globals()['bb'] += 1", {"reads": "bb", "writes": "bb", "in_place": "bb"}),
    ("del globals()['bb']", {"reads": "bb", "deletes": "bb"}),
    ("globals()[name]", {"reads": "name", "reads_everything": True}),
    ("globals()[name] = 1", {"reads": "name"}),
    ("'x' in globals()", {"maybe": "x"}),
    ("globals().get('x', d)", {"reads": "d", "maybe": "x"}),
    ("globals().update(a=1)", {}),
    ("list(globals())", {"reads_everything": True}),
    ("vars(o)", {"reads": "o"}),
    ("vars()", {"reads_everything": True}),
    ("def ev(s): return eval(s)", {"writes": "ev", "definitions": "ev"}),
    (
        "def ev(s): return eval(s)\nev('aa')",
        {"writes": "ev", "definitions": "ev", "maybe": "aa", "reads_everything": True},
    ),
    # --- asking, history
    ("name = input('? ')", {"writes": "name", "always": "`input()`"}),
    ("input = f\ninput()", {"reads": "f", "writes": "input"}),
    ("def ask(): return input()\nx = ask()", {"writes": "ask x", "definitions": "ask", "always": "`input()`"}),
    ("_ + 1", {"always": "history (`_`)"}),
    ("_12 + Out[3]", {"always": "history (`Out`), history (`_12`)"}),
    (
        "In[-1], _i, _i3, __, ___, _oh",
        {"always": ", ".join(f"history (`{name}`)" for name in ("In", "__", "___", "_i", "_i3", "_oh"))},
    ),
    ("for _ in xs: print(_)", {"reads": "xs", "writes": "_", "hidden": "_"}),
    ("_, x = f()\n_", {"reads": "f", "writes": "_ x", "hidden": "_"}),
    # --- magics and commands
    ("!ls {x} $y", {"maybe": "x y", "always": "shell commands"}),
    ("files = !ls\nfiles", {"writes": "files", "always": "shell commands"}),
    ("%matplotlib inline\nimport a", {"writes": "a", "definitions": "a"}),
    ("%load_ext autoreload\n%autoreload 2", {}),
    ("%config InlineBackend.figure_format = '{fmt}'", {"maybe": "fmt"}),
    ("%cd {folder}", {"maybe": "folder", "always": "`%cd`"}),
    ("%run other.py", {"maybe": "other py", "always": "`%run`"}),
    ("%time x = f(a)\nx", {"reads": "a f", "writes": "x"}),
    ("x = %time f(a)", {"reads": "a f", "writes": "x"}),
    ("%%time\nx = f(a)\ny = x", {"reads": "a f", "writes": "x y"}),
    ("%timeit -n 3 y = f(xs)", {"reads": "f xs"}),
    ("%%timeit -r 2 s = make(k)\ns.go(n)", {"reads": "k make n"}),
    ("%timeit xs.sort()", {"reads": "xs", "in_place": "xs"}),
    ("r = %timeit -o f(n)", {"reads": "f n", "writes": "r"}),
    ("%prun -s cumtime x = f(a)", {"reads": "a f", "writes": "x"}),
    ("%%capture --no-stderr out\nprint(a)\nb = 1", {"reads": "a", "writes": "b out"}),
    ("%%capture\n%time z = f()\n!ls", {"reads": "f", "writes": "z", "always": "shell commands"}),
    ("%%bash -s {a}\necho $b", {"maybe": "a b echo s", "always": "`%%bash`"}),
    ("%%html\n<b>{x}</b>", {}),
    ("df?", {"maybe": "df", "always": "help (`?`)"}),
    ("%whos", {"always": "`%whos`", "reads_everything": True, "maybe": "whos"}),
    (
        "for i in xs:\n    !echo {i}",
        {"reads": "xs", "writes": "i", "hidden": "i", "maybe": "i", "always": "shell commands"},
    ),
    ("def f():\n    !ls", {"writes": "f", "definitions": "f"}),
    ("def f():\n    !ls\nf()", {"writes": "f", "definitions": "f", "always": "shell commands"}),
    ("get_ipython()", {}),
    # --- headers and declarations
    ("%%task\nx = y", {"reads": "y", "writes": "x"}),
    ("#| task: t -i a,b\nx = y", {"reads": "a b y", "writes": "x"}),
    ("%%task t -o x\nx = y\nz = 1", {"reads": "y", "writes": "x z", "hidden": "z"}),
    ("%%task t -o made\nexec(code)", {"reads": "code", "writes": "made", "reads_everything": True}),
    ("%%task t -i a -o made\nexec(code)", {"reads": "a code", "writes": "made"}),
    ("%%task t -o made\n!make", {"writes": "made"}),
    ("%%task t -o x\nx = input()", {"writes": "x", "always": "`input()`"}),
    ("%%task t -o i\nfor i in xs: pass", {"reads": "xs", "writes": "i"}),
    # --- letters
    ("größe = 1\nπ = größe * τ", {"reads": "τ", "writes": "größe π"}),
    ("שלום = ערך", {"reads": "ערך", "writes": "שלום"}),
    ("ﬁx = 1\nfix", {"writes": "fix"}),
]


@pytest.mark.parametrize(("source", "expected"), CASES, ids=[source for source, _ in CASES])
def test_a_cell_reads_and_writes(source: str, expected: dict[str, object]) -> None:
    cell = read(source)
    assert cell.problems == ()
    assert facts(cell) == expected


def test_builtins_are_reads_because_a_cell_above_may_shadow_them() -> None:
    assert read("len(xs)").reads == {"len", "xs"}


def test_hidden_names_are_writes() -> None:
    for source, _ in CASES:
        cell = read(source)
        assert cell.hidden <= cell.writes
        assert cell.definitions <= cell.writes
