"""How much memory results take."""

from __future__ import annotations

import numpy as np
from attrs import astuple

from glowback_trio.model.result import Result

__all__ = ["result_bytes"]


def result_bytes(result: Result | None) -> int:
    """Return the bytes of a result's arrays; the rest is small compared with its events."""
    if result is None:
        return 0
    happened = result.happened
    late = (result.trades, result.orders) if happened is None else ()
    parts = (result.curve, *late, result.portfolio, result.benchmark)
    # Parts share columns, such as the times: each is counted once.
    columns = {
        id(column): column.nbytes
        for part in parts
        if part is not None
        for column in astuple(part, recurse=False)
        if isinstance(column, np.ndarray)
    }
    # As if they were there: whoever asks for them must not make the account wrong.
    return sum(columns.values()) + (0 if happened is None else happened.nbytes)
