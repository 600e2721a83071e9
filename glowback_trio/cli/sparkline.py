"""A curve as one line of blocks."""

from __future__ import annotations

import numpy as np

from glowback_trio.model.bars import Floats

__all__ = ["sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Floats, width: int) -> str:
    """Draw a curve as one line of blocks, from its lowest value to its highest.

    Args:
        values: (T,) numbers of any unit. No values give an empty line, equal ones the lowest block.
        width: The most blocks to draw; each shows the last value of its section of the curve.
    """
    if not len(values):
        return ""
    columns = min(width, len(values))
    # The last block thus shows the final value.
    ends = np.arange(1, columns + 1) * len(values) // columns - 1
    shown = values[ends]
    low, high = shown.min(), shown.max()
    scaled = (shown - low) / (high - low) if high > low else np.zeros(columns)
    return "".join(_BLOCKS[level] for level in np.rint(scaled * 7).astype(int).tolist())
