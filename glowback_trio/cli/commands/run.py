"""`glowback-trio run`: run one backtest in this process."""

from __future__ import annotations

import logging
import sys

from cyclopts import App
from rich.console import Console

from glowback_trio import actors
from glowback_trio.actors import open_gateway
from glowback_trio.cli.messages import printing_to_stderr
from glowback_trio.cli.options.backtest_options import NO_OPTIONS, BacktestOptions
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.cli.options.output_option import JsonOption
from glowback_trio.cli.options.request_file import RequestFile
from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.cli.progress import RunView, draw
from glowback_trio.cli.summary import brief, print_summary
from glowback_trio.data import CACHE_NAME
from glowback_trio.engine.reporting.result_document import result_chunks
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_request

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio run --symbols AAPL --start 2015-01-01 --end 2020-12-31 \\
      --data demo --strategy ma_crossover
  glowback-trio run --symbols AAPL,SPY --start 2018-01-01 --end 2020-12-31 \\
      --data demo --strategy ma_crossover \\
      --param short_period=10,long_period=30 --json > result.json
  glowback-trio run request.json --data demo --param long_period=50
"""

app = App(name="run", help_epilogue=_EXAMPLES, help_format="plaintext")


@app.default
async def run(
    request: RequestFile = None,
    /,
    *,
    options: BacktestOptions = NO_OPTIONS,
    strategies: StrategiesOption = None,
    data: DataOption = "sample",
    cache: CacheOption = CACHE_NAME,
    json: JsonOption = False,
) -> None:
    """Run one backtest here, and print its summary or its result as JSON.

    --symbols, --start and --end are required without a request file. Lists
    take commas and may be repeated.

    Args:
        request: File with a request as JSON, as POST /backtests takes it; options override its
            fields.
        options: The backtest.
        strategies: Custom strategies, as MODULE:ATTRIBUTE naming a class or a list of classes.
        data: A directory of price files, 'demo' (shipped prices) or 'sample' (generated prices).
        cache: Directory for parsed prices, relative to --data; 'off' disables the cache.
        json: Print the result as JSON on stdout, and nothing else.
    """
    document = options.document(request)
    registry = make_registry(load_strategies(strategies or ()))
    with options.named_by_option():
        asked = parse_request(document, make_converter(registry))
    # The error that `result` raises shows the traceback; the log would print it once more.
    logging.getLogger(actors.__name__).addHandler(logging.NullHandler())
    with printing_to_stderr():
        async with open_gateway(data=open_catalogue(data, cache)) as gateway:
            with options.named_by_option():
                submitted = gateway.submit(asked)
            # On stderr, so that stdout holds the result and nothing else.
            with submitted.subscribe() as events:
                await draw(events, Console(stderr=True), RunView())
            result = submitted.result()
    if json:
        # Written chunk by chunk: the JSON of a large result is never in memory as a whole.
        sys.stdout.buffer.writelines(result_chunks(result, submitted.run_id))
        sys.stdout.buffer.write(b"\n")
    else:
        print_summary(brief(result), Console())
