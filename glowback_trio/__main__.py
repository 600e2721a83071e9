"""`python -m glowback_trio` is the command line."""

from __future__ import annotations

import sys

from glowback_trio.cli import main

sys.exit(main())
