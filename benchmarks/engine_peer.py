"""The same crossover by vectorbt, where that is installed: it is run beside the engine, no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import vectorbt
from engine import FAST, INVESTED, SLOW

from glowback_trio.model.bars import Floats

__all__ = ["peer"]


def peer(opening: Floats, close: Floats) -> Callable[[], float]:
    """What has to be done for the crossover of (T, N) opens and closes, ready to be timed.

    From closes to the values of one account at all bars: means, targets, orders filled at the next
    open and worked out at the close before, sales first. No metrics and no tables: those are worked
    out when they are asked for, one by one. The first call compiles.
    """
    return partial(_crossover, opening, close)


def _crossover(opening: Floats, close: Floats) -> float:
    fast, slow = (vectorbt.MA.run(close, window=bars) for bars in (FAST, SLOW))
    above = fast.ma.to_numpy() > slow.ma.to_numpy()
    target = INVESTED / close.shape[1]
    wanted = np.where(above, target, -target)
    wanted[1:][above[1:] == above[:-1]] = np.nan
    wanted[:SLOW] = np.nan
    wanted[SLOW - 1] = np.where(above[SLOW - 1], target, -target)
    account = vectorbt.Portfolio.from_orders(
        close,
        size=_after(wanted, np.full_like(wanted[:1], np.nan)),
        size_type="targetpercent",
        price=opening,
        val_price=_after(close, opening[:1]),
        init_cash=1e6,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
    )
    return float(account.value().iloc[-1])


def _after(rows: Floats, first: Floats) -> Floats:
    """Each row one bar later."""
    return np.concatenate((first, rows[:-1]))
