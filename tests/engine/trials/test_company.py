"""Trials evaluated together in arrays.

Doctrine: together changes nothing but the time it takes. So large companies of each built-in
strategy, with costs of all kinds drawn for each trial, are compared bit for bit, order of the names
included, with the same backtests one by one; and that arrays are what evaluates them is checked on
the block itself, so that the comparison cannot pass by never using them.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.companies import SPACES, company, entered, evaluated
from support.engine_bars import in_memory, make_bars, make_request
from support.random_runs import market
from support.trials import assert_same_as_backtests, plan, segment, whole

from glowback_trio.engine.batch import many_accounts
from glowback_trio.engine.trials import evaluation
from glowback_trio.engine.trials.company import arrays, block, survey
from glowback_trio.engine.trials.company.block import Tracks
from glowback_trio.engine.trials.ground import Ground
from glowback_trio.model.strategies.parameters import MaCrossover, Strategy


@pytest.mark.parametrize("strategy", SPACES, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("few", [0, many_accounts._FEW, 10**9])
def test_a_company_of_trials_equals_their_backtests(
    strategy: Strategy, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From so many accounts on, orders are carried out turn by turn: always, usually, never.
    monkeypatch.setattr(many_accounts, "_FEW", few)
    bars = market(7, 1, 150, gaps=0.0, spread=0.02)
    base = make_request(["S0"], strategy, risk_free_rate=0.02)
    plans = company(strategy, base, 60, seed=few % 1000)
    assert evaluated(base, bars, plans) > 30
    assert_same_as_backtests(base, bars, plans)


@pytest.mark.parametrize("strategy", SPACES, ids=lambda strategy: strategy.name)
def test_accounts_that_are_lost_are_left_to_the_simulation(strategy: Strategy) -> None:
    bars = market(3, 1, 150, gaps=0.1, spread=0.35)
    base = make_request(["S0"], strategy)
    plans = company(strategy, base, 60, seed=1)
    assert_same_as_backtests(base, bars, plans)
    if strategy.name == "ma_crossover":
        assert 0 < evaluated(base, bars, plans) < 60


def test_prices_beyond_all_measure_are_left_to_the_simulation() -> None:
    close = np.geomspace(1e-60, 1e-40, 40).tolist()
    bars = [make_bars("A", close)]
    base = make_request(["A"], MaCrossover(short_period=1, long_period=2))
    plans = [plan(n, [whole(base)], long_period=n + 1) for n in range(1, 6)]
    assert evaluated(base, bars, plans) == 0
    assert_same_as_backtests(base, bars, plans)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("execution.max_volume_participation", 0.1),
        ("execution.size_at", "fill"),
        ("execution.borrow_rate", 0.1),
        ("execution.on_data_end", "close"),
    ],
)
def test_costs_that_arrays_do_not_know_are_no_entrants(field: str, value: object) -> None:
    base = make_request(["A"], MaCrossover())
    assert entered(base, [plan(1, [whole(base)])])
    assert not entered(base, [plan(1, [whole(base)], **{field: value})])


def test_blocks_divide_a_company_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = market(7, 1, 150, gaps=0.0, spread=0.02)
    base = make_request(["S0"], MaCrossover())
    plans = company(MaCrossover(), base, 40, seed=4)
    monkeypatch.setattr(evaluation, "_BLOCK", 7 * 300)
    assert_same_as_backtests(base, bars, plans)
    monkeypatch.setattr(survey, "_CELLS", 500)
    assert_same_as_backtests(base, bars, plans)
    monkeypatch.setattr(arrays, "_MOST_ORDERS", 30)
    assert_same_as_backtests(base, bars, plans)


def test_tracks_are_kept_in_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_MOST_TRACKS", 2)
    base = make_request(["S0"], MaCrossover())
    tracks = Tracks(Ground(in_memory(market(7, 1, 150, gaps=0.0, spread=0.02))))
    parts = [segment(f"window-{n}", n, n + 50) for n in range(5)]
    for part in (*parts, *parts):
        assert len(tracks.on(base, part)) == 50
        assert len(tracks._tracks) <= 2
