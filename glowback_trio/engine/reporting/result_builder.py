"""The result of a finished simulation: its parts measured and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from glowback_trio.engine.accounting.statement import Statement
from glowback_trio.engine.analytics.annualisation import Annualisation, annualisation
from glowback_trio.engine.analytics.metrics import Metrics, metrics
from glowback_trio.engine.analytics.portfolio import portfolio_metrics
from glowback_trio.engine.analytics.relative import benchmark
from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.reporting.manifest import manifest
from glowback_trio.engine.reporting.messages import summary
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Dataset
from glowback_trio.model.portfolio import Portfolio
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Benchmark, Curve, Fills, Result

__all__ = ["Ended", "Measured", "measure", "result"]


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


@frozen(eq=False)
class Measured:
    """The metrics of a finished simulation, and what they were made of.

    Attributes:
        metrics: By name, see `analytics.metrics`.
        year: The bars per year.
        trades: All fills.
        carry: Cash flows that belong to no fill, as `Result.carry`.
        benchmark: The benchmark along the run's timeline; None without one.
    """

    metrics: Metrics
    year: Annualisation
    trades: Fills = field(repr=False)
    carry: Mapping[str, float]
    benchmark: Benchmark | None


def measure(ended: Ended) -> Measured:
    """Measure a simulation, and make nothing that only a full result shows."""
    request, curve = ended.request, ended.curve
    fills, carry = ended.statement.trades, ended.statement.financing
    held, year = _benchmark(ended), _year(request, curve)
    measured = metrics(
        request,
        ended.dataset,
        curve,
        fills,
        ended.round_trips,
        periods=year.periods,
        carry=carry,
        benchmark=held,
    )
    if ended.portfolio is not None:
        measured |= portfolio_metrics(ended.portfolio, curve)
    return Measured(measured, year, fills, carry, held)


def result(ended: Ended, sentences: Sequence[str]) -> Result:
    """Measure a simulation and put its result together.

    Args:
        ended: The parts of the simulation.
        sentences: Warnings, and what the strategy logged.
    """
    request, curve, timeline = ended.request, ended.curve, ended.timeline
    statement, measured = ended.statement.in_one_piece, measure(ended)
    steps = len(statement.event_rows)
    return Result.of(
        statement,
        metrics=measured.metrics,
        curve=curve,
        logs=[*summary(curve, measured.trades, steps, request.currency), *sentences],
        final_cash=ended.account.cash,
        final_positions=_positions(ended),
        final_prices=_last_closes(timeline),
        manifest=manifest(request, ended.dataset, timeline, measured.metrics, measured.year),
        portfolio=ended.portfolio,
        benchmark=measured.benchmark,
        carry=measured.carry,
        risk_free_rate=request.risk_free_rate,
    )


def _year(request: BacktestRequest, curve: Curve) -> Annualisation:
    if request.periods_per_year is not None:
        return Annualisation(request.periods_per_year, "stated in the request")
    return annualisation(curve.time, curve.date)


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
