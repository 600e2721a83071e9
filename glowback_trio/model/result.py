"""The result of a run: curves and fills as arrays, metrics, and the manifest.

Ratios in arrays are fractions and money is currency; `wire.rows` converts to percent. The metrics
are in the units of the wire already (see `engine.analytics.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from attrs import Factory, field, fields, frozen
from numpy.typing import NDArray

from glowback_trio.lazy import late_part
from glowback_trio.model.bars import Floats, Indices, Times, time_range
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.portfolio import Portfolio
from glowback_trio.model.short_repr import counted, describe

__all__ = ["Benchmark", "Curve", "Fills", "Happened", "OrderLog", "Result"]


#: Small integers in whatever width holds them: a run may have millions of fills.
Codes = NDArray[np.integer[Any]]

# By the number of an `OrderEventKind`: a tuple is much faster than the attribute of a member.
_EVENTS = tuple(kind.event for kind in OrderEventKind)
_REASONS = tuple(kind.reason for kind in OrderEventKind)
# Of a result: the parts that are made late, and what stands in their place while it is made.
_LATE = ("trades", "orders")
_NOT_YET: Any = None


@frozen(eq=False, repr=False)
class Curve:
    """The account, bar by bar: all columns (T,), the first row at the first bar.

    Attributes:
        capital: Cash at the start, currency.
        time: Bar times, datetime64[ns] UTC.
        value: Cash plus the market value of all positions, currency.
        cash: Currency; negative when borrowed.
        gross: Sum of the positions' absolute market values, currency.
        drawdown: Fall from the running peak, which starts at `capital`, as a fraction >= 0.
        date: Session dates, datetime64[D], ascending; if not given, the dates of `time`.
    """

    capital: float
    time: Times
    value: Floats
    cash: Floats
    gross: Floats
    drawdown: Floats
    date: Times = field(
        default=Factory(lambda curve: curve.time.astype("M8[D]"), takes_self=True), kw_only=True
    )

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        end = {"end": float(self.value[-1])} if len(self) else {}
        return describe(self, counted(len(self), "bar"), *time_range(self.time), **end)

    @property
    def positions(self) -> Floats:
        """Sum of the positions' signed market values, (T,) currency."""
        return self.value - self.cash

    def returns_at(self, bars: slice | Indices) -> Floats:
        """Return the returns of some bars, (n,) fractions.

        They are 0.0 on the first bar and after a value that is not positive.
        """
        index = np.arange(len(self))[bars]
        # Index -1 of the first bar reads the last value, which `where` does not use.
        previous = np.where(index > 0, self.value[index - 1], self.capital)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(previous > 0, self.value[index] / previous - 1.0, 0.0)


@frozen(eq=False, repr=False)
class Fills:
    """Every fill in the order it happened: all columns (F,).

    Attributes:
        symbols: All symbols of the run.
        strategy_id: The strategy's name.
        time: Time of the bar that filled the order, datetime64[ns] UTC.
        symbol: Index into `symbols`.
        quantity: Units, signed: positive bought, negative sold.
        price: Price after slippage, currency.
        commission: Currency, >= 0.
        slippage_cost: Cost against the price before slippage, currency, >= 0.
        pnl: Profit realised by this fill at average cost, net of its own commission and of the
            pro-rata commission of its entry, currency; NaN where the fill only opens.
        order: Number of the order it fills, from 1.
        held: Units of the symbol held after the fill, signed.
    """

    symbols: Sequence[str]
    strategy_id: str
    time: Times
    symbol: Codes
    quantity: Floats
    price: Floats
    commission: Floats
    slippage_cost: Floats
    pnl: Floats
    order: Codes
    held: Floats

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return describe(self, counted(len(self), "fill"), *time_range(self.time))

    @property
    def symbol_names(self) -> Sequence[str]:
        """The symbol of each fill by its name, (F,)."""
        return [self.symbols[index] for index in self.symbol.tolist()]


@frozen(eq=False, repr=False)
class OrderLog:
    """Every step in the life of every order, in the order they happened: all columns (E,).

    Attributes:
        what: What happened, as the number of an `OrderEventKind`.
        time: Time of the bar it happened on, datetime64[ns] UTC.
        order: Number of the order, from 1.
        symbol: Index into the fills' `symbols`.
        quantity: Units, signed: ordered (submitted, amended), filled, or unfilled (cancelled,
            rejected).
        price: Fill price, currency; NaN unless filled.
        specs: Specs by order number; market orders good till cancelled have none.
    """

    what: Codes
    time: Times
    order: Codes
    symbol: Codes
    quantity: Floats
    price: Floats
    specs: Mapping[int, OrderSpec] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.what)

    def __repr__(self) -> str:
        return describe(self, counted(len(self), "step"), *time_range(self.time))

    @property
    def event(self) -> Sequence[str]:
        """Step: `submitted`, `amended`, `filled`, `cancelled` or `rejected`, (E,)."""
        return [_EVENTS[what] for what in self.what.tolist()]

    @property
    def reason(self) -> Sequence[str]:
        """Reason of a cancellation, rejection or amendment; empty otherwise, (E,)."""
        return [_REASONS[what] for what in self.what.tolist()]


@frozen(eq=False, repr=False)
class Benchmark:
    """A benchmark that is bought and held along a run: all columns (T,), a row per bar of the run.

    Attributes:
        symbol: The symbol.
        capital: Capital that is put into it, currency.
        start: Row at which it is bought.
        time: Bar times of the run, datetime64[ns] UTC.
        price: Last close of the benchmark, currency; NaN before `start`.
        value: Value of the capital, currency.
    """

    symbol: str
    capital: float
    start: int
    time: Times
    price: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        end = {"end": float(self.value[-1])} if len(self) else {}
        return describe(self, self.symbol, counted(len(self), "bar"), *time_range(self.time), **end)

    @property
    def returns(self) -> Floats:
        """Returns from bar to bar after `start`, (T - 1 - start,) fractions."""
        returns: Floats = self.value[self.start + 1 :] / self.value[self.start : -1] - 1.0
        return returns

    def returns_at(self, bars: slice | Indices) -> Floats:
        """Return the returns of some bars, (n,) fractions; 0.0 up to `start`."""
        index = np.arange(len(self))[bars]
        returns: Floats = self.value[index] / self.value[np.maximum(index - 1, 0)] - 1.0
        return returns


class Happened(Protocol):
    """The records that a result's fills and orders are made from."""

    @property
    def trades(self) -> Fills:
        """Every fill."""

    @property
    def orders(self) -> OrderLog:
        """The life of every order."""

    @property
    def nbytes(self) -> int:
        """The bytes that the columns of both take, once they are made."""


@frozen(eq=False, repr=False)
class Result:
    """The result of a completed backtest: data only, so that it can be stored, sent and pickled.

    Whatever can be worked out from it is a function of it elsewhere: `result_rows` for its tables,
    `result_json` for the document that a server sends, `tear_sheet`.

    Attributes:
        metrics: By name, in wire units (see `engine.analytics.metrics`); None where undefined.
        curve: The account, bar by bar.
        trades: Every fill.
        orders: The life of every order.
        logs: Sentences about the run, for people.
        final_cash: Currency.
        final_positions: Signed quantity by symbol; flat symbols are absent.
        final_prices: Last close of every traded symbol, flat ones included, currency.
        manifest: Request, data and package version, with a `replay_request` that reproduces it.
        portfolio: How a portfolio was held at its weights; None without portfolio construction.
        carry: Cash flows that belong to no fill, currency, negative where they were paid: `borrow`
            for short positions, `interest` on negative cash.
        benchmark: The benchmark that the run was measured against; None without one.
        risk_free_rate: Fraction per year, as the request gave it.
        happened: What `trades` and `orders` are made from when they are asked for, and all of them
            that a pickle holds; None where they were given.
    """

    metrics: Mapping[str, float | int | None]
    curve: Curve
    trades: Fills
    orders: OrderLog
    logs: Sequence[str]
    final_cash: float
    final_positions: Mapping[str, float]
    final_prices: Mapping[str, float]
    manifest: Mapping[str, Any]
    portfolio: Portfolio | None = None
    carry: Mapping[str, float] = field(factory=dict)
    benchmark: Benchmark | None = None
    risk_free_rate: float = 0.0
    happened: Happened | None = field(default=None, init=False)

    @classmethod
    def of(cls, happened: Happened, **others: Any) -> Result:
        """Return a result whose fills and orders are made when somebody asks for them.

        Args:
            happened: What they are made from.
            others: All other attributes.
        """
        result = cls(trades=_NOT_YET, orders=_NOT_YET, **others)
        object.__setattr__(result, "happened", happened)
        for name in _LATE:
            object.__delattr__(result, name)
        return result

    def __reduce__(self) -> tuple[Callable[..., Result], tuple[Any, ...]]:
        """Pickle what cannot be made from the rest."""
        late = () if self.happened is None else _LATE
        names = (each.name for each in fields(Result) if each.init and each.name not in late)
        others = {name: getattr(self, name) for name in names}
        if self.happened is None:
            return partial(Result, **others), ()
        return partial(Result.of, **others), (self.happened,)

    def __repr__(self) -> str:
        return describe(
            self,
            counted(len(self.curve), "bar"),
            *time_range(self.curve.time),
            counted(len(self.trades), "fill"),
            final_cash=self.final_cash,
            positions=len(self.final_positions),
        )

    def equity_frame(self) -> Any:
        """Return the account, bar by bar, as a `pandas.DataFrame`; of the extra `notebook`."""
        return late_part("notebook.frames").equity_frame(self)

    def trades_frame(self) -> Any:
        """Return the fills as a `pandas.DataFrame`; of the extra `notebook`."""
        return late_part("notebook.frames").trades_frame(self)

    def metrics_frame(self) -> Any:
        """Return the metrics as a `pandas.DataFrame` of one column; of the extra `notebook`."""
        return late_part("notebook.frames").metrics_frame(self)

    def plot(self) -> Any:
        """Draw value and drawdown as a `matplotlib.figure.Figure`; of the extra `notebook`."""
        return late_part("notebook.plots").plot(self)

    def _repr_html_(self) -> str:
        card: str = late_part("notebook.cards").result_card(self)
        return card


def _made(result: Result, name: str) -> Any:
    """Make one of the parts of a result that have not been made yet."""
    if name not in _LATE:
        raise AttributeError(f"{type(result).__name__!r} object has no attribute {name!r}")
    part = getattr(result.happened, name)
    object.__setattr__(result, name, part)
    return part


# Not a method of the class, which type checkers would take for any attribute at all.
Result.__getattr__ = _made  # type: ignore[attr-defined]  # see above
