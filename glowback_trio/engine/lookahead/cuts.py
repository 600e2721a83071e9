"""Cuts: the rows of a timeline after which the bars are taken away or changed.

A leak of one bar shows only if the cut lies at a decision, so most cuts lie there. A replay of
targets costs as much as it has rows, so most of these cuts lie early.
"""

from __future__ import annotations

import numpy as np

from glowback_trio.model.bars import Indices

__all__ = ["early_cuts", "spread", "spread_cuts"]

_WIDE = 4  # of the cuts, for leaks that show only late in the range
# How many times the range all replays of the other cuts have together, and how many replays a cut
# takes on average: one without the later bars, and a quarter of one with changed ones.
_BUDGET, _REPLAYS = 4.5, 1.25


def spread(values: Indices, count: int) -> Indices:
    """Return at most `count` of some values, evenly chosen, the first and the last included."""
    if len(values) <= count:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, count).astype(np.intp))]


def early_cuts(rows: int, changes: Indices, count: int) -> list[int]:
    """Choose cuts from the first decisions on, and a few over all of the range.

    Args:
        rows: Rows of the timeline.
        changes: The rows at which what is decided changes, ascending.
        count: How many cuts; every row but the last where there are no more.
    """
    last = rows - 2
    if last < count:
        return list(range(last + 1))
    first = min(int(changes[0]), last - count) if len(changes) else 0
    mean = int(_BUDGET * rows / (_REPLAYS * count))
    stop = min(last, first + max(count, 2 * (mean - first)))
    parts = range(1, _WIDE) if count > 2 * _WIDE else ()
    late = {last, *(_snapped(last * part // _WIDE, changes, stop) for part in parts)}
    return _filled(late, np.arange(first, stop + 1), changes, count)


def spread_cuts(rows: int, changes: Indices, count: int) -> list[int]:
    """Choose cuts over all of the range; arguments as `early_cuts`."""
    last = rows - 2
    if last < count:
        return list(range(last + 1))
    return _filled({last}, np.arange(last + 1), changes, count)


def _filled(chosen: set[int], among: Indices, changes: Indices, count: int) -> list[int]:
    """Add cuts at decisions and just before them, two thirds of all, and others in between."""
    inside = changes[(changes >= among[0]) & (changes <= among[-1])]
    near = np.unique(np.concatenate([inside, inside[inside > among[0]] - 1]))
    chosen |= set(spread(near, 2 * (count - len(chosen)) // 3).tolist())
    left = np.setdiff1d(among, list(chosen))
    return sorted(chosen | set(spread(left, max(0, count - len(chosen))).tolist()))


def _snapped(row: int, changes: Indices, after: int) -> int:
    """Return the last decision up to a row, if it is a late one; otherwise the row."""
    at = int(changes.searchsorted(row, side="right")) - 1
    return int(changes[at]) if at >= 0 and changes[at] > after else row
