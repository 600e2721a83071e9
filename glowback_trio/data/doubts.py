"""Doubts about bars that are sound by themselves: jumps like splits, bars without volume.

They are warnings, as either may be real. Bars are looked at as a run gets them, adjusted if it asks
for that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from attrs import evolve

from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.instant import in_words

__all__ = ["leaves_no_doubt", "with_doubts", "with_share_warning"]

# New shares for an old one, as companies choose them; below 3:2 a split is no larger than news.
_WHOLE = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_SPLITS = {1.5: "3:2", 2.5: "5:2", **{float(new): f"{new}:1" for new in _WHOLE}}
_RATIOS = np.array(sorted(_SPLITS))
_NEAR = 0.03  # a market opens some percent away from the last close divided by the split
_LEAST = _RATIOS[0] * (1.0 - _NEAR)
_USUAL_MOVES = 10.0  # a jump is this many times the median move, or a wild market makes it
_NAMED = 3  # jumps that a finding names
_LOOKED_AT = 10_000  # large jumps: with more of them, prices are anything but a market's


def with_doubts(bars: Bars, quality: Quality) -> Quality:
    """Add to a report what is doubtful about its bars: at most two sentences."""
    found = (*_jumps(bars), *_without_volume(bars))
    return evolve(quality, warnings=(*quality.warnings, *found)) if found else quality


def leaves_no_doubt(bars: Bars) -> bool:
    """Return True if neither bars nor any stretch of them give rise to a doubt."""
    return not _may_jump(bars) and bool(np.all(bars.volume))


def with_share_warning(quality: Quality, shares: float | None = None) -> Quality:
    """Add to a report that a commission per share counts shares of adjusted prices.

    Args:
        quality: The report.
        shares: How many of them stand for one share at the first bar; None: not known.
    """
    if shares is not None and abs(shares - 1.0) < 1e-9:
        return quality
    known = "it is not known how many stand for one that was traded"
    if shares is not None:
        known = f"at the first bar {shares:.6g} of them stand for one that was traded"
    counted = "commission_per_share counts shares of the adjusted prices"
    sentence = f"{quality.symbol}: {counted}; {known}"
    return evolve(quality, warnings=(*quality.warnings, sentence))


def _jumps(bars: Bars) -> Iterator[str]:
    # From one bar's close to the next one's open, where splits take effect.
    if not _may_jump(bars):
        return
    jump = bars.close[:-1] / bars.open[1:]
    large = np.flatnonzero(np.maximum(jump, 1.0 / jump) > _LEAST)
    stays = bars.close[:-1] / bars.close[1:]
    usual = float(np.median(np.abs(stays - 1.0)))
    names = {
        index: name
        for index in large[:_LOOKED_AT].tolist()
        if (name := _split(jump.item(index), stays.item(index), 1.0 + _USUAL_MOVES * usual))
    }
    if names:
        first = (
            f"{in_words(bars.time[index + 1])} ({names[index]})" for index in list(names)[:_NAMED]
        )
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        what = "jumps look like splits" if len(names) > 1 else "jump looks like a split"
        yield (
            f"{bars.symbol}: {len(names)} {what} that the prices are not adjusted for: "
            f"{', '.join(first)}{more}; a file of factors and 'adjustment' remove such jumps"
        )


def _may_jump(bars: Bars) -> bool:
    """Return True if a price jumps as far as at a split, which those of most symbols never do."""
    jump = bars.close[:-1] / bars.open[1:]
    if not len(jump):
        return False
    return not (np.maximum.reduce(jump) <= _LEAST and np.minimum.reduce(jump) * _LEAST >= 1)


def _split(jump: float, stays: float, least: float) -> str | None:
    """Return the split that a jump looks like, as `4:1`, or `1:8` where shares were merged.

    Args:
        jump: Close before over open after.
        stays: Close before over close after: a price that is back by then was a wrong one.
        least: What a jump has to exceed to be more than a wild market.

    Returns:
        None if it looks like none.
    """
    size, lasting = (jump, stays) if jump > 1 else (1.0 / jump, 1.0 / stays)
    ratio = float(_RATIOS[np.abs(size / _RATIOS - 1.0).argmin()])
    if size < least or lasting < math.sqrt(size) or abs(size / ratio - 1.0) > _NEAR:
        return None
    if jump > 1:
        return _SPLITS[ratio]
    # Shares are merged in whole numbers, so that nothing is left of one.
    return f"1:{ratio:.0f}" if ratio in _WHOLE else None


def _without_volume(bars: Bars) -> Iterator[str]:
    count = len(bars) - int(np.count_nonzero(bars.volume))
    if count == len(bars):
        yield f"{bars.symbol}: no bar has a volume other than 0"
    elif count:
        which = "bars have" if count > 1 else "bar has"
        yield f"{bars.symbol}: {count} {which} a volume of 0, the first at " + in_words(
            bars.time[int((bars.volume == 0).argmax())]
        )
