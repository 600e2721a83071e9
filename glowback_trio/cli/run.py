"""`glowback-trio run`: one backtest, here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from glowback_trio.actors import open_gateway
from glowback_trio.cli.prices import Prices, catalogue
from glowback_trio.cli.summary import print_summary
from glowback_trio.cli.watch import watch
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.payload import dumps, result_document
from glowback_trio.model.request import Resolution
from glowback_trio.model.wire import parse_json, parse_request

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio run --symbols AAPL --start 2015-01-01 --end 2020-12-31 \\
      --data demo --strategy ma_crossover
  glowback-trio run --symbols AAPL,SPY --start 2018-01-01 --end 2020-12-31 \\
      --data demo --strategy ma_crossover \\
      --param short_period=10 long_period=30 --json > result.json
"""

app = App(name="run", help_epilogue=_EXAMPLES, help_format="plaintext")

_LISTED = Parameter(negative_iterable=())


@app.default
async def run(
    *,
    symbols: Annotated[list[str], _LISTED],
    start: str,
    end: str,
    strategy: str = "buy_and_hold",
    param: Annotated[list[str] | None, _LISTED, Parameter(consume_multiple=True)] = None,
    resolution: Resolution = "day",
    capital: float = 1_000_000.0,
    slippage_bps: float = 0.0,
    commission_bps: float = 0.0,
    data: Prices = "sample",
    json: Annotated[bool, Parameter(negative_bool=(), show_default=False)] = False,
) -> None:
    """Run one backtest.

    Args:
        symbols: What to trade: a comma list, or the flag repeated.
        start: First day or moment, RFC 3339; without an offset it means UTC.
        end: Last day or moment, included.
        strategy: buy_and_hold, ma_crossover, momentum, mean_reversion or rsi.
        param: A parameter of the strategy, as name=value; as many as it takes.
        resolution: The length of a bar.
        capital: Currency at the first bar.
        slippage_bps: Basis points that a market order gives away on the open.
        commission_bps: Basis points of the notional.
        data: A directory of CSV files; 'demo', the prices that come with the package; or 'sample',
            generated ones.
        json: Print the result as JSON on stdout, and nothing else.
    """
    request = parse_request(
        {
            "symbols": [name for listed in symbols for name in listed.split(",")],
            "start_date": start,
            "end_date": end,
            "resolution": resolution,
            "strategy": {"name": strategy, "params": _parameters(param or ())},
            "execution": {"slippage_bps": slippage_bps, "commission_bps": commission_bps},
            "initial_capital": capital,
        }
    )
    async with open_gateway(data=catalogue(data)) as gateway:
        submitted = gateway.submit(request)
        await watch(submitted, Console(stderr=True))
        result = submitted.result()
    if json:
        sys.stdout.buffer.write(dumps(result_document(result, submitted.run_id)) + b"\n")
    else:
        print_summary(request, result, Console())


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
