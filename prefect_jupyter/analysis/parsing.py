"""Python text becomes a syntax tree, quietly: no warning reaches the person, every failure is a `NotPythonError`.

It must not change the filters of `warnings` for anyone else.
"""

from __future__ import annotations

import ast
import re
import warnings

FILENAME = "<cell under analysis>"
# Matches our own file name only. Filters are not set through the functions of `warnings`: those make every
# module forget which warnings it has shown, which changes what a notebook prints.
_OUR_WARNINGS = ("ignore", None, Warning, re.compile(re.escape(FILENAME)), 0)
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class NotPythonError(Exception):
    """A text that cannot be analysed. `line` counts from 1 in that text; `is_syntax` as in `Problem`."""

    def __init__(self, message: str, line: int | None = None, *, is_syntax: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.is_syntax = is_syntax


def parse(text: str) -> ast.Module:
    """The tree of a text that is a whole cell: `await` is legal at its top."""
    return _quietly(text)


def check(tree: ast.Module) -> None:
    """Raises NotPythonError for what only the compiler refuses, such as `return` outside of a function."""
    _quietly(tree)


def _quietly(code: str | ast.Module) -> ast.Module:
    filters = warnings.filters
    filters.insert(0, _OUR_WARNINGS)  # type: ignore[attr-defined]
    try:
        if isinstance(code, str):
            tree: ast.Module = compile(code, FILENAME, "exec", _FLAGS | ast.PyCF_ONLY_AST, dont_inherit=True)
            return tree
        compile(code, FILENAME, "exec", _FLAGS, dont_inherit=True)
        return code
    except SyntaxError as error:
        raise NotPythonError(error.msg, error.lineno, is_syntax=True) from None
    except (RecursionError, MemoryError):
        raise NotPythonError("the code is nested too deeply to be analysed") from None
    except UnicodeEncodeError:
        raise NotPythonError("the text holds half of a surrogate pair, which is no character: remove it") from None
    except (ValueError, OverflowError) as error:
        raise NotPythonError(str(error)) from None
    finally:
        filters.remove(_OUR_WARNINGS)  # type: ignore[attr-defined]
