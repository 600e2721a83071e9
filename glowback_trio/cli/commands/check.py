"""`glowback-trio check`: whether a strategy looks ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import evolve
from cyclopts import App

from glowback_trio.cli.messages import print_error, printing_to_stderr
from glowback_trio.cli.options.backtest_options import NO_OPTIONS, BacktestOptions
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.request_file import RequestFile, read_request
from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.data import CACHE_NAME
from glowback_trio.engine.lookahead.check import CUTS, check_checkable, check_strategy
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.leak_reports import leak_report_document
from glowback_trio.wire.requests import parse_request

__all__ = ["app"]

#: Places in a request, and the arguments that they are from.
_GIVEN: Mapping[tuple[str | int, ...], tuple[str, ...]] = {
    ("strategy",): ("STRATEGY",),
    ("strategy", "name"): ("STRATEGY",),
    ("cuts",): ("--cuts",),
}

_EXAMPLES = """\
Examples:

  glowback-trio check ma_crossover --data demo --symbols AAPL,SPY \\
      --start 2015-01-01 --end 2020-12-31 --param short_period=10
  glowback-trio check rising --strategies my_strategies:Rising --data ./prices \\
      --symbols AAPL --start 2015-01-01 --end 2020-12-31 --json
  glowback-trio check ma_crossover request.json --data demo --cuts 200
"""

app = App(name="check", help_epilogue=_EXAMPLES, help_format="plaintext")


@app.default
def check(
    strategy: str,
    request: RequestFile = None,
    /,
    *,
    options: BacktestOptions = NO_OPTIONS,
    cuts: int = CUTS,
    strategies: StrategiesOption = None,
    data: DataOption = "sample",
    cache: CacheOption = CACHE_NAME,
    json: JsonOption = False,
) -> int:
    """Check whether a strategy looks ahead: later bars must not change what it has decided.

    The strategy is run on all bars, and replayed without those after a cut, and
    with others. The exit code is 0 if no decision changes, and 1 if one does.
    --symbols, --start and --end are required without a request file.

    Args:
        strategy: Name of the strategy, built in or custom.
        request: File with a request as JSON, as POST /backtests takes it; options override its
            fields.
        options: The run that it is checked in.
        cuts: At how many bars the later ones are taken away, 1 to 1024.
        strategies: Custom strategies, as MODULE:ATTRIBUTE naming a class or a list of classes.
        data: A directory of price files, 'demo' (shipped prices) or 'sample' (generated prices).
        cache: Directory for parsed prices, relative to --data; 'off' disables the cache.
        json: Print the report as JSON.
    """
    document = _document(strategy, request, options)
    registry = make_registry(load_strategies(strategies or ()))
    with printing_to_stderr(), _named_as_given(), options.named_by_option():
        asked = parse_request(document, make_converter(registry))
        check_checkable(asked, cuts)
        report = check_strategy(asked, open_catalogue(data, cache).load(asked), cuts=cuts)
    if json:
        print_json(leak_report_document(report))
    elif report.clean:
        print(report.sentence)  # noqa: T201 - this is the command's output
    else:
        print_error(report.sentence)
    return 0 if report.clean else 1


@contextmanager
def _named_as_given() -> Iterator[None]:
    """Rename the problems that the block raises: those of the command's own arguments."""
    try:
        yield
    except InvalidRequestError as error:
        raise InvalidRequestError(
            evolve(each, path=_GIVEN.get(each.path, each.path)) for each in error.problems
        ) from None


def _document(strategy: str, file: str | None, options: BacktestOptions) -> dict[str, Any]:
    """Return the request with the strategy to check; parameters of a file belong to its own."""
    if options.strategy not in (None, strategy):
        message = f"should be left out: {strategy!r} is checked"
        raise InvalidRequestError([Problem("value_error", ("--strategy",), message)])
    named = read_request(file).get("strategy") if file is not None else None
    is_same = isinstance(named, dict) and named.get("name") == strategy
    return evolve(options, strategy=None if is_same else strategy).document(file)
