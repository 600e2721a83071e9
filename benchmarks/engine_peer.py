"""Crossovers and weights by vectorbt, which are timed together with ours where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np
import vectorbt
from engine_cases import COST, FAST, INVESTED, SLOW

from glowback_trio.model.bars import Floats

__all__ = ["peer", "peer_grid", "weights_peer"]


def peer(open_price: Floats, close: Floats) -> Callable[[], float]:
    """Return the crossover of (T, N) opens and closes as a call that can be timed.

    It goes from closes to the values of one account at all bars: means, targets, orders sized at
    the close and filled at the next open, sales first. vectorbt computes metrics and tables one by
    one on request, so they are not included. The first call compiles.
    """
    return partial(_crossover, open_price, close)


def weights_peer(open_price: Floats, close: Floats) -> Callable[[], float]:
    """Return the rebalance to equal weights at every close as a call that can be timed.

    Costs, sizes and prices are the engine's. It makes orders and values of one account; metrics and
    tables are not included.
    """
    return partial(_weights, open_price, close)


def _weights(open_price: Floats, close: Floats) -> float:
    size = np.full_like(close, INVESTED / close.shape[1])
    size[0] = np.nan
    account = vectorbt.Portfolio.from_orders(
        close,
        size=size,
        size_type="targetpercent",
        price=open_price,
        val_price=_after(close, open_price[:1]),
        init_cash=1e6,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        fees=COST / 2,
        slippage=COST / 2,
    )
    return float(account.value().iloc[-1])


def _crossover(open_price: Floats, close: Floats) -> float:
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
        price=open_price,
        val_price=_after(close, open_price[:1]),
        init_cash=1e6,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
    )
    return float(account.value().iloc[-1])


def _after(rows: Floats, first: Floats) -> Floats:
    """Move each row one bar later."""
    return np.concatenate((first, rows[:-1]))


def peer_grid(close: Floats, pairs: Sequence[tuple[int, int]]) -> Callable[[], object]:
    """Return total return and Sharpe ratio of many crossovers of (T,) closes, as one call.

    Each is long from the close at which the short mean has crossed above the long one to that at
    which it has crossed below. The first call compiles, unless the engine in Rust is installed.
    """
    if find_spec("vectorbt_rust") is not None:
        vectorbt.settings["engine"] = "rust"
    return partial(_grid, close, pairs)


def _grid(close: Floats, pairs: Sequence[tuple[int, int]]) -> object:
    short, long = (vectorbt.MA.run(close, window=list(each)) for each in zip(*pairs, strict=True))
    account = vectorbt.Portfolio.from_signals(
        close[:, np.newaxis],
        short.ma_crossed_above(long),
        short.ma_crossed_below(long),
        size=INVESTED,
        size_type="percent",
        init_cash=1e6,
        freq="1D",
    )
    return account.total_return(), account.sharpe_ratio()
