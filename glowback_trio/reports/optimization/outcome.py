"""Results of a search: the best trial, the ranking, the surface, and the stability of the best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.reports.blocks import Block, Column, Figure, Figures, Grid, Prose, Section, Table
from glowback_trio.reports.words import pairs, value_in_words
from glowback_trio.search.outcome.objective_cells import objective_cells, pick_two

__all__ = ["headline", "ranking", "stability"]

_SHOWN = 20
_MOST_CELLS = (12, 20)
_METRICS = (
    Column("total_return", "Total return", "change"),
    Column("sharpe_ratio", "Sharpe ratio", "ratio"),
    Column("max_drawdown", "Largest drawdown", "percent"),
    Column("total_trades", "Fills", "count"),
)


def headline(result: OptimizationResult) -> Iterator[Section]:
    """Yield the first section."""
    figures, best = result.diagnostics, result.best_trial
    assert best is not None, "a search that has completed has a best trial, or has failed"
    large = [
        Figure("objective", f"Best {_metric(result)}", best.objective, "ratio", "the objective"),
        Figure("trials", "Trials", figures.get("trials_considered", len(result.trials)), "count"),
        Figure(
            "effective_trials",
            "Honest N",
            figures.get("effective_number_of_trials"),
            "count",
            "trials that resemble no better one",
        ),
        Figure(
            "deflated_sharpe_ratio",
            "Deflated Sharpe ratio",
            figures.get("deflated_sharpe_ratio"),
            "probability",
            "probability of more than luck",
        ),
        Figure(
            "probability_of_backtest_overfitting",
            "Odds of overfitting",
            figures.get("probability_of_backtest_overfitting"),
            "probability",
            "that the best here is below the median elsewhere",
        ),
        Figure("qualified", "Qualified", figures.get("qualified"), "text", "as more than luck"),
    ]
    blocks: list[Block] = [Figures("headline", large, large=True)]
    if reasons := list(figures.get("not_qualified_because", ())):
        blocks.append(Prose("not_qualified_because", [*map(_sentence, reasons)], tone="warning"))
    chosen = [Figure(name, name, value_in_words(each)) for name, each in best.parameters.items()]
    blocks.append(Figures("best_parameters", chosen))
    yield Section("headline", "What came of it", blocks)


def _sentence(reason: str) -> str:
    return f"{reason.rstrip('.')}."


def _metric(result: OptimizationResult) -> str:
    name = str(result.diagnostics["objective_metric"]).replace("_", " ")
    return (
        name.replace("sharpe", "Sharpe").replace("sortino", "Sortino").replace("calmar", "Calmar")
    )


def ranking(result: OptimizationResult) -> Iterator[Section]:
    """Yield the sections with the best trials, and the objective over two parameters."""
    maximize = result.diagnostics["direction"] == "maximize"
    whole = [trial for trial in result.trials if trial.split is None]
    ranked = [trial for trial in whole if trial.ranked]
    # Sorting is stable: of equal trials the earliest comes first.
    ranked.sort(key=lambda trial: _order(trial, maximize=maximize))
    columns = [
        Column("trial_number", "Trial", "count"),
        Column("objective", "Objective", "ratio"),
        Column("parameters", "Parameters"),
        *_METRICS,
    ]
    rows = [_row(trial) for trial in ranked[:_SHOWN]]
    table = Table("ranking", "", columns, rows, len(ranked))
    yield Section("ranking", "The best trials", [table])
    if (names := pick_two(whole)) is not None:
        yield from _surface(whole, names, maximize=maximize)


def _order(trial: Trial, *, maximize: bool) -> float:
    value = trial.objective
    assert value is not None, "it is ranked"
    return -value if maximize else value


def _row(trial: Trial) -> list[object]:
    given = trial.metrics
    values = [given.get(f"full_{each.name}", given.get(each.name)) for each in _METRICS]
    return [trial.trial_number, trial.objective, pairs(trial.parameters), *values]


def _surface(
    trials: Sequence[Trial], names: tuple[str, str], *, maximize: bool
) -> Iterator[Section]:
    found = objective_cells(trials, names, most=_MOST_CELLS, maximize=maximize)
    if found is None:
        return
    cells = [[None if math.isnan(each) else each for each in row] for row in found.cells.tolist()]
    title = "The best objective of each pair of values"
    grid = Grid("surface", title, (names[0], found.across), (names[1], found.down), cells)
    yield Section("surface", "The objective over two parameters", [grid])


def stability(result: OptimizationResult) -> Iterator[Section]:
    """Yield the section about how much the best few trials differ."""
    figures = result.diagnostics
    columns = [
        Column("parameter", "Parameter"),
        Column("best_value", "Best"),
        Column("values", "Among the best few"),
        Column("stable", "Stable"),
    ]
    found: Mapping[str, Mapping[str, Any]] = figures.get("parameter_stability", {})
    rows = [
        (
            name,
            value_in_words(each["best_value"]),
            value_in_words(each["top_trial_values"]),
            bool(each["stable"]),
        )
        for name, each in found.items()
    ]
    blocks: list[Block] = [Table("parameter_stability", "", columns, rows)] if rows else []
    if surface := figures.get("surface_stability"):
        blocks.append(Figures("surface_stability", list(_neighbours(surface))))
    if blocks:
        yield Section("stability", "How stable the best is", blocks)


def _neighbours(surface: Mapping[str, Any]) -> Iterator[Figure]:
    yield Figure("neighbours", "Neighbours of the best", surface["neighbours"], "count")
    yield Figure(
        "neighbours_objective", "Their mean objective", surface["neighbours_objective"], "ratio"
    )
    yield Figure(
        "plateau", "A plateau", surface["plateau"], "text", "the neighbours are nearly as good"
    )
