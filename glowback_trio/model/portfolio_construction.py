"""Portfolio construction: target weights as a request gives them, with their limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from attrs import field, frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import Checked, Ge, Gt, Le, describe_changes

__all__ = ["PortfolioConstruction", "Rebalancing"]

Rebalancing = Literal["daily", "weekly", "monthly"]
Percent = Annotated[float, Gt(0), Le(100)]

_RULE = (
    "Weights are fractions of equity, each from 0 to 1, at least one above 0, and should not sum "
    "above 1"
)


def _weights_fit(target_weights: Mapping[str, float]) -> Iterator[Problem]:
    # Weights such as 0.7, 0.2 and 0.1 sum to a little more than 1 in binary floats.
    total = sum(target_weights.values())
    if not target_weights or total <= 0:
        yield Problem("value_error", ("target_weights",), _RULE, None)
    elif total > 1 + 1e-9:
        message = f"{_RULE}; they sum to {total:g}"
        yield Problem("value_error", ("target_weights",), message, None)


def _copied_weights(given: Any) -> Any:
    """Copy the weights, so that they cannot change later, and write whole numbers as floats."""
    if not isinstance(given, Mapping):
        return given
    return {
        symbol: float(weight) if type(weight) is int else weight for symbol, weight in given.items()
    }


@frozen(kw_only=True, repr=False)
class PortfolioConstruction(Checked):
    """Target weights, when to rebalance to them, and limits. Percents are of equity.

    A decision at a close is filled at the next open, like any other.

    Attributes:
        target_weights: Fractions of equity by symbol, which do not sum above 1. A symbol that is
            left out has weight 0; the weight of a symbol stays cash until its first bar.
        method: `target_weights`.
        rebalance_frequency: Rebalance at the first close of every date, of every week from Monday
            on, or of every month (UTC) after the last rebalance, whatever its reason.
        drift_threshold_pct: Between scheduled rebalances, rebalance too when a weight is at least
            this far from its target.
        max_weight_pct: Largest target weight; what is cut off stays cash.
        max_turnover_pct: Limit of what is bought and sold at one close; all orders shrink alike.
        cash_floor_pct: Least cash; targets that leave less are scaled down.
        max_drawdown_pct: Sell everything once equity has fallen this far from its peak, and stay
            out until the next scheduled rebalance after the last of these sales has filled; from
            then on, the peak is measured anew.
    """

    __checks__ = (_weights_fit,)

    target_weights: Mapping[str, Annotated[float, Ge(0), Le(1)]] = field(converter=_copied_weights)
    method: Literal["target_weights"] = "target_weights"
    rebalance_frequency: Rebalancing = "weekly"
    drift_threshold_pct: Annotated[float, Ge(0), Le(100)] | None = None
    max_weight_pct: Percent | None = None
    max_turnover_pct: Annotated[float, Ge(0), Le(500)] | None = None
    cash_floor_pct: Annotated[float, Ge(0), Le(95)] = 0.0
    max_drawdown_pct: Percent | None = None

    __repr__ = describe_changes
