"""Backtest requests, frozen and checked."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from attrs import Factory, field, frozen

from glowback_trio.errors import Problem, ResourceError
from glowback_trio.model.bars import Adjustment
from glowback_trio.model.bounds import (
    Checked,
    Ge,
    Gt,
    Le,
    MaxLen,
    MinLen,
    Pattern,
    Trimmed,
    collected,
    describe_changes,
)
from glowback_trio.model.instant import Edge, end_instant, start_instant
from glowback_trio.model.labelling.labels import Labels, Name, Note, Tags, as_tags, no_tag_twice
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.strategies.parameters import BuyAndHold, Strategy, TargetWeights

__all__ = [
    "SMALLEST_PACE",
    "SYMBOL",
    "SYMBOL_RULE",
    "BacktestRequest",
    "Execution",
    "OnRestart",
    "Pace",
    "Resolution",
    "Stream",
]

#: Bars per second. What is slower would keep a run for years.
SMALLEST_PACE = 0.001

# As markets write them: `M&M.NS`, `BTC/USDT`, `NSE:RELIANCE`. `data.files.symbol_names` maps them
# to names of files. No comma, which separates symbols in lists; no `%`, which escapes in names.
SYMBOL = r"(?!.*(\.\.|//))[A-Za-z0-9^$#@_][A-Za-z0-9.^=_&/:+!@#$-]{0,31}"


def _write_instead(text: str) -> str:
    """Return half a sentence with the symbol nearest to an invalid one; empty if there is none."""
    near = re.sub(r"[^A-Za-z0-9.^=_&/:+!@#$-]+", ".", text.strip().lstrip("./\\"))
    # A path is not the misspelling of a symbol.
    is_near = ".." not in text and re.fullmatch(SYMBOL, near) and near.strip(".") == near
    return f"; write {near!r} instead" if is_near else ""


SYMBOL_RULE = Pattern(
    SYMBOL,
    "a symbol: 1 to 32 letters, digits or . ^ = _ - & / : + ! @ # $, starting with a letter, "
    "digit or ^ $ # @ _, without '..' or '//'",
    _write_instead,
)
Symbol = Annotated[str, Trimmed(), SYMBOL_RULE]
Resolution = Literal["second", "minute", "hour", "day"]
OnRestart = Literal["fail", "rerun"]
DataSource = Literal["default", "sample", "csv", "parquet"]
BasisPoints = Annotated[float, Ge(0), Le(1000)]

_LATENCY_MAX_MS = 30 * 24 * 3600 * 1000


@frozen(kw_only=True, repr=False)
class Execution(Checked):
    """How orders are filled, and at what cost. None means 0 wherever a number may be None.

    Attributes:
        slippage_bps: Basis points by which the price of a market or stop order gets worse.
        commission_bps: Basis points of the notional after slippage.
        latency_ms: Milliseconds between a signal's bar and the earliest bar that may fill it.
        commission_per_share: Currency per share, in addition.
        commission_minimum: Least commission of a fill, currency.
        whole_shares: Round quantities towards zero.
        allow_short: Whether a position may be negative.
        max_leverage: Gross exposure over equity that a fill may reach.
        max_volume_participation: Share of a bar's volume that fills may take; None: no limit.
        maker_commission_bps: Replaces `commission_bps` for a limit order that fills at its limit
            after the open; None: no difference.
        slippage_volume_impact: Additional slippage, as a fraction of the price, times the square of
            the order's part of the bar's volume: half of the volume costs a quarter of it.
        size_at: When a target becomes a quantity: at the close it was made on (`signal`), or at the
            price it fills at, from the equity at that price (`fill`).
        borrow_rate: Cost of short positions, a fraction of their market value per year.
        margin_interest_rate: Cost of negative cash, a fraction per year.
        on_data_end: What becomes of a position whose symbol's data end before the run does: it
            stays, valued at the last close (`hold`), or is closed at that close, less costs, at the
            next time of the run (`close`).
    """

    slippage_bps: BasisPoints | None = None
    commission_bps: BasisPoints | None = None
    latency_ms: Annotated[int, Ge(0), Le(_LATENCY_MAX_MS)] | None = None
    commission_per_share: Annotated[float, Ge(0), Le(1e6)] = 0.0
    commission_minimum: Annotated[float, Ge(0), Le(1e6)] = 0.0
    whole_shares: bool = False
    allow_short: bool = True
    max_leverage: Annotated[float, Gt(0), Le(100)] = 1.0
    max_volume_participation: Annotated[float, Gt(0), Le(1)] | None = None
    maker_commission_bps: BasisPoints | None = None
    slippage_volume_impact: Annotated[float, Ge(0), Le(0.5)] = 0.0
    size_at: Literal["signal", "fill"] = "signal"
    borrow_rate: Annotated[float, Ge(0), Le(10)] = 0.0
    margin_interest_rate: Annotated[float, Ge(0), Le(10)] = 0.0
    on_data_end: Literal["hold", "close"] = "hold"

    __repr__ = describe_changes


#: Bars per second.
PaceBarsPerS = Annotated[float, Ge(SMALLEST_PACE), Le(1e6)]


@frozen(kw_only=True)
class Pace(Checked):
    """The pace of a run.

    Attributes:
        bars_per_s: Bars per second, each with its events, 0.001 at least; None: as fast as
            possible.
    """

    bars_per_s: PaceBarsPerS | None


@frozen(kw_only=True, repr=False)
class Stream(Checked):
    """Which events a run emits, and how fast.

    Attributes:
        metrics_every: A metric event at every k-th bar and the last; None: at most about 250 in
            all; 0: none.
        trades: Whether fills are emitted.
        orders: Whether each step in the life of an order is emitted.
        progress_steps: Number of progress events, in equal steps.
        pace_bars_per_s: Bars per second, each with its events, 0.001 at least; None: as fast as
            possible.
    """

    metrics_every: Annotated[int, Ge(0), Le(2_000_000)] | None = None
    trades: bool = True
    orders: bool = False
    progress_steps: Annotated[int, Ge(1), Le(1000)] = 100
    pace_bars_per_s: PaceBarsPerS | None = None

    __repr__ = describe_changes


def _ends_after_start(start_date: datetime, end_date: datetime) -> Iterator[Problem]:
    if end_date <= start_date:
        message = f"Input should be after start_date, which is {_written(start_date)}"
        yield Problem("value_error", ("end_date",), message, _written(end_date))


def _written(moment: datetime) -> str:
    """Write a point in time as people do: as a date if it is the start or the end of a day."""
    whole = moment.time() in (time.min, time.max)
    return moment.date().isoformat() if whole else moment.isoformat()


def _no_symbol_twice(symbols: tuple[str, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, symbol in enumerate(symbols):
        if symbol in seen:
            yield Problem("duplicate", ("symbols", index), f"{symbol!r} is listed twice", symbol)
        seen.add(symbol)


def _zone_exists(timezone: str | None) -> Iterator[Problem]:
    if timezone is None:
        return
    # The name becomes a path, so a client may cause any error that opening a path can raise.
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        ResourceError.check(error)
        message = "Input should be a time zone's name, such as UTC or America/New_York"
        yield Problem("value_error", ("timezone",), message, timezone)


def _path_has_its_source(data_source: str, csv_data_path: str | None) -> Iterator[Problem]:
    if csv_data_path is not None and data_source not in ("csv", "parquet"):
        message = f"csv_data_path goes with 'csv' or 'parquet'; data_source is {data_source!r}"
        yield Problem("value_error", ("csv_data_path",), message, csv_data_path)


def _one_decides(
    strategy: Strategy, portfolio_construction: PortfolioConstruction | None
) -> Iterator[Problem]:
    """Refuse a strategy together with weights, rather than ignore one of the two."""
    by_weights = isinstance(strategy, TargetWeights)
    if portfolio_construction is None and by_weights:
        message = "target_weights needs portfolio_construction, which says what the weights are"
        yield Problem("missing", ("portfolio_construction",), message)
    elif portfolio_construction is not None and not by_weights:
        message = (
            "strategy cannot be combined with portfolio_construction: leave it out, or name "
            f"target_weights instead of {strategy.name}"
        )
        yield Problem("value_error", ("strategy",), message, strategy.name)


def _weights_have_symbols(
    symbols: tuple[str, ...], portfolio_construction: PortfolioConstruction | None
) -> Iterator[Problem]:
    construction = portfolio_construction
    weights = {} if construction is None else construction.target_weights
    for symbol in sorted(weights.keys() - set(symbols)):
        path = ("portfolio_construction", "target_weights", symbol)
        yield Problem("value_error", path, f"{symbol!r} is not one of symbols", weights[symbol])


def _implied(request: BacktestRequest) -> Strategy:
    """Return the strategy of a request that names none."""
    return BuyAndHold() if request.portfolio_construction is None else TargetWeights()


def _start(given: datetime | date | str) -> datetime:
    moment: datetime = collected(start_instant, given)
    return moment


def _end(given: datetime | date | str) -> datetime:
    moment: datetime = collected(end_instant, given)
    return moment


def _trimmed(symbols: Iterable[str]) -> tuple[str, ...]:
    # A ticker is an iterable of letters; a request for one symbol may give it as it is.
    given: Any = (symbols,) if isinstance(symbols, str) else symbols
    # What has another type is passed on, for the checks to report with everything else.
    if isinstance(given, Iterable):
        given = tuple(each.strip() if isinstance(each, str) else each for each in given)
    trimmed: tuple[str, ...] = given
    return trimmed


@frozen(kw_only=True, repr=False)
class BacktestRequest(Checked):
    """One backtest, fully described.

    Attributes:
        symbols: 1 to 1000 distinct symbols. Their order changes nothing.
        start_date: First session date, or earliest bar time, inclusive. Text, date or datetime;
            without an offset, UTC. The beginning of a day in UTC means the session date.
        end_date: Last session date, or latest bar time, inclusive. A bare date, and any time in
            the last second of a day in UTC, mean the session date.
        resolution: Length of a bar.
        portfolio_construction: Weights to hold, instead of a strategy's signals.
        strategy: A strategy with its parameters; left out, `buy_and_hold`, or `target_weights` if
            there is a `portfolio_construction`.
        execution: Fills and costs.
        initial_capital: Cash at the first bar, currency.
        currency: Recorded, not used.
        warmup_bars: Bars of each symbol before `start_date` that are read too, 0 to 1,000,000:
            indicators and histories begin with them, and nothing is traded or valued on them. Where
            fewer exist, the run takes these and says so in its log.
        timezone: Zone of the markets, such as `America/New_York`: times written without an offset
            are read in it, and it decides the session dates of intraday bars. None: the zone of
            `calendar`, else UTC. Offsets in the files go first.
        benchmark_symbol: Symbol to compare with, bought at its first close and held.
        data_source: Source of the bars: the gateway's `default`, `sample`, `csv` or `parquet`.
        csv_data_path: A directory inside the gateway's data directory.
        adjustment: What prices are adjusted for, by their factors file: nothing (`none`), splits
            (`splits`), or splits and dividends (`total`).
        calendar: The exchange whose trading days should have bars, such as `XNYS`; None: a day on
            which any symbol of the request has a bar counts as a trading day.
        data_quality_mode: Report critical quality findings (`warn`) or end the run on them
            (`fail`).
        risk_free_rate: Fraction per year, for the Sharpe and Sortino ratios.
        periods_per_year: Bars per year for annualising; None: derived from the bars.
        stream: Which events the run emits, and how fast.
        on_restart: What becomes of the run if the gateway is killed in the middle of it and its
            store keeps runs: it has failed (`fail`), or is computed again and goes on where its
            log ended (`rerun`). A queued run starts in any case. A gateway that closes cancels
            both.
        priority: Of the runs that wait for a slot, those with a higher priority begin first. A
            server bounds it.
        name: A name for the run. Like `tags` and `note` it changes nothing in the log or the
            result, and may be changed later.
        tags: Words to find the run by.
        note: A note on the run.

    Raises:
        InvalidRequestError: With the problems of all fields, or, where there are none, of the rules
            between fields. A date that cannot be read is reported first, by itself.
    """

    __checks__ = (
        _ends_after_start,
        _no_symbol_twice,
        _zone_exists,
        _path_has_its_source,
        _one_decides,
        _weights_have_symbols,
        no_tag_twice,
    )

    symbols: Annotated[tuple[Symbol, ...], MinLen(1), MaxLen(1000)] = field(converter=_trimmed)
    start_date: Annotated[datetime, Edge("start")] = field(converter=_start)
    end_date: Annotated[datetime, Edge("end")] = field(converter=_end)
    resolution: Resolution = "day"
    portfolio_construction: PortfolioConstruction | None = None
    strategy: Strategy = field(
        default=Factory(_implied, takes_self=True)
    )  # reads portfolio_construction, above
    execution: Execution = Execution()
    initial_capital: Annotated[float, Gt(0), Le(1e12)] = 1_000_000.0
    currency: Annotated[str, Pattern("[A-Z]{3,5}", "3 to 5 capital letters")] = "USD"
    warmup_bars: Annotated[int, Ge(0), Le(1_000_000)] = 0
    timezone: Annotated[str, MaxLen(64)] | None = None
    benchmark_symbol: Symbol | None = None
    data_source: DataSource = "default"
    csv_data_path: Annotated[str, MinLen(1), MaxLen(1024)] | None = None
    adjustment: Adjustment = "none"
    calendar: Annotated[str, MinLen(1), MaxLen(32)] | None = None
    data_quality_mode: Literal["warn", "fail"] = "warn"
    risk_free_rate: Annotated[float, Ge(-1), Le(10)] = 0.0
    periods_per_year: Annotated[float, Gt(0), Le(1e8)] | None = None
    stream: Stream = Stream()
    on_restart: OnRestart = "fail"
    priority: Annotated[int, Ge(-100), Le(100)] = 0
    name: Name = ""
    tags: Tags = field(default=(), converter=as_tags)
    note: Note = ""

    __repr__ = describe_changes

    @property
    def labels(self) -> Labels:
        """The labels that the run has at first."""
        return Labels(name=self.name, tags=self.tags, note=self.note)

    @property
    def priced(self) -> tuple[str, ...]:
        """Symbols whose bars are needed: those that are traded, and the benchmark."""
        if self.benchmark_symbol is None or self.benchmark_symbol in self.symbols:
            return self.symbols
        return (*self.symbols, self.benchmark_symbol)

    def warmup_of(self, symbol: str) -> int:
        """Return how many bars of a symbol are read before the range; none of a mere benchmark."""
        return self.warmup_bars and (self.warmup_bars if symbol in self.symbols else 0)

    def place(self, index: int) -> tuple[str | int, ...]:
        """Return the path, within the request, of one of `priced`."""
        return ("symbols", index) if index < len(self.symbols) else ("benchmark_symbol",)
