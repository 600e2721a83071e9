"""`glowback-trio optimize`: search the parameters of a backtest."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import trio
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from glowback_trio import actors
from glowback_trio.actors import open_gateway
from glowback_trio.cli.commands.optimizations.search_summary import print_search
from glowback_trio.cli.commands.optimizations.search_view import SearchView, draw_search
from glowback_trio.cli.messages import print_error, printing_to_stderr
from glowback_trio.cli.options.backtest_options import NO_OPTIONS, BacktestOptions
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.cli.options.output_option import JsonOption
from glowback_trio.cli.options.request_file import RequestFile, read_request
from glowback_trio.cli.options.search_options import NO_SEARCH, SearchOptions
from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.compute import Compute, ProcessCompute, ThreadCompute, usable_cores
from glowback_trio.data import CACHE_NAME
from glowback_trio.model.instant import utc_now
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.search.study import Study
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.optimizations.requests import parse_optimization
from glowback_trio.wire.optimizations.results import optimization_result_chunks

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio optimize --symbols SPY --start 2015-01-01 --end 2020-12-31 \\
      --data demo --strategy ma_crossover \\
      --grid short_period=5:50:5,long_period=20:200:20 \\
      --constraint 'short_period < long_period'
  glowback-trio optimize --symbols AAPL --start 2015-01-01 --end 2020-12-31 \\
      --data demo --strategy rsi --vary lookback_period=2:60 \\
      --vary oversold_threshold=10:45 --search sobol --max-trials 256 \\
      --validation none --require 'max_drawdown <= 20'
  glowback-trio optimize request.json --data demo --json > result.json
"""

app = App(name="optimize", help_epilogue=_EXAMPLES, help_format="plaintext")


@app.default
async def optimize(
    request: RequestFile = None,
    /,
    *,
    search: SearchOptions = NO_SEARCH,
    options: BacktestOptions = NO_OPTIONS,
    strategies: StrategiesOption = None,
    data: DataOption = "sample",
    cache: CacheOption = CACHE_NAME,
    workers: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    json: JsonOption = False,
) -> int:
    """Search the parameters of a backtest here, and print the best of them.

    While it searches, the best ten trials are shown. At the end come a heat
    map of two parameters and how likely the best trial is luck. The exit code
    is 0 if the search completed, and 1 otherwise.

    Args:
        request: File with a request as JSON, as POST /optimizations takes it; options override its
            fields.
        search: The search.
        options: The backtest that the parameters are put into.
        strategies: Custom strategies, as MODULE:ATTRIBUTE naming a class or a list of classes.
        data: A directory of price files, 'demo' (shipped prices) or 'sample' (generated prices).
        cache: Directory for parsed prices, relative to --data; 'off' disables the cache.
        workers: Processes that evaluate trials; 0: this one. [default: as many as usable cores]
        json: Print the result as JSON on stdout, and nothing else.
    """
    custom = load_strategies(strategies or ())
    document = _document(request, search, options)
    with search.named_by_option(options):
        asked = parse_optimization(document, make_converter(make_registry(custom)))
    # The error that ends it says what failed; the log would print it once more.
    logging.getLogger(actors.__name__).addHandler(logging.NullHandler())
    with printing_to_stderr():
        async with open_gateway(
            data=open_catalogue(data, cache),
            compute=_compute(workers),
            max_running=workers or usable_cores(),
            strategies=custom,
        ) as gateway:
            with search.named_by_option(options):
                begun = gateway.optimize(asked)
            view = SearchView(asked, Study(asked).total, trio.current_time)
            # On stderr, so that stdout holds the result and nothing else.
            with begun.subscribe() as events:
                await draw_search(events, Console(stderr=True), view)
            result, durations = await begun.load_result(), await begun.load_durations()
    if json:
        chunks = optimization_result_chunks(result, asked, begun.status, durations, utc_now())
        sys.stdout.buffer.writelines(chunks)
        sys.stdout.buffer.write(b"\n")
    else:
        print_search(view, result.trials, result.diagnostics, Console())
    if result.state is not OptimizationState.COMPLETED:
        print_error(f"The search {view.state}: {view.error}")
    return 0 if result.state is OptimizationState.COMPLETED else 1


def _document(name: str | None, search: SearchOptions, options: BacktestOptions) -> dict[str, Any]:
    """Return the request as a document: from a file, from options, or from both."""
    if name is None:
        return search.document({}, options.document(None), options.name)
    file = read_request(name)
    base = file.get("base_backtest", {})
    if not isinstance(base, dict):
        return file  # which its checks refuse
    return search.document(file, options.applied_to(base), options.name)


def _compute(workers: int | None) -> Compute:
    if workers == 0:
        return ThreadCompute()
    return ProcessCompute(workers=workers or usable_cores())
