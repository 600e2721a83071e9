"""The flags that describe a backtest, for the commands that start one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Adjustment
from glowback_trio.model.request import BacktestRequest, Rebalancing, Resolution
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.json_text import parse_json
from glowback_trio.wire.requests import parse_request

__all__ = ["BacktestOptions"]

_LISTED = Parameter(negative_iterable=())

Pairs = Annotated[list[str] | None, _LISTED, Parameter(consume_multiple=True)]


@Parameter(name="*")
@frozen(kw_only=True)
class BacktestOptions:
    """A backtest as the command line has it.

    Attributes:
        symbols: What to trade: a comma list, or the flag repeated.
        start: First day or moment, RFC 3339; without an offset it means UTC.
        end: Last day or moment, included.
        strategy: buy_and_hold (which it is unless said otherwise), ma_crossover, momentum,
            mean_reversion, rsi, target_weights, or one of your own.
        param: A parameter of the strategy, as name=value; as many as it takes.
        resolution: The length of a bar.
        capital: Currency at the first bar.
        slippage_bps: Basis points of its price that a market order gives away.
        commission_bps: Basis points of the notional.
        execution: Anything else about fills, as name=value: whole_shares=true, max_leverage=2.
        weight: Hold a symbol at a fraction of equity, as SYMBOL=FRACTION, in place of a strategy.
        rebalance: How often to return to the weights: weekly unless said otherwise.
        benchmark: A symbol to hold the run against.
        adjustment: What prices are adjusted for by their factors files.
        calendar: The exchange whose sessions tell what is missing, such as XNYS.
        strategies: Your own strategies: module:attribute, a class or a list of them.
    """

    symbols: Annotated[list[str], _LISTED]
    start: str
    end: str
    strategy: str | None = None
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
        """The request, read by the same rules as one that comes over the wire.

        Raises:
            InvalidRequestError: With every problem found.
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
    """Read `name=value` pairs; values are JSON scalars where they can be, else text."""
    parameters: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not (name and equals) or name in parameters:
            message = f"Input should be name=value, each name once, not {pair!r}"
            raise InvalidRequestError([Problem("value_error", (flag,), message, pair)])
        parameters[name] = _scalar(text)
    return parameters


def _scalar(text: str) -> Any:
    try:
        value = parse_json(text.encode())
    except InvalidRequestError:
        return text
    return text if isinstance(value, list | dict) else value
