"""Rows of a result as they go over the wire: the one place where fractions become percent.

A metric event carries the very row that the result's `equity_curve` will hold, a trade event the
very row of `trades`; both come from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.result import Curve, OrderLog, Result, Trades

__all__ = [
    "dumps",
    "equity_rows",
    "exposure_rows",
    "iso_times",
    "order_rows",
    "result_document",
    "trade_rows",
]

Row = dict[str, Any]


def dumps(document: object) -> bytes:
    """Encode compact JSON; NaN and infinity, which JSON has no word for, become `null`."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def iso_times(times: Times) -> list[str]:
    """Write bar times as result rows do: RFC 3339 with `+00:00`, fractions only where there are.

    Args:
        times: datetime64[ns], any shape flattened.
    """
    whole = times.astype("datetime64[s]")
    written = np.datetime_as_string(
        whole if bool((whole == times).all()) else times.astype("datetime64[us]")
    )
    return [f"{text}+00:00" for text in written.tolist()]


def _rows(**columns: list[Any]) -> Iterator[Row]:
    names = tuple(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def equity_rows(curve: Curve, bars: slice | NDArray[np.intp] = slice(None)) -> Iterator[Row]:
    """Rows of the equity curve, for all bars or some of them.

    A row is the same whichever others are asked for, so a run can tell it before the last bar.
    """
    value, cash = curve.value[bars], curve.cash[bars]
    profit = value - curve.capital
    return _rows(
        timestamp=iso_times(curve.time[bars]),
        value=value.tolist(),
        cash=cash.tolist(),
        positions=(value - cash).tolist(),
        total_pnl=profit.tolist(),
        returns=(profit / curve.capital * 100.0).tolist(),
        daily_return=(curve.returns_at(bars) * 100.0).tolist(),
        drawdown=(curve.drawdown[bars] * 100.0).tolist(),
    )


def exposure_rows(curve: Curve) -> Iterator[Row]:
    """Rows of exposures in percent of value; null where the value is not positive."""
    net = _percent(curve.positions, curve.value)
    return _rows(
        timestamp=iso_times(curve.time),
        cash_pct=_percent(curve.cash, curve.value),
        positions_pct=net,
        gross_exposure_pct=_percent(curve.gross, curve.value),
        net_exposure_pct=net,
    )


def _percent(part: Floats, whole: Floats) -> list[float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.where(whole > 0, part / whole * 100.0, np.nan)
    return list(share.tolist())


def trade_rows(trades: Trades, which: slice = slice(None)) -> Iterator[Row]:
    """One row per fill; `pnl` is null where the fill only opens."""
    quantity = trades.quantity[which]
    return _rows(
        timestamp=iso_times(trades.time[which]),
        symbol=[trades.symbols[i] for i in trades.symbol[which].tolist()],
        action=["BUY" if bought else "SELL" for bought in (quantity > 0).tolist()],
        shares=np.abs(quantity).tolist(),
        price=trades.price[which].tolist(),
        commission=trades.commission[which].tolist(),
        slippage_cost=trades.slippage_cost[which].tolist(),
        pnl=trades.pnl[which].tolist(),
        strategy_id=[trades.strategy_id] * len(quantity),
        order_id=[f"order-{number}" for number in trades.order[which].tolist()],
    )


def order_rows(
    orders: OrderLog, symbols: Sequence[str], which: slice = slice(None)
) -> Iterator[Row]:
    """One flat row per step in an order's life."""
    quantity = orders.quantity[which]
    return _rows(
        event=list(orders.event[which]),
        timestamp=iso_times(orders.time[which]),
        order_id=[f"order-{number}" for number in orders.order[which].tolist()],
        symbol=[symbols[i] for i in orders.symbol[which].tolist()],
        side=["BUY" if bought else "SELL" for bought in (quantity > 0).tolist()],
        quantity=np.abs(quantity).tolist(),
        order_type=["market"] * len(quantity),
        time_in_force=["GTC"] * len(quantity),
        price=orders.price[which].tolist(),
        reason=[reason or None for reason in orders.reason[which]],
    )


def result_document(result: Result, run_id: str) -> Mapping[str, Any]:
    """The result as the wire has it: every field of the contract, filled."""
    return {
        "run_id": run_id,
        "metrics_summary": dict(result.metrics),
        "equity_curve": list(equity_rows(result.curve)),
        "benchmark_curve": [],
        "benchmark_symbol": None,
        "trades": list(trade_rows(result.trades)),
        "exposures": list(exposure_rows(result.curve)),
        "order_events": list(order_rows(result.orders, result.trades.symbols)),
        "option_trades": [],
        "option_events": [],
        "portfolio_construction": {},
        "portfolio_diagnostics": [],
        "constraint_hits": [],
        "tearsheet": {},
        "logs": list(result.logs),
        "final_cash": result.final_cash,
        "final_positions": dict(result.final_positions),
        "manifest": dict(result.manifest),
    }
