"""The `--json` option, and the JSON that it prints: one object per line on stdout."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from glowback_trio.wire.json_text import dumps

__all__ = ["JsonOption", "print_json"]

JsonOption = Annotated[bool, Parameter(name="--json", negative_bool=(), show_default=False)]


def print_json(document: object) -> None:
    """Print a document as one line."""
    sys.stdout.buffer.write(dumps(document) + b"\n")
    # Flushed per line, because a pipe to `jq` should show lines as they come.
    sys.stdout.buffer.flush()
