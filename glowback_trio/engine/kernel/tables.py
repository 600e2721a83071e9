"""Structured arrays and tables that the kernel works on.

Flags are integers, so that every field has 8 bytes and every record is aligned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EVENT, FILL, PAYMENT, RecordArray
from glowback_trio.model.bars import Floats

__all__ = [
    "COSTS",
    "DECISION",
    "Book",
    "Curves",
    "Integers",
    "Limits",
    "Run",
    "Tables",
    "Wanted",
    "cost_record",
    "fixed",
    "halves",
    "new_book",
    "no_plan",
    "none_wanted",
    "plan_of",
    "wanted_targets",
]

Integers = NDArray[np.int64]

#: The conditions of a fill: the fields of a `CostModel`, and which of them have an effect.
COSTS = np.dtype(
    [
        ("slippage", "f8"),
        ("impact", "f8"),
        ("buying", "f8"),
        ("selling", "f8"),
        ("rate", "f8"),
        ("per_share", "f8"),
        ("minimum", "f8"),
        ("leverage", "f8"),
        ("participation", "f8"),
        ("borrow_rate", "f8"),
        ("margin_rate", "f8"),
        ("capped", "i8"),
        ("uses_volume", "i8"),
        ("whole", "i8"),
        ("short", "i8"),
        ("at_fill", "i8"),
        ("financed", "i8"),
        ("closes", "i8"),
    ]
)

#: The open order of a symbol: its number is 0 where there is none, its fraction NaN where the
#: quantity is known, and `earliest` the first row that may fill it.
ORDER = np.dtype(
    [
        ("number", "i8"),
        ("remaining", "f8"),
        ("ordered", "f8"),
        ("fraction", "f8"),
        ("earliest", "i8"),
        ("filled", "i8"),
    ]
)

#: What carries over from row to row: counters, the account at the last close, and where a portfolio
#: stands between two decisions.
STATE = np.dtype(
    [
        ("signal", "i8"),
        ("number", "i8"),
        ("open", "i8"),
        ("events", "i8"),
        ("fills", "i8"),
        ("paid", "i8"),
        ("decisions", "i8"),
        ("over", "i8"),
        ("cash", "f8"),
        ("equity", "f8"),
        ("gross", "f8"),
        ("peak", "f8"),
        ("scheduled", "i8"),
        ("arrival", "i8"),
        ("ready", "i8"),
        ("out", "i8"),
        ("selling", "i8"),
        ("unsold", "i8"),
    ]
)

#: A decision at a close: its reason, the turnover it wanted and the turnover it was allowed, both
#: fractions of equity, and how far equity was below its peak.
DECISION = np.dtype(
    [("row", "i8"), ("reason", "i8"), ("wanted", "f8"), ("allowed", "f8"), ("drawdown", "f8")]
)

#: The limits of a portfolio; NaN where there is none.
LIMITS = np.dtype([("turnover", "f8"), ("drift", "f8"), ("fall", "f8")])


#: A sum of many numbers on its way: how many are in the right half, whether the sum of the left
#: half is known, and that sum.
HALF = np.dtype([("rest", "i8"), ("known", "i8"), ("left", "f8")])
_DEEPEST = 40  # halves of as many numbers as there is memory for


class Tables(NamedTuple):
    """The bars of some rows, as tables of all symbols.

    Attributes:
        first: The row that the tables begin with.
        marks: (rows, N) last closes, currency.
        opens: (rows, N) opens, NaN where a symbol has no bar.
        volumes: (rows, N) units, or (0, 0) if no cost depends on them.
        time: (T,) of every row of the run, nanoseconds.
        earliest: (T,) the first row that may fill what is ordered at a row, whoever has a bar
            there; (0,) if it is the next one always.
        closing: (N,) the row on which a position is closed, as its data have ended; -1 where none.
    """

    first: int
    marks: Floats
    opens: Floats
    volumes: Floats
    time: Integers
    earliest: Integers
    closing: Integers

    @classmethod
    def closed(cls, first: int, *columns: NDArray[Any]) -> Tables:
        """Return tables that are never written to; compiled code tells them from others."""
        return cls(first, *(fixed(column) for column in columns))


class Wanted(NamedTuple):
    """Targets that are known beforehand, by row, then by symbol; all columns (S,).

    Attributes:
        row: The row of the close that each is made at.
        symbol: Index of the symbol.
        target: Signed fraction of the symbol's share of equity.
        due: The row of the first bar that may fill its order; the number of rows if there is none.
    """

    row: Integers
    symbol: Integers
    target: Floats
    due: Integers


class Limits(NamedTuple):
    """The plan of a portfolio of M of the N symbols; M is 0 if the run has none.

    Attributes:
        limits: (1,) of `LIMITS`.
        symbol: (M,) indices of the symbols.
        target: (M,) their weights, fractions of equity.
        first: (M,) the row of each symbol's first bar.
        end: (M,) the row from which on its weight is cash again.
        arrivals: The rows on which symbols arrive, ascending.
        scheduled: (T,) the next row of a scheduled return after each row; `NEVER` if none.
        chosen: (M,) scratch: places of the symbols that are there.
        held: (M,) scratch, likewise `gap` and `size`.
    """

    limits: RecordArray
    symbol: Integers
    target: Floats
    first: Integers
    end: Integers
    arrivals: Integers
    scheduled: Integers
    chosen: Integers
    held: Floats
    gap: Floats
    size: Floats


class Book(NamedTuple):
    """The account and the orders, and what is written down of them.

    Attributes:
        costs: (1,) of `COSTS`.
        state: (1,) of `STATE`.
        orders: (N,) of `ORDER`.
        units: (N,) held, signed.
        worth: (N,) scratch.
        due: (N,) scratch: symbols whose orders meet a bar.
        halves: Scratch of a sum.
        events: Of `EVENT`, written up to the state's counter, like the next three.
        fills: Of `FILL`.
        paid: Of `PAYMENT`.
        decisions: Of `DECISION`.
    """

    costs: RecordArray
    state: RecordArray
    orders: RecordArray
    units: Floats
    worth: Floats
    due: Integers
    halves: RecordArray
    events: RecordArray
    fills: RecordArray
    paid: RecordArray
    decisions: RecordArray

    def with_room(self, events: int, fills: int, *, payments: int = 0, decisions: int = 0) -> Book:
        """Return the book with empty pages for so much of what will be written."""
        state = self.state
        for counter in ("events", "fills", "paid", "decisions"):
            state[counter] = 0
        return self._replace(
            events=np.empty(events, EVENT),
            fills=np.empty(fills, FILL),
            paid=np.empty(payments, PAYMENT),
            decisions=np.empty(decisions, DECISION),
        )


class Curves(NamedTuple):
    """The account at every close: (T,) columns, and the (T, M) market values of a portfolio."""

    value: Floats
    cash: Floats
    gross: Floats
    worth: Floats


class Run(NamedTuple):
    """The arrays that one call of the kernel works on."""

    book: Book
    tables: Tables
    wanted: Wanted
    plan: Limits
    curve: Curves


def fixed(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that is not written to, of one kind for the compiler wherever it is from."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def halves() -> RecordArray:
    """Return scratch for a sum."""
    return np.zeros(_DEEPEST, HALF)


def wanted_targets(row: Any, symbol: Any, target: Any, due: Any) -> Wanted:
    """Return targets, by row, then by symbol."""
    return Wanted(*(fixed(column) for column in (row, symbol, target, due)))


def none_wanted() -> Wanted:
    """Return no targets."""
    none = np.zeros(0, np.int64)
    return wanted_targets(none, none, np.zeros(0), none)


def no_plan() -> Limits:
    """Return the plan of a run without a portfolio."""
    none = np.zeros(0, np.int64)
    return plan_of(np.zeros(1, LIMITS), none, np.zeros(0), none, none, none, none)


def plan_of(
    limits: RecordArray,
    symbol: Integers,
    target: Floats,
    first: Integers,
    end: Integers,
    arrivals: Integers,
    scheduled: Integers,
) -> Limits:
    """Return a plan; see `Limits` for the columns."""
    count = len(symbol)
    held, gap, size = (np.zeros(count) for _ in range(3))
    return Limits(
        limits=fixed(limits),
        symbol=fixed(symbol),
        target=fixed(target),
        first=fixed(first),
        end=fixed(end),
        arrivals=fixed(arrivals),
        scheduled=fixed(scheduled),
        chosen=np.zeros(count, np.int64),
        held=held,
        gap=gap,
        size=size,
    )


def cost_record(costs: CostModel) -> RecordArray:
    """Return the conditions of a fill as the kernel reads them, (1,)."""
    capped = costs.participation is not None
    values: dict[str, Any] = {
        "participation": costs.participation if capped else np.inf,
        "capped": capped,
        "uses_volume": capped or bool(costs.impact),
        "whole": costs.whole_shares,
        "short": costs.allow_short,
        "at_fill": costs.sized_at_fill,
        "financed": costs.has_financing,
        "closes": costs.closes_ended,
    }
    record = np.zeros(1, COSTS)
    for name in COSTS.names or ():
        record[name] = values[name] if name in values else getattr(costs, name)
    return record


def new_book(costs: CostModel, capital: float, symbols: int) -> Book:
    """Return the book of an account with nothing but cash."""
    state = np.zeros(1, STATE)
    for name in ("cash", "equity", "peak"):
        state[name] = capital
    return Book(
        costs=cost_record(costs),
        state=state,
        orders=np.zeros(symbols, ORDER),
        units=np.zeros(symbols),
        worth=np.zeros(symbols),
        due=np.zeros(symbols, np.int64),
        halves=halves(),
        events=np.empty(0, EVENT),
        fills=np.empty(0, FILL),
        paid=np.empty(0, PAYMENT),
        decisions=np.empty(0, DECISION),
    )
