"""The flags that describe a backtest, for `run` and `submit`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Adjustment
from glowback_trio.model.portfolio_construction import Rebalancing
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.strategies.parameters import STRATEGIES
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.json_text import parse_json
from glowback_trio.wire.requests import parse_request

__all__ = ["BacktestOptions"]

# Without this there would be a flag `--empty-symbols` too.
_LISTED = Parameter(negative_iterable=())
_STRATEGY = Parameter(
    help=f"Strategy: {', '.join(STRATEGIES)}, or a custom one. [default: buy_and_hold]"
)

# Both `--param a=1 b=2` and `--param a=1 --param b=2`.
Pairs = Annotated[list[str] | None, _LISTED, Parameter(consume_multiple=True)]


# Makes each attribute a flag of the command.
@Parameter(name="*")
@frozen(kw_only=True)
class BacktestOptions:
    """A backtest, as flags.

    Attributes:
        symbols: Symbols to trade, as a comma list; may be repeated.
        start: First date or time, RFC 3339; UTC if it has no offset.
        end: Last date or time, included.
        strategy: Its name; the help lists the built-in ones.
        param: Parameters of the strategy, as NAME=VALUE.
        resolution: The length of a bar.
        capital: Capital at the first bar, in the prices' currency.
        slippage_bps: Slippage of market orders, in basis points of the price.
        commission_bps: Commission, in basis points of the notional.
        execution: Other execution settings, as NAME=VALUE: whole_shares=true max_leverage=2.
        weight: Target weights instead of a strategy, as SYMBOL=FRACTION of equity.
        rebalance: How often to rebalance to the weights. [default: weekly]
        benchmark: A symbol to compare the run with.
        adjustment: Adjust prices by their factors files, for splits or for dividends too (total).
        calendar: Exchange whose trading days should have bars, e.g. XNYS; needs extra 'calendars'.
        strategies: Custom strategies, as MODULE:ATTRIBUTE naming a class or a list of classes.
    """

    symbols: Annotated[list[str], _LISTED]
    start: str
    end: str
    strategy: Annotated[str | None, _STRATEGY] = None
    param: Pairs = None
    resolution: Resolution = "day"
    capital: float = 1_000_000.0
    slippage_bps: float = 0.0
    commission_bps: float = 0.0
    execution: Pairs = None
    weight: Pairs = None
    rebalance: Rebalancing | None = None
    benchmark: str | None = None
    adjustment: Adjustment = "none"
    calendar: str | None = None
    strategies: StrategiesOption = None

    def request(self) -> BacktestRequest:
        """Return the request, checked by the same rules as one that arrives over HTTP.

        Raises:
            InvalidRequestError: The flags have problems; it names all of them.
        """
        costs = {"slippage_bps": self.slippage_bps, "commission_bps": self.commission_bps}
        document = {
            "symbols": [name for listed in self.symbols for name in listed.split(",")],
            "start_date": self.start,
            "end_date": self.end,
            "resolution": self.resolution,
            "strategy": self._strategy(),
            "execution": costs | _pairs("--execution", self.execution),
            "initial_capital": self.capital,
            "portfolio_construction": self._portfolio(),
            "benchmark_symbol": self.benchmark,
            "adjustment": self.adjustment,
            "calendar": self.calendar,
        }
        # Without the flags that were not given, so that the request's own defaults apply.
        given = {name: value for name, value in document.items() if value is not None}
        registry = make_registry(load_strategies(self.strategies or ()))
        return parse_request(given, make_converter(registry))

    def _strategy(self) -> dict[str, Any] | None:
        if self.strategy is None and self.param is None:
            return None
        params = _pairs("--param", self.param)
        return {"name": self.strategy or "buy_and_hold", "params": params}

    def _portfolio(self) -> dict[str, Any] | None:
        if self.weight is None and self.rebalance is None:
            return None
        weights = _pairs("--weight", self.weight)
        return {"target_weights": weights, "rebalance_frequency": self.rebalance or "weekly"}


def _pairs(flag: str, pairs: Iterable[str] | None) -> dict[str, Any]:
    """Read NAME=VALUE pairs. A value that is a JSON scalar is read as one, any other as text."""
    parameters: dict[str, Any] = {}
    for pair in pairs or ():
        # From the right, because `ES=F` is a symbol.
        name, equals, text = pair.rpartition("=")
        if not (name and equals) or name in parameters:
            message = f"Input should be NAME=VALUE, each name once, not {pair!r}"
            raise InvalidRequestError([Problem("value_error", (flag,), message, pair)])
        parameters[name] = _scalar(text)
    return parameters


def _scalar(text: str) -> Any:
    try:
        value = parse_json(text.encode())
    except InvalidRequestError:
        return text
    # Text like `[1]` stays text, and the check of the parameter that it is for reports it.
    return text if isinstance(value, list | dict) else value
