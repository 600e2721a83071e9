"""Portfolio construction: the plan before a run, and the account of it afterwards.

A plan depends on the request and the bars' times only, and so is known before the first bar.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats, Indices, Times
from glowback_trio.model.portfolio import NONE, Constraint, Hits, Portfolio, RebalanceReason
from glowback_trio.model.request import PortfolioConstruction
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_fraction, as_percent

__all__ = ["DECISION", "Plan", "draw_up", "plan", "portfolio_metrics"]

_ROUNDING = 1e-9  # the part of a sum of weights below which an excess is rounding
_CELLS = 1 << 18

#: A decision at a close: its reason, the turnover it wanted and the turnover it was allowed, both
#: fractions of equity, and how far equity was below its peak.
DECISION = np.dtype(
    [("row", "i8"), ("reason", "i8"), ("wanted", "f8"), ("allowed", "f8"), ("drawdown", "f8")]
)

_HIT = np.dtype(
    [("row", "i8"), ("what", "i8"), ("symbol", "i8"), ("wanted", "f8"), ("allowed", "f8")]
)


@frozen(eq=False)
class Plan:
    """Targets and schedule of a portfolio, for the M of the run's N symbols that weigh something.

    Attributes:
        construction: The request's limits and target weights.
        names: Of the M symbols, alphabetically.
        symbol: (M,) their indices among the run's.
        requested: (M,) target weights, fractions of equity.
        scaled: (M,) the same under the cash floor.
        target: (M,) the same under the cap on a weight.
        first: (M,) the row of each symbol's first bar.
        arrivals: These rows, ascending.
        period: (T,) the date, week or month of each row, as a number that grows.
    """

    construction: PortfolioConstruction
    names: tuple[str, ...]
    symbol: Indices = field(repr=False)
    requested: Floats = field(repr=False)
    scaled: Floats = field(repr=False)
    target: Floats = field(repr=False)
    first: Indices = field(repr=False)
    arrivals: Indices = field(repr=False)
    period: NDArray[np.int64] = field(repr=False)

    def scheduled(self, row: int) -> int:
        """Return the first row of a later period than this row's; `NEVER` if there is none."""
        after = int(self.period.searchsorted(self.period[row], side="right"))
        return after if after < len(self.period) else NEVER

    def arrival(self, row: int) -> int:
        """Return the next row of a symbol's first bar, this one included; `NEVER` if none."""
        at = int(self.arrivals.searchsorted(row))
        return self.arrivals.item(at) if at < len(self.arrivals) else NEVER


def plan(construction: PortfolioConstruction, timeline: Timeline) -> Plan:
    """Return the plan of a portfolio construction on a timeline."""
    weights = construction.target_weights
    held = [i for i, name in enumerate(timeline.symbols) if weights.get(name, 0.0) > 0.0]
    names = tuple(timeline.symbols[i] for i in held)
    requested = np.array([weights[name] for name in names])
    scaled = requested * _scale(requested, 1.0 - as_fraction(construction.cash_floor_pct))
    most = construction.max_weight_pct
    first = np.array([timeline.rows[i][0] for i in held], dtype=np.intp)
    return Plan(
        construction=construction,
        names=names,
        symbol=np.array(held, dtype=np.intp),
        requested=requested,
        scaled=scaled,
        target=scaled if most is None else np.minimum(scaled, as_fraction(most)),
        first=first,
        arrivals=np.unique(first),
        period=_periods(timeline.time, construction.rebalance_frequency),
    )


def _scale(weights: Floats, room: float) -> float:
    """Return the factor that shrinks weights to the room there is for them."""
    # Weights that sum to 1 in decimals, such as ten times 0.1, must not be scaled for a rounding.
    total = math.fsum(weights)
    return room / total if total > room * (1.0 + _ROUNDING) else 1.0


def _periods(time: Times, frequency: str) -> NDArray[np.int64]:
    if frequency == "monthly":
        return time.astype("datetime64[M]").astype(np.int64)
    dates = time.astype("datetime64[D]").astype(np.int64)
    return dates if frequency == "daily" else (dates + 3) // 7  # 1970-01-01 was a Thursday


def draw_up(plan: Plan, decisions: NDArray[Any], worth: Floats, curve: Curve) -> Portfolio:
    """Return how a portfolio was held.

    Args:
        plan: Its plan.
        decisions: (R,) `DECISION`, in their order.
        worth: (T, M) market value of each symbol at the bars' closes, currency.
        curve: The finished curve.
    """
    reason = np.full(len(curve), NONE)
    reason[decisions["row"]] = decisions["reason"]
    turnover = np.zeros(len(curve))
    turnover[decisions["row"]] = decisions["allowed"]
    out = _lasting(decisions, len(curve))
    return Portfolio(
        construction=plan.construction,
        symbols=plan.names,
        target=plan.target,
        first=plan.first,
        worth=worth,
        reason=reason,
        turnover=turnover,
        out=out,
        drawdown=_drawdown(decisions, curve),
        hits=_hits(plan, decisions),
    )


def _lasting(decisions: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Return True where the last decision up to a row was a stop, (T,)."""
    rows = np.concatenate(((0,), decisions["row"], (count,)))
    stopped = np.concatenate(((False,), decisions["reason"] == RebalanceReason.GUARD))
    out: NDArray[np.bool_] = np.repeat(stopped, np.diff(rows))
    return out


def _returns(decisions: NDArray[Any]) -> list[int]:
    """Return the rows at which the portfolio came back after a stop."""
    stopped = decisions["reason"] == RebalanceReason.GUARD
    back: list[int] = decisions["row"][1:][stopped[:-1] & ~stopped[1:]].tolist()
    return back


def _drawdown(decisions: NDArray[Any], curve: Curve) -> Floats:
    """Return the fall that the stop watches: from a peak that starts anew at each return, (T,)."""
    drawdown = curve.drawdown.copy()
    back = _returns(decisions)
    # The bar of the return itself still counts from the old peak: the stop was on up to its close.
    for row, stop in zip(back, [*back, len(curve) - 1][1:], strict=True):
        value = curve.value[row : stop + 1]
        peak = np.maximum.accumulate(value)
        drawdown[row + 1 : stop + 1] = ((peak - value) / peak)[1:]
    return drawdown


def _hits(plan: Plan, decisions: NDArray[Any]) -> Hits:
    """Return every limit that changed something, by row; those of the whole run come first."""
    limit = as_fraction(plan.construction.max_drawdown_pct or 0.0)
    cut = np.flatnonzero(plan.target < plan.scaled)
    caps = plan.scaled[cut], plan.target[cut], cut
    stopped = decisions[decisions["reason"] == RebalanceReason.GUARD]
    limits = np.full(len(stopped), limit)
    shrunk = decisions[decisions["wanted"] > decisions["allowed"]]
    parts = (
        _floor_hit(plan),
        _some(Constraint.MAX_WEIGHT, np.zeros(len(cut)), *caps),
        _some(Constraint.MAX_DRAWDOWN, stopped["row"], stopped["drawdown"], limits),
        _some(Constraint.TURNOVER, shrunk["row"], shrunk["wanted"], shrunk["allowed"]),
    )
    hits = np.concatenate(parts)
    # Stable, so that limits of one row stand in the order of `parts`.
    hits = hits[np.argsort(hits["row"], kind="stable")]
    return Hits(*(hits[name].copy() for name in _HIT.names or ()))


def _floor_hit(plan: Plan) -> NDArray[Any]:
    requested, scaled = math.fsum(plan.requested), math.fsum(plan.scaled)
    hit = scaled < requested and plan.construction.cash_floor_pct > 0.0
    sums = np.array([[requested], [scaled]]) if hit else np.empty((2, 0))
    return _some(Constraint.CASH_FLOOR, np.zeros(sums.shape[1]), *sums)


def _some(
    what: int, row: NDArray[Any], wanted: Floats, allowed: Floats, symbol: Indices | int = NONE
) -> NDArray[Any]:
    hits = np.empty(len(row), _HIT)
    for name, column in zip(_HIT.names or (), (row, what, symbol, wanted, allowed), strict=True):
        hits[name] = column
    return hits


def portfolio_metrics(portfolio: Portfolio, curve: Curve) -> Mapping[str, float | int | None]:
    """Measure how often a portfolio returned to its weights, its turnover and its drift.

    `average_turnover_pct` is the mean over all bars. `max_weight_drift_pct` leaves out the bars at
    whose close the target was new, because nothing could have been ordered for it yet; None if
    there are no others.
    """
    return {
        "portfolio_rebalances": int((portfolio.reason != NONE).sum()),
        "average_turnover_pct": as_percent(float(portfolio.turnover.mean())),
        "max_weight_drift_pct": _most_drift(portfolio, curve),
        "constraint_hit_count": len(portfolio.hits),
    }


def _most_drift(portfolio: Portfolio, curve: Curve) -> float | None:
    drift = np.concatenate(list(_drifts(portfolio, curve)))
    # A target is new where a stop begins or ends, and at the first bar of a symbol.
    changed = np.diff(portfolio.out, prepend=False)
    changed[portfolio.first] = True
    known = drift[~changed & ~np.isnan(drift)]
    return as_percent(float(known.max())) if len(known) else None


def _drifts(portfolio: Portfolio, curve: Curve) -> Iterator[Floats]:
    """Yield the largest drift at each bar, a bounded number of cells at a time."""
    most = max(1, _CELLS // len(portfolio.symbols))
    for start in range(0, len(curve), most):
        bars = slice(start, start + most)
        away = portfolio.weights(bars, curve.value) - portfolio.targets(bars)
        yield np.abs(away, out=away).max(axis=1)
