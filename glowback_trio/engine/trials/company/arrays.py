"""A block of trials by arrays: where the kernel is not at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from attrs import evolve

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, sketches_of
from glowback_trio.engine.analytics.metrics import curve_figures
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.batch.many_accounts import FilledOrders, Orders, fill_orders
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.company.curves import draw_curves
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.measures import Accounts, Ledgers, ledgers_of
from glowback_trio.engine.trials.company.orders import joined, orders_of
from glowback_trio.engine.trials.company.survey import Survey, groups
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import BacktestRequest

__all__ = ["by_arrays"]

_MOST_ORDERS = 1 << 18  # that are carried out at once, of a quarter of a kilobyte each


def by_arrays(entrants: Sequence[Entrant], lanes: Sequence[Track]) -> Iterator[Survey | None]:
    """Carry out trials, and yield their surveys, and None in between every few milliseconds.

    Args:
        entrants: The trials.
        lanes: The tracks of their segments.
    """
    base, count = entrants[0].request, len(entrants)
    made: list[Orders] = []
    for lane in lanes:
        for some in groups(count, lane):
            made.append(orders_of(entrants[some], lane))
            yield None
    orders = joined(made)
    if len(orders.due) > _MOST_ORDERS and count > 1:
        del made, orders
        yield from _halved(entrants, lanes)
        return
    fills = fill_orders(orders, [one.costs for one in entrants] * len(lanes), base.initial_capital)
    ledgers = ledgers_of(fills)
    for number, lane in enumerate(lanes):
        for some in groups(count, lane):
            accounts = slice(number * count + some.start, number * count + some.stop)
            surveyed = _surveyed(base, lane, fills, accounts, ledgers.some(accounts))
            apart = orders.is_apart[accounts] & surveyed.is_sound
            yield evolve(surveyed, lane=number, trials=some, is_sound=apart)


def _halved(entrants: Sequence[Entrant], lanes: Sequence[Track]) -> Iterator[Survey | None]:
    half = len(entrants) // 2
    yield from by_arrays(entrants[:half], lanes)
    for survey in by_arrays(entrants[half:], lanes):
        if survey is None:
            yield None
            continue
        moved = slice(survey.trials.start + half, survey.trials.stop + half)
        yield evolve(survey, trials=moved)


@quiet
def _surveyed(
    base: BacktestRequest, lane: Track, fills: FilledOrders, accounts: slice, ledgers: Ledgers
) -> Survey:
    curves = draw_curves(fills, accounts, lane.close, base.initial_capital)
    value, free = curves.value, base.risk_free_rate / lane.periods
    returns = bar_returns(value.T)
    figures = curve_figures(value[:, -1], returns, curves.drawdown.T, lane.time, free)
    return Survey(
        0,
        accounts,
        curves.is_sound,
        Accounts(figures, value.mean(axis=1), curves.exposure, ledgers),
        returns.T,
        partial(_sketches, returns, free),
    )


def _sketches(returns: Floats, free: float) -> Sequence[ReturnsSketch]:
    return sketches_of(returns - free)
