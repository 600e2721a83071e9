"""The metrics of many accounts on one track, with the formulas of a single run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
from attrs import astuple, frozen

from glowback_trio.engine.accounting.ledger import Ledger
from glowback_trio.engine.analytics.arithmetic import over_each
from glowback_trio.engine.analytics.metrics import (
    CurveFigures,
    Traded,
    formulas,
    plain_each,
    trade_metrics,
)
from glowback_trio.engine.analytics.relative import RELATIVE
from glowback_trio.engine.analytics.round_trips import Tally, tallied
from glowback_trio.engine.batch.many_accounts import FilledOrders
from glowback_trio.engine.batch.records import event_records, fill_records
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.request import BacktestRequest

_T = TypeVar("_T")

__all__ = ["Accounts", "Ledgers", "ledgers_of", "metrics_of"]


@frozen(eq=False)
class Ledgers:
    """The trades of accounts, and their outcome.

    Attributes:
        traded: Their fills.
        closed: Their round trips.
    """

    traded: Traded
    closed: Tally

    def some(self, accounts: slice) -> Ledgers:
        """Return those of some accounts."""
        return Ledgers(_some(self.traded, accounts), _some(self.closed, accounts))


def _some(columns: _T, accounts: slice) -> _T:
    cls: Any = type(columns)
    found: _T = cls(*(column[accounts] for column in astuple(columns, recurse=False)))  # type: ignore[arg-type]  # each one is of attrs
    return found


@quiet
def ledgers_of(fills: FilledOrders) -> Ledgers:
    """Book the fills of all accounts."""
    accounts = len(fills.start) - 1
    ledger, journal = Ledger(accounts), EventJournal()
    # Accounts are to the ledger what symbols are: it keeps each apart from the others.
    account = fills.account
    events = event_records(OrderEventKind.FILLED, fills.due, account, account, fills.quantity)
    figures = (fills.price, fills.commission, fills.slippage, fills.units, fills.cash)
    journal.extend(events, fill_records(*figures))
    ledger.book(journal.take())
    before = np.zeros(len(account))
    before[1:] = np.where(account[1:] == account[:-1], fills.units[:-1], 0.0)
    # As the ledger has it: a fill against the position that leaves nothing, or the other side.
    closes = (before * fills.quantity < 0.0) & (before * fills.units <= 0.0)
    closed = np.bincount(account[closes], minlength=accounts)
    count = np.diff(fills.start)
    notional = np.abs(fills.quantity) * fills.price
    columns = (notional, fills.commission, fills.slippage)
    sums = (over_each(column, count, np.add)[0] for column in columns)
    return Ledgers(Traded(count, *sums), tallied(np.array(ledger.round_trips), closed))


@frozen(eq=False)
class Accounts:
    """The figures of K accounts that stand on the same track.

    Attributes:
        curve: Of the value.
        mean_value: (K,) currency.
        exposure: (K,) part of the bars at whose close something was held.
        ledgers: Their trades.
    """

    curve: CurveFigures
    mean_value: Floats
    exposure: Floats
    ledgers: Ledgers


@quiet
def metrics_of(
    request: BacktestRequest, accounts: Accounts, track: Track
) -> Iterator[Mapping[str, float | int | None]]:
    """Yield all metrics of each account on a track, in the order of `analytics.metrics`.

    Args:
        request: Capital and the rate without risk.
        accounts: Their figures.
        track: Where they are.
    """
    capital, ledgers = request.initial_capital, accounts.ledgers
    measured = formulas(
        accounts.curve,
        track.time,
        capital=capital,
        periods=track.periods,
        risk_free_rate=request.risk_free_rate,
    )
    traded = trade_metrics(accounts.mean_value, ledgers.closed, ledgers.traded)
    columns = {
        "initial_capital": capital,
        **measured,
        "periods_per_year": track.periods,
        "exposure_time": accounts.exposure,
        **traded,
        "total_financing_cost": 0.0,
        **track.findings,
        **dict.fromkeys(RELATIVE),
    }
    names = tuple(columns)
    for numbers in zip(*(_each(column) for column in columns.values()), strict=False):
        yield dict(zip(names, numbers, strict=True))


def _each(column: object) -> Iterable[float | int | None]:
    """Return a metric of every account: as it is if it is that of all."""
    if not isinstance(column, np.ndarray):
        return repeat(column)  # type: ignore[arg-type]  # a number, or none
    whole: list[int] = column.tolist()
    return whole if column.dtype.kind == "i" else plain_each(column)
