"""Compare two results, number by number."""

from __future__ import annotations

from typing import Any

import pytest

from glowback_trio.model.result import Result


def assert_same(result: Result, other: Result) -> None:
    """Every number of both, to the last bit."""
    for block, names in (
        ("curve", ("time", "value", "cash", "gross", "drawdown")),
        ("trades", ("time", "symbol", "quantity", "price", "commission", "slippage_cost", "order")),
        ("orders", ("what", "time", "order", "symbol", "quantity")),
    ):
        for name in names:
            one, two = (getattr(getattr(each, block), name) for each in (result, other))
            assert one.tobytes() == two.tobytes(), f"{block}.{name}"
    assert result.trades.pnl.tolist() == pytest.approx(
        other.trades.pnl.tolist(), nan_ok=True, abs=0
    )
    assert result.metrics == other.metrics
    assert result.carry == other.carry
    assert result.logs == other.logs
    assert result.final_cash == other.final_cash
    assert result.final_positions == other.final_positions
    assert held(result) == held(other)


def held(result: Result) -> dict[str, Any] | None:
    """How a portfolio was held, in bytes; None without one."""
    if (portfolio := result.portfolio) is None:
        return None
    hits = ("row", "what", "symbol", "wanted", "allowed")
    names = ("worth", "reason", "turnover", "out", "drawdown")
    return {name: getattr(portfolio, name).tobytes() for name in names} | {
        f"hits.{name}": getattr(portfolio.hits, name).tobytes() for name in hits
    }
