"""The leak check: a strategy is run, and replayed without the later bars."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from glowback_trio.engine.backtest import dataset_for
from glowback_trio.engine.lookahead.calls import check_calls
from glowback_trio.engine.lookahead.found import Found
from glowback_trio.engine.lookahead.targets import check_targets
from glowback_trio.engine.timeline import Timeline, align
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.model.bounds import check_type
from glowback_trio.model.instant import in_words
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.api import BarStrategy
from glowback_trio.model.strategies.leak_report import ChangedDecision, LeakReport, LeakVerdict
from glowback_trio.model.strategies.parameters import TargetWeights

__all__ = ["CUTS", "MOST_CUTS", "check_checkable", "check_strategy", "leak_check"]

CUTS = 64
MOST_CUTS = 1024


def check_strategy(
    request: BacktestRequest, bars: Sequence[Bars] | Dataset, *, cuts: int = CUTS
) -> LeakReport:
    """Check that a strategy does not look ahead: later bars must not change what it has decided.

    The strategy is run on all bars, and replayed: at each cut without the bars after it, and again
    with other bars after it. A decision up to the cut that is another one then was made by looking
    ahead. What is found is certain; what is not found is not proved, as a leak may show on other
    bars only.

    Args:
        request: The strategy, its parameters, and the run it is checked in.
        bars: As for `backtest`.
        cuts: At how many bars the later ones are taken away, 1 to 1,024; most are at decisions.

    Raises:
        InvalidRequestError: The request has `portfolio_construction`, so that no strategy decides,
            or `cuts` is out of bounds.
        StrategyError: The strategy fails on the bars as they are.
        DataError: As `backtest`.
    """
    check_type("request", request, BacktestRequest)
    check_checkable(request, cuts)
    steps = leak_check(request, dataset_for(request, bars), cuts, lambda: None)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            report: LeakReport = ended.value
            return report


def check_checkable(request: BacktestRequest, cuts: int) -> None:
    """Check what needs no bars: that there is a strategy to check, and the number of cuts.

    Raises:
        InvalidRequestError: There is none, or the number is out of bounds.
    """
    if isinstance(request.strategy, TargetWeights):
        message = "target_weights decides nothing by itself: there is no strategy to check"
        raise InvalidRequestError([Problem("not_supported", ("strategy",), message)])
    if not (type(cuts) is int and 1 <= cuts <= MOST_CUTS):
        message = f"Input should be a whole number from 1 to {MOST_CUTS:,}"
        raise InvalidRequestError([Problem("value_error", ("cuts",), message, cuts)])


def leak_check(
    request: BacktestRequest, dataset: Dataset, cuts: int, checkpoint: Callable[[], object]
) -> Generator[None, None, LeakReport]:
    """Check a strategy step by step; see `check_strategy`.

    Args:
        request: Its strategy and costs.
        dataset: Its bars.
        cuts: How many.
        checkpoint: Called now and then; what it raises ends the check.
    """
    strategy = request.strategy
    assert not isinstance(strategy, TargetWeights)  # `check_checkable` refuses it
    symbols = frozenset(request.symbols)
    timeline = align([one for one in dataset.bars if one.symbol in symbols], dataset.warmup)
    if isinstance(strategy, BarStrategy):
        found = yield from check_calls(strategy, request, timeline, cuts, checkpoint)
    else:
        shorts = request.execution.allow_short
        found = yield from check_targets(strategy, timeline, cuts, checkpoint, allow_short=shorts)
    return _report(strategy.name, timeline, found)


def _report(strategy: str, timeline: Timeline, found: Found) -> LeakReport:
    changed = None
    if found.later_bars is not None:
        row, time = found.row, timeline.time
        changed = ChangedDecision(
            later_bars=found.later_bars,
            cut=in_words(time[found.cut]),
            bar=in_words(time[row]) if row >= 0 else "a bar for warming up",
            symbol=timeline.symbols[found.symbol] if found.symbol >= 0 else None,
            decided=found.decided,
            decided_instead=found.instead,
        )
    guilty: LeakVerdict = "leaks" if found.repeatable else "unrepeatable"
    return LeakReport(
        strategy=strategy,
        verdict="clean" if changed is None else guilty,
        cuts=found.cuts,
        bars=len(timeline),
        decisions=found.decisions,
        changed=changed,
    )
