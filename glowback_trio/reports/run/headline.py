"""The beginning of a report: what came of a run, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.reports.blocks import Block, Figure, Figures, Prose, Section
from glowback_trio.reports.numbers import Unit, written
from glowback_trio.reports.subjects import ReportedRun

__all__ = ["FIRST", "headline"]

#: Metrics to see first: name, label, unit, meaning.
FIRST: Sequence[tuple[str, str, Unit, str]] = (
    ("total_return", "Total return", "change", "over the whole period"),
    ("annualized_return", "Annual return", "change", "compounded, per year"),
    ("sharpe_ratio", "Sharpe ratio", "ratio", "mean excess return over its deviation"),
    ("max_drawdown", "Largest drawdown", "percent", "fall from the highest value before"),
    ("volatility", "Volatility", "percent", "deviation of returns, per year"),
    ("final_value", "Final value", "money", "cash and positions at the end"),
)
_MORE: Sequence[tuple[str, str, Unit, str]] = (
    ("initial_capital", "Initial capital", "money", ""),
    ("sortino_ratio", "Sortino ratio", "ratio", "as the Sharpe ratio, for losses only"),
    ("calmar_ratio", "Calmar ratio", "ratio", "annual return over the largest drawdown"),
    ("max_drawdown_duration_days", "Longest drawdown", "days", "calendar days below a peak"),
    ("var_95", "Value at risk, 95 %", "signed_share", "loss that one bar in twenty exceeds"),
    ("cvar_95", "Expected shortfall, 95 %", "signed_share", "mean loss of the worst twentieth"),
    ("skewness", "Skewness", "ratio", "of the returns; below 0: large losses are likelier"),
    ("kurtosis", "Excess kurtosis", "ratio", "of the returns; 0 for a normal distribution"),
    ("exposure_time", "Time invested", "share", "bars at whose close something was held"),
    ("turnover", "Turnover", "ratio", "bought and sold, over the mean value"),
)
_RELATIVE: Sequence[tuple[str, str, Unit, str]] = (
    ("benchmark_return", "Return of the benchmark", "change", "bought and held, without costs"),
    ("excess_return", "Excess return", "change", "annual return less the benchmark's"),
    ("alpha", "Alpha", "change", "per year, what beta does not explain"),
    ("beta", "Beta", "ratio", "how much it moves with the benchmark"),
    ("tracking_error", "Tracking error", "percent", "deviation of the difference, per year"),
    ("information_ratio", "Information ratio", "ratio", "mean difference over its deviation"),
)


def headline(run: ReportedRun) -> Iterator[Section]:
    """Yield the first section."""
    metrics = run.result.metrics
    blocks: list[Block] = [Figures("headline", _figures(FIRST, metrics), large=True)]
    if warnings := list(_warnings(run)):
        blocks.append(Prose("warnings", warnings, tone="warning"))
    if note := str(run.labels.get("note") or ""):
        blocks.append(Prose("note", note.splitlines()))
    blocks.append(Figures("metrics", _figures(_MORE, metrics)))
    yield Section("headline", "What came of it", blocks)
    if run.result.benchmark is not None:
        symbol = Figure("benchmark_symbol", "Benchmark", run.result.benchmark.symbol)
        figures = [symbol, *_figures(_RELATIVE, metrics)]
        yield Section("benchmark", "Against the benchmark", [Figures("benchmark", figures)])


def _figures(
    wanted: Sequence[tuple[str, str, Unit, str]], metrics: Mapping[str, Any]
) -> list[Figure]:
    return [
        Figure(name, label, metrics.get(name), unit, meaning)
        for name, label, unit, meaning in wanted
    ]


def _warnings(run: ReportedRun) -> Iterator[str]:
    metrics = run.result.metrics
    if metrics.get("sample_data"):
        yield "The prices are generated. This says nothing of any market."
    if critical := metrics.get("data_quality_critical_count"):
        yield f"Critical findings about the prices: {critical:,}. See the section on data."
    observed = run.sheet["robustness"]["intervals"]["sharpe_ratio"]
    if observed is not None and observed["low"] <= 0.0 <= observed["high"]:
        yield (
            "The Sharpe ratio is not distinguishable from zero: its interval at 95 % goes from "
            f"{written(observed['low'], 'ratio')} to {written(observed['high'], 'ratio')}."
        )
