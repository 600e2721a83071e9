"""Companies of trials: many of one built-in strategy, their parameters and costs drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from support.engine_bars import in_memory
from support.random_runs import DAY_MS
from support.trials import plan, segment, whole

from glowback_trio.engine.trials.company.block import Tracks, evaluate_block
from glowback_trio.engine.trials.company.entrants import Admission, Entrant
from glowback_trio.engine.trials.ground import Ground
from glowback_trio.engine.trials.plan import TrialPlan
from glowback_trio.model.bars import Bars
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    Strategy,
)

__all__ = ["SPACES", "Space", "company", "entered", "evaluated"]

Space = Mapping[str, list[object]]

#: By strategy, what its parameters are drawn from.
SPACES: dict[Strategy, dict[str, list[object]]] = {
    BuyAndHold(): {},
    MaCrossover(): {
        "short_period": [1, 2, 3, 5],
        "long_period": [6, 9, 15],
        "direction": ["long_short", "long_only"],
    },
    Momentum(): {
        "lookback_period": [1, 2, 5],
        "momentum_threshold": [0.0, 0.5, 3.0],
        "rebalance_frequency": [1, 2, 7],
    },
    MeanReversion(position_size=0.1): {
        "lookback_period": [2, 5, 9],
        "entry_threshold": [0.5, 1.0, 1.5],
        "exit_threshold": [0.0, 0.3],
        "max_position_size": [0.95, 1.0],
    },
    Rsi(): {
        "lookback_period": [2, 5, 14],
        "smoothing": ["wilder", "cutler"],
        "oversold_threshold": [30.0, 45.0],
        "overbought_threshold": [55.0, 70.0],
    },
}
#: Costs that arrays account for.
COSTS: dict[str, list[object]] = {
    "execution.slippage_bps": [0.0, 5.0],
    "execution.commission_bps": [0.0, 1.5, 100.0],
    "execution.commission_per_share": [0.0, 0.01],
    "execution.commission_minimum": [0.0, 1.0, 40.0],
    "execution.whole_shares": [False, False, True],
    "execution.allow_short": [True, True, False],
    "execution.max_leverage": [0.4, 1.0, 3.0],
    "execution.latency_ms": [0, 0, 0, 1, 3 * DAY_MS],
}
SIZES: list[object] = [0.1, 0.3, 0.95, 1.0]


def company(
    strategy: Strategy, base: BacktestRequest, count: int, seed: int, more: Space | None = None
) -> list[TrialPlan]:
    """Trials of one strategy, their parameters and costs drawn, and some more of them."""
    random = np.random.default_rng(seed)
    space = SPACES[strategy] | COSTS | dict(more or {})
    if not isinstance(strategy, MeanReversion):
        space = space | {"position_size": SIZES}
    segments = [whole(base), segment("train", 0, 100), segment("window-1", 100, 150)]
    return [
        plan(
            number,
            segments,
            **{name: values[random.integers(len(values))] for name, values in space.items()},
        )
        for number in range(1, count + 1)
    ]


def entered(base: BacktestRequest, plans: Sequence[TrialPlan]) -> list[Entrant]:
    admission = Admission()
    found = [admission.entrant(each, applied(base, each.parameters)) for each in plans]
    return [one for one in found if one is not None]


def evaluated(base: BacktestRequest, bars: list[Bars], plans: Sequence[TrialPlan]) -> int:
    """How many of some trials arrays evaluate."""
    work = evaluate_block(entered(base, plans), Tracks(Ground(in_memory(bars))), None)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return sum(one is not None for one in end.value)
