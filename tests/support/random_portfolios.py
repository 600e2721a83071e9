"""Random portfolios at target weights, on bars that are not all there."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from support.engine_bars import make_bars

from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest, Execution

CAPITAL = 1000.0
VOLUME = 12.0  # units of a bar: a cap on a part of it makes many orders fill over several bars


@st.composite
def portfolios(draw: st.DrawFn, most: int = 14) -> tuple[BacktestRequest, list[Bars]]:
    """Random walks, some of which start late, end early or miss bars, under random limits."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, rows = draw(st.integers(1, most)), draw(st.integers(2, 40))
    names = [f"S{number:02}" for number in range(count)]
    complete = draw(st.booleans())
    bars = []
    for name in names:
        close = 10.0 * np.exp(np.cumsum(random.normal(0.0, 0.06, rows)))
        opening = close * np.exp(random.normal(0.0, 0.02, rows))
        kept = random.random(rows) < (1.0 if complete else random.choice((0.5, 0.9, 1.0)))
        kept[random.integers(rows)] = True
        keep = np.flatnonzero(kept).tolist()
        step: Literal["h", "D"] = "D" if rows % 2 else "h"
        columns = {"opening": opening.tolist(), "keep": keep}
        bars.append(make_bars(name, close.tolist(), **columns, volume=VOLUME, step=step))
    weights = random.random(count) * (random.random(count) < random.choice((0.5, 1.0)))
    weights[0] = 0.1
    weights *= draw(st.sampled_from((0.4, 0.95, 1.0))) / weights.sum()
    limits: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {
                "rebalance_frequency": st.sampled_from(("daily", "weekly", "monthly")),
                "drift_threshold_pct": st.sampled_from((None, 0.5, 3.0)),
                "max_weight_pct": st.sampled_from((None, 30.0)),
                "max_turnover_pct": st.sampled_from((None, 20.0, 120.0)),
                "cash_floor_pct": st.sampled_from((0.0, 10.0)),
                "max_drawdown_pct": st.sampled_from((None, 4.0, 10.0)),
            }
        )
    )
    costs = draw(st.sampled_from(((0.0, 0.0), (10.0, 5.0), (200.0, 100.0))))
    latency = draw(st.sampled_from((0, 0, 3_600_000, 130_000_000)))
    cap = draw(st.sampled_from((None, None, 0.5)))
    request = BacktestRequest(
        symbols=names,
        start_date="2024-01-01",
        end_date="2030-01-01",
        resolution="day" if rows % 2 else "hour",
        initial_capital=CAPITAL,
        execution=Execution(
            slippage_bps=costs[0],
            commission_bps=costs[1],
            latency_ms=latency,
            max_volume_participation=cap,
        ),
        portfolio_construction=PortfolioConstruction(
            target_weights=dict(zip(names, weights.tolist(), strict=True)), **limits
        ),
    )
    return request, bars
