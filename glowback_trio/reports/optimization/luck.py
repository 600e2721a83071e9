"""Overfit statistics of the best trial, for this search and for all trials of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.reports.blocks import Block, Figure, Figures, Prose, Section
from glowback_trio.reports.numbers import Unit

__all__ = ["luck"]

_FIGURES: Sequence[tuple[str, str, Unit, str]] = (
    ("trials_considered", "Trials", "count", ""),
    ("effective_number_of_trials", "Honest N", "count", "trials that resemble no better one"),
    ("probabilistic_sharpe_ratio", "Probability of skill, one look", "probability", ""),
    (
        "deflated_sharpe_ratio",
        "Deflated Sharpe ratio",
        "probability",
        "probability of skill among so many trials",
    ),
    (
        "deflated_sharpe_ratio_all_trials",
        "Deflated by every trial",
        "probability",
        "as if none resembled another",
    ),
    (
        "expected_best_sharpe_ratio",
        "Sharpe ratio of the best by luck",
        "ratio",
        "what so many trials without skill reach",
    ),
    ("track_record_bars", "Record", "count", "bars"),
    ("minimum_track_record_bars", "Least record", "count", "bars that the Sharpe ratio needs"),
    ("probability_of_backtest_overfitting", "Odds of overfitting", "probability", ""),
    ("probability_of_loss_out_of_sample", "Odds of a loss out of sample", "probability", ""),
    ("superior_ability_p_value", "Test for superior ability, p", "probability", ""),
    ("reality_check_p_value", "Reality check, p", "probability", ""),
)


def luck(result: OptimizationResult) -> Iterator[Section]:
    """Yield the section about luck."""
    figures = result.diagnostics
    known = [each for each in _FIGURES if each[0] in figures]
    if not known:
        return
    blocks: list[Block] = [Figures("luck", _some(known, figures))]
    ledger: Mapping[str, Any] | None = figures.get("ledger")
    if ledger:
        sentence = (
            "With all trials that the server's ledger has counted for this strategy and bars:"
        )
        blocks.append(Prose("ledger_meaning", [sentence]))
        blocks.append(Figures("ledger", _some([e for e in _FIGURES if e[0] in ledger], ledger)))
    yield Section("luck", "How likely it is luck", blocks)


def _some(wanted: Sequence[tuple[str, str, Unit, str]], values: Mapping[str, Any]) -> list[Figure]:
    return [
        Figure(name, label, values[name], unit, meaning) for name, label, unit, meaning in wanted
    ]
