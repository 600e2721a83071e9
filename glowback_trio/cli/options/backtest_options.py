"""The options that describe a backtest, for `run` and `submit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.cli.options.lists import LISTED, SPACED, read_pairs
from glowback_trio.cli.options.request_file import read_request
from glowback_trio.cli.options.spelling import spelt
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Adjustment
from glowback_trio.model.portfolio_construction import Rebalancing
from glowback_trio.model.request import OnRestart, Resolution
from glowback_trio.model.strategies.parameters import STRATEGIES

__all__ = ["NO_OPTIONS", "BacktestOptions"]

_STRATEGY = Parameter(
    help=f"Strategy: {', '.join(STRATEGIES)}, or a custom one. [default: buy_and_hold]"
)

Pairs = Annotated[list[str] | None, SPACED]

#: Fields of a request that an option stands for as it is.
_PLAIN = {
    "symbols": "symbols",
    "start": "start_date",
    "end": "end_date",
    "resolution": "resolution",
    "capital": "initial_capital",
    "benchmark": "benchmark_symbol",
    "adjustment": "adjustment",
    "calendar": "calendar",
    "timezone": "timezone",
    "warmup_bars": "warmup_bars",
    "on_restart": "on_restart",
    "priority": "priority",
    "name": "name",
    "tag": "tags",
    "note": "note",
}
_REQUIRED = {"symbols": "--symbols", "start_date": "--start", "end_date": "--end"}


# Makes each attribute an option of the command.
@Parameter(name="*")
@frozen(kw_only=True)
class BacktestOptions:
    """A backtest, as options. None means that an option was not given.

    Attributes:
        symbols: Symbols to trade, as a comma list; may be repeated.
        start: First date or time, RFC 3339; UTC if it has no offset.
        end: Last date or time, included.
        strategy: Its name; the help lists the built-in ones.
        param: Parameters of the strategy, as NAME=VALUE.
        resolution: The length of a bar. [default: day]
        capital: Capital at the first bar, in the prices' currency. [default: 1000000]
        slippage_bps: Slippage of market orders, in basis points of the price. [default: 0]
        commission_bps: Commission, in basis points of the notional. [default: 0]
        execution: Other execution settings, as NAME=VALUE: whole_shares=true max_leverage=2.
        weight: Target weights instead of a strategy, as SYMBOL=FRACTION of equity.
        rebalance: How often to rebalance to the weights. [default: weekly]
        benchmark: A symbol to compare the run with.
        adjustment: Adjust prices by their factors files, for splits or for dividends too (total).
            [default: none]
        calendar: Exchange whose trading days should have bars, e.g. XNYS; needs extra 'calendars'.
        timezone: Zone of the markets, e.g. America/New_York, for times without an offset and for
            session dates. [default: that of the calendar, else UTC]
        warmup_bars: Bars before the start that indicators begin with; nothing is traded on them.
            [default: 0]
        pace: Bars per second, to watch the run; without it, as fast as possible.
        on_restart: What a server that was killed does with the run when it starts again: it has
            failed, or is computed again and goes on. [default: fail]
        priority: Of the runs that wait, those with a higher priority begin first. [default: 0]
        name: A name for the run; it changes nothing in the result.
        tag: Words to find the run by, as a comma list; may be repeated.
        note: A note on the run.
    """

    symbols: Annotated[list[str] | None, LISTED, SPACED] = None
    start: str | None = None
    end: str | None = None
    strategy: Annotated[str | None, _STRATEGY] = None
    param: Pairs = None
    resolution: Resolution | None = None
    capital: float | None = None
    slippage_bps: float | None = None
    commission_bps: float | None = None
    execution: Pairs = None
    weight: Pairs = None
    rebalance: Rebalancing | None = None
    benchmark: str | None = None
    adjustment: Adjustment | None = None
    calendar: str | None = None
    timezone: str | None = None
    warmup_bars: int | None = None
    pace: float | None = None
    on_restart: OnRestart | None = None
    priority: int | None = None
    name: str | None = None
    tag: Annotated[list[str] | None, LISTED] = None
    note: str | None = None

    def document(self, file: str | None) -> dict[str, Any]:
        """Return the request as the JSON object that `POST /backtests` takes, not yet checked.

        Args:
            file: A file that holds a request; the options override it field by field. None: only
                the options.

        Raises:
            InvalidRequestError: The file cannot be read, a pair is not one, an option needs
                another one, or required options are missing: all of them are named.
        """
        document = self.applied_to({} if file is None else read_request(file))
        missing = [flag for name, flag in _REQUIRED.items() if name not in document]
        if missing and file is None:
            raise _missing(missing)
        return document

    def applied_to(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a request's document with the fields that are given as options.

        Raises:
            InvalidRequestError: A pair is not one, or an option needs another one.
        """
        for option, name in _PLAIN.items():
            if (value := getattr(self, option)) is not None:
                document[name] = value
        _update(document, "execution", self._execution())
        _update(document, "stream", {} if self.pace is None else {"pace_bars_per_s": self.pace})
        self._set_strategy(document)
        self._set_weights(document)
        return document

    @contextmanager
    def named_by_option(self) -> Iterator[None]:
        """Rename the problems that the block raises: those of given options get their names."""
        try:
            yield
        except InvalidRequestError as error:
            raise InvalidRequestError(spelt(error.problems, self.given)) from None

    @property
    def given(self) -> frozenset[str]:
        """The options that were given, by their names on the command line."""
        names = {row: "--" + row.replace("_", "-") for row in self.__annotations__}
        return frozenset(flag for row, flag in names.items() if getattr(self, row) is not None)

    def _execution(self) -> dict[str, Any]:
        costs = {"slippage_bps": self.slippage_bps, "commission_bps": self.commission_bps}
        given = {name: value for name, value in costs.items() if value is not None}
        return given | read_pairs("--execution", self.execution or ())

    def _set_strategy(self, document: dict[str, Any]) -> None:
        params = read_pairs("--param", self.param or ())
        if self.strategy is not None:
            # The parameters in a file belong to the strategy in it.
            document["strategy"] = {"name": self.strategy, "params": params}
        elif params:
            strategy = document.setdefault("strategy", {"name": "buy_and_hold"})
            _update(strategy, "params", params)

    def _set_weights(self, document: dict[str, Any]) -> None:
        if self.weight is None and self.rebalance is None:
            return
        portfolio = document.setdefault("portfolio_construction", {})
        if self.weight is not None:
            # `ES=F` is a symbol.
            weights = read_pairs("--weight", self.weight, names_have_equals=True)
            portfolio["target_weights"] = weights
        elif not portfolio:
            message = "needs the weights to rebalance to, such as --weight AAPL=0.6,SPY=0.4"
            raise InvalidRequestError([Problem("missing", ("--rebalance",), message)])
        if self.rebalance is not None:
            portfolio["rebalance_frequency"] = self.rebalance


NO_OPTIONS = BacktestOptions()


def _update(document: Any, name: str, changes: Mapping[str, Any]) -> None:
    """Change fields of an object in a document; what is no object is left for the checks."""
    if changes and isinstance(document, dict) and isinstance(document.setdefault(name, {}), dict):
        document[name] |= changes


def _missing(flags: list[str]) -> InvalidRequestError:
    *most, last = flags
    names, verb = (f"{', '.join(most)} and {last}", "are") if most else (last, "is")
    message = f"{names} {verb} missing: give options, or a file with a request as REQUEST"
    return InvalidRequestError([Problem("missing", (), message)])
