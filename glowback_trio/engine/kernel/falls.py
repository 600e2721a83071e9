"""The falls of a curve in the kernel. The counterpart of `draw_drawdown` in `accounting.curve`."""

from __future__ import annotations

from typing import Protocol

from glowback_trio.engine.finite import LARGEST
from glowback_trio.model.bars import Floats

__all__ = ["DrawFalls", "draw_falls"]


class DrawFalls(Protocol):
    """`draw_falls`, compiled or not."""

    def __call__(
        self, value: Floats, fall: Floats, start: int, stop: int, peak: float, /
    ) -> tuple[int, float]:
        """See `draw_falls`."""


def draw_falls(
    value: Floats, fall: Floats, start: int, stop: int, peak: float
) -> tuple[int, float]:
    """Draw the fall from the running peak as long as the account is worth something.

    Args:
        value: (T,) of the account, currency.
        fall: (T,) receives the falls, fractions of the peak.
        start: First row.
        stop: One past the last row.
        peak: The highest value before, currency.

    Returns:
        The first row whose value is not positive or beyond the range of numbers, `stop` if there is
        none; and the highest value before it.
    """
    for row in range(start, stop):
        now = value[row]
        if not 0.0 < now < LARGEST:
            return row, peak
        peak = max(peak, now)
        fall[row] = (peak - now) / peak
    return stop, peak
