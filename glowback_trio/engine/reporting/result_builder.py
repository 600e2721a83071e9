"""The result of a finished simulation: its parts measured and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from glowback_trio.engine.accounting.statement import Statement
from glowback_trio.engine.analytics.annualisation import Annualisation, annualisation
from glowback_trio.engine.analytics.metrics import metrics
from glowback_trio.engine.analytics.portfolio import portfolio_metrics
from glowback_trio.engine.analytics.relative import benchmark
from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.reporting.manifest import manifest
from glowback_trio.engine.reporting.messages import summary
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Dataset
from glowback_trio.model.portfolio import Portfolio
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Benchmark, Curve, Result

__all__ = ["Ended", "result"]


@frozen(eq=False)
class Ended:
    """The parts of a finished simulation.

    Attributes:
        request: The run's request.
        dataset: The bars it was given.
        curve: The account, bar by bar.
        timeline: The traded bars.
        statement: All orders and fills.
        round_trips: Net profit of each closed round trip, currency.
        account: Cash and positions at the end.
        portfolio: How a portfolio was held at its weights; None without portfolio construction.
    """

    request: BacktestRequest
    dataset: Dataset
    curve: Curve
    timeline: Timeline
    statement: Statement
    round_trips: Sequence[float] = field(repr=False)
    account: Account
    portfolio: Portfolio | None


def result(ended: Ended, sentences: Sequence[str]) -> Result:
    """Measure a simulation and put its result together.

    Args:
        ended: The parts of the simulation.
        sentences: Warnings, and what the strategy logged.
    """
    request, curve, timeline = ended.request, ended.curve, ended.timeline
    orders, fills, carry = ended.statement.orders, ended.statement.trades, ended.statement.financing
    held, trips = _benchmark(ended), ended.round_trips
    year = annualisation(curve.time, curve.date)
    if request.periods_per_year is not None:
        year = Annualisation(request.periods_per_year, "stated in the request")
    measured = metrics(
        request,
        ended.dataset,
        curve,
        fills,
        trips,
        periods=year.periods,
        carry=carry,
        benchmark=held,
    )
    if ended.portfolio is not None:
        measured |= portfolio_metrics(ended.portfolio, curve)
    return Result(
        metrics=measured,
        curve=curve,
        trades=fills,
        orders=orders,
        logs=[*summary(curve, fills, len(orders), request.currency), *sentences],
        final_cash=ended.account.cash,
        final_positions=_positions(ended),
        final_prices=_last_closes(timeline),
        manifest=manifest(request, ended.dataset, timeline, measured, year),
        portfolio=ended.portfolio,
        benchmark=held,
        carry=carry,
        risk_free_rate=request.risk_free_rate,
    )


def _benchmark(ended: Ended) -> Benchmark | None:
    for bars in ended.dataset.bars:
        if bars.symbol == ended.request.benchmark_symbol:
            return benchmark(bars, ended.timeline.time, ended.curve.capital)
    return None


def _positions(ended: Ended) -> Mapping[str, float]:
    held = zip(ended.timeline.symbols, ended.account.units.tolist(), strict=True)
    return {symbol: units for symbol, units in held if units}


def _last_closes(timeline: Timeline) -> Mapping[str, float]:
    # Of all symbols: a symbol may have ended before the last row of the timeline.
    marks = timeline.marks(len(timeline) - 1, len(timeline))[0]
    return dict(zip(timeline.symbols, marks.tolist(), strict=True))
