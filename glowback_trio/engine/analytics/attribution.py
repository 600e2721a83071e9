"""Attribution of a run's profit to its symbols."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from glowback_trio.model.bars import Floats
from glowback_trio.model.result import Fills
from glowback_trio.wire.percent import as_percent
from glowback_trio.wire.rows import Row

__all__ = ["attribution"]


def attribution(
    trades: Fills,
    units: Floats,
    marks: Floats,
    capital: float,
    carry: Mapping[str, float] | None = None,
) -> list[Row]:
    """Attribute a run's profit to its symbols.

    A symbol's profit is the net cash from its fills, less commissions, plus the market value of
    what is still held; all profits sum to value - capital. Realised profit is at average cost and
    net of commissions, like `pnl` in the fills; the rest, which includes commissions on what is
    still held, is unrealised.

    Args:
        trades: All fills.
        units: Units of each of `trades.symbols` held in the end, (N,), signed.
        marks: Their last closes, (N,) currency.
        capital: Cash at the start, currency.
        carry: Cash flows that belong to no fill, as `Result.carry`; each becomes a row of realised
            profit.

    Returns:
        One row per component, the largest profit or loss first, with amounts in currency and
        `contribution_pct` in percent of the capital.
    """
    worth = units * marks
    paid = _by_symbol(trades, trades.quantity * trades.price + trades.commission)
    total = worth - paid
    # A fill that only opens realises nothing; its pnl is NaN.
    realized = _by_symbol(trades, np.where(np.isnan(trades.pnl), 0.0, trades.pnl))
    columns = {
        "realized_pnl": realized,
        "unrealized_pnl": total - realized,
        "total_pnl": total,
        "contribution_pct": as_percent(total / capital),
        "commissions": _by_symbol(trades, trades.commission),
        "slippage_cost": _by_symbol(trades, trades.slippage_cost),
        "gross_notional": _by_symbol(trades, np.abs(trades.quantity) * trades.price),
        "ending_shares": units,
        "ending_market_value": worth,
    }
    table = zip(*(column.tolist() for column in columns.values()), strict=True)
    rows = [
        {"component": symbol, **dict(zip(columns, row, strict=True))}
        for symbol, row in zip(trades.symbols, table, strict=True)
    ]
    for component, amount in (carry or {}).items():
        booked = {"realized_pnl": amount, "total_pnl": amount}
        share = {"contribution_pct": as_percent(amount / capital)}
        rows.append({"component": component, **dict.fromkeys(columns, 0.0), **booked, **share})
    return sorted(rows, key=lambda row: (-abs(row["total_pnl"]), row["component"]))


def _by_symbol(trades: Fills, amounts: Floats) -> Floats:
    """Return the sums of amounts of fills by symbol, (N,)."""
    sums = np.bincount(trades.symbol, amounts, minlength=len(trades.symbols))
    return sums.astype(float)  # without fills, numpy returns integers
