"""Typed dicts of the result's portfolio diagnostics."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from glowback_trio.server.openapi.json_schema import Format

__all__ = ["ConstraintHit", "PortfolioRow"]


class ConstraintHit(TypedDict):
    """A constraint of the portfolio construction that changed targets or orders.

    Figures that belong to other constraints are null.

    Attributes:
        timestamp: The bar at whose close it applied; the first bar for limits of the whole run.
        requested_pct: The weight, or the sum of weights, without the constraint.
        applied_pct: The same with it.
        requested_turnover_pct: The turnover without the constraint.
        applied_turnover_pct: The same with it.
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
    """The portfolio at the close of one bar; weights are fractions of equity, by symbol.

    Attributes:
        target_weights: The weights aimed at after this close.
        realized_weights: The weights held at this close; null, like all drift, once the account
            has lost everything.
        drift_by_symbol_pct: Realized weight less target weight.
        turnover_pct: The turnover ordered at this close to return to the targets.
        rebalanced: Whether orders were placed to return to the targets.
        rebalance_reason: Why the portfolio was rebalanced; null if it was not.
        drawdown_pct: The decline from the peak that the drawdown guard watches.
        constraint_hits: The constraints that applied, without their time and without nulls.
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
