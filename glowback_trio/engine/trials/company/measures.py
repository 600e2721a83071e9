"""The metrics of many accounts on one track, with the formulas of a single run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.accounting.ledger import Ledger
from glowback_trio.engine.analytics.metrics import Metrics, curve_metrics, plain_each, trade_metrics
from glowback_trio.engine.analytics.relative import RELATIVE
from glowback_trio.engine.batch.records import event_records, fill_records
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.company.curves import Curves
from glowback_trio.engine.trials.company.fills import FilledOrders
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.request import BacktestRequest

__all__ = ["Traded", "metrics_of", "profits_of"]


@frozen(eq=False)
class Traded:
    """What accounts have traded.

    Attributes:
        fills: Their fills.
        profits: Of each account's round trips, currency.
    """

    fills: FilledOrders = field(repr=False)
    profits: Sequence[Floats] = field(repr=False)


def profits_of(fills: FilledOrders) -> Sequence[Floats]:
    """Return the net profits of each account's closed round trips, currency."""
    ledger, journal = Ledger(len(fills.start) - 1), EventJournal()
    # Accounts are to the ledger what symbols are: it keeps each apart from the others.
    account = fills.account
    events = event_records(OrderEventKind.FILLED, fills.due, account, account, fills.quantity)
    figures = (fills.price, fills.commission, fills.slippage, fills.units, fills.cash)
    journal.extend(events, fill_records(*figures))
    ledger.book(journal.take())
    profits = np.array(ledger.round_trips)
    before = np.zeros(len(account))
    before[1:] = np.where(account[1:] == account[:-1], fills.units[:-1], 0.0)
    # As the ledger has it: a fill against the position that leaves nothing, or the other side.
    closes = (before * fills.quantity < 0.0) & (before * fills.units <= 0.0)
    closed = np.bincount(account[closes], minlength=len(fills.start) - 1)
    return np.split(profits, np.cumsum(closed)[:-1])


@quiet
def _of_curves(
    curves: Curves, track: Track, *, capital: float, risk_free_rate: float
) -> Iterator[Metrics]:
    """Measure the curves, and yield the metrics of each that need no fill."""
    measured = curve_metrics(
        curves.value.T,
        curves.drawdown.T,
        track.time,
        capital=capital,
        periods=track.periods,
        risk_free_rate=risk_free_rate,
    )
    for numbers in zip(*map(plain_each, measured.values()), strict=True):
        yield dict(zip(measured, numbers, strict=True))


@quiet
def metrics_of(
    request: BacktestRequest,
    curves: Curves,
    track: Track,
    traded: Traded,
    accounts: slice,
) -> Iterator[Mapping[str, float | int | None]]:
    """Yield all metrics of each account on a track, in the order of `analytics.metrics`.

    Args:
        request: Capital and the rate without risk.
        curves: Of the accounts.
        track: Where they are.
        traded: By these accounts and others.
        accounts: Which they are.
    """
    fills, profits, first = traded.fills, traded.profits, accounts.start
    capital = request.initial_capital
    means = curves.value.mean(axis=1).tolist()
    parts = _of_curves(curves, track, capital=capital, risk_free_rate=request.risk_free_rate)
    for account, (own, mean, exposed) in enumerate(
        zip(parts, means, curves.exposure.tolist(), strict=True), first
    ):
        some = slice(fills.start.item(account), fills.start.item(account + 1))
        yield {
            "initial_capital": capital,
            **own,
            "periods_per_year": track.periods,
            "exposure_time": exposed,
            **trade_metrics(
                mean,
                profits[account],
                quantity=fills.quantity[some],
                price=fills.price[some],
                commission=fills.commission[some],
                slippage_cost=fills.slippage[some],
            ),
            "total_financing_cost": 0.0,
            **track.findings,
            **dict.fromkeys(RELATIVE),
        }
