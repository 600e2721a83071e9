"""`glowback-trio run`: run one backtest in this process."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from glowback_trio.actors import Run, open_gateway
from glowback_trio.cli.messages import printing_to_stderr
from glowback_trio.cli.options.backtest_options import BacktestOptions
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.cli.progress import watch
from glowback_trio.cli.summary import print_summary
from glowback_trio.data import CACHE_NAME
from glowback_trio.engine.reporting.result_document import result_chunks

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


@app.default
async def run(
    options: BacktestOptions,
    *,
    data: DataOption = "sample",
    cache: CacheOption = CACHE_NAME,
    json: Annotated[bool, Parameter(negative_bool=(), show_default=False)] = False,
) -> None:
    """Run one backtest here, and print its summary or its result as JSON.

    Args:
        options: The backtest.
        data: A directory of price files, 'demo' (shipped prices) or 'sample' (generated prices).
        cache: Directory for parsed prices, relative to --data; 'off' disables the cache.
        json: Print the result as JSON on stdout, and nothing else.
    """
    request = options.request()
    # The error that `result` raises shows the traceback; the log would print it once more.
    logging.getLogger(Run.__module__).addHandler(logging.NullHandler())
    with printing_to_stderr():
        async with open_gateway(data=open_catalogue(data, cache)) as gateway:
            submitted = gateway.submit(request)
            # On stderr, so that stdout holds the result and nothing else.
            await watch(submitted, Console(stderr=True))
            result = submitted.result()
    if json:
        # Written chunk by chunk: the JSON of a large result is never in memory as a whole.
        sys.stdout.buffer.writelines(result_chunks(result, submitted.run_id))
        sys.stdout.buffer.write(b"\n")
    else:
        print_summary(request, result, Console())
