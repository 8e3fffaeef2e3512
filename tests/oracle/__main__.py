"""`python -m tests.oracle NOTEBOOK…`."""

from __future__ import annotations

import sys

from .tool import main

sys.exit(main())
