"""`python -m benchmarks`: all of them, one after the other."""

from __future__ import annotations

from . import caching, notebook, overhead

overhead.main([])
notebook.main([])
caching.main([])
