"""The flags that describe a backtest, for the commands that start one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.cli.own import Strategies, own_strategies
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.offer import offer
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.wire import parse_json, parse_request

__all__ = ["Asked"]

_LISTED = Parameter(negative_iterable=())


@Parameter(name="*")
@frozen(kw_only=True)
class Asked:
    """A backtest as the command line has it.

    Attributes:
        symbols: What to trade: a comma list, or the flag repeated.
        start: First day or moment, RFC 3339; without an offset it means UTC.
        end: Last day or moment, included.
        strategy: buy_and_hold, ma_crossover, momentum, mean_reversion, rsi, or one of your own.
        param: A parameter of the strategy, as name=value; as many as it takes.
        resolution: The length of a bar.
        capital: Currency at the first bar.
        slippage_bps: Basis points that a market order gives away on the open.
        commission_bps: Basis points of the notional.
        strategies: Strategies of your own: module:attribute, a class or a list of them.
    """

    symbols: Annotated[list[str], _LISTED]
    start: str
    end: str
    strategy: str = "buy_and_hold"
    param: Annotated[list[str] | None, _LISTED, Parameter(consume_multiple=True)] = None
    resolution: Resolution = "day"
    capital: float = 1_000_000.0
    slippage_bps: float = 0.0
    commission_bps: float = 0.0
    strategies: Strategies = None

    def request(self) -> BacktestRequest:
        """The request, read by the same rules as one that comes over the wire.

        Raises:
            InvalidRequestError: With every problem found.
        """
        costs = {"slippage_bps": self.slippage_bps, "commission_bps": self.commission_bps}
        return parse_request(
            {
                "symbols": [name for listed in self.symbols for name in listed.split(",")],
                "start_date": self.start,
                "end_date": self.end,
                "resolution": self.resolution,
                "strategy": {"name": self.strategy, "params": _parameters(self.param or ())},
                "execution": costs,
                "initial_capital": self.capital,
            },
            offer(own_strategies(self.strategies or ())),
        )


def _parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `name=value` pairs; values are JSON scalars where they can be, else text."""
    parameters: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals) or name in parameters:
            message = f"Input should be name=value, each name once, not {pair!r}"
            raise InvalidRequestError([Problem("value_error", ("--param",), message, pair)])
        parameters[name] = _scalar(text)
    return parameters


def _scalar(text: str) -> Any:
    try:
        value = parse_json(text.encode())
    except InvalidRequestError:
        return text
    return text if isinstance(value, list | dict) else value
