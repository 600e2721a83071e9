"""The rows of a result that tell how a portfolio was held at its weights, described."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from glowback_trio.server.openapi.json_schema import Format

__all__ = ["ConstraintHit", "PortfolioRow"]


class ConstraintHit(TypedDict):
    """A limit of the portfolio construction that changed something; figures of others are null.

    Attributes:
        timestamp: The bar at whose close it did; the first for limits of the whole run.
        requested_pct: What the weights, or one of them, would have been without it.
        requested_turnover_pct: What would have been bought and sold without it.
    """

    timestamp: Annotated[str, Format("date-time")]
    constraint: Literal["cash_floor", "max_weight_cap", "turnover_cap", "max_drawdown_guard"]
    symbol: str | None
    requested_pct: float | None
    applied_pct: float | None
    requested_turnover_pct: float | None
    applied_turnover_pct: float | None
    observed_drawdown_pct: float | None
    limit_pct: float | None


class PortfolioRow(TypedDict):
    """A portfolio at the close of one bar: weights are fractions of equity, by symbol.

    Attributes:
        target_weights: What is aimed at after this close.
        realized_weights: What was held at it; null where the account is lost, as is all drift.
        drift_by_symbol_pct: What was held less what is aimed at.
        turnover_pct: What is ordered at this close to return to the targets.
        rebalance_reason: Why it is; null where nothing is.
        drawdown_pct: The fall from the peak that the stop watches.
        constraint_hits: As those of the result, without their time and without nulls.
    """

    timestamp: Annotated[str, Format("date-time")]
    portfolio_value: float
    target_weights: dict[str, float]
    realized_weights: dict[str, float | None]
    drift_by_symbol_pct: dict[str, float | None]
    max_abs_drift_pct: float | None
    turnover_pct: float
    rebalanced: bool
    rebalance_reason: str | None
    cash_weight_pct: float | None
    drawdown_pct: float
    constraint_hits: list[dict[str, Any]]
