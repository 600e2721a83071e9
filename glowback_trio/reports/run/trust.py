"""Overfit statistics of a run: intervals, the length of the record, and the honest N."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glowback_trio.reports.blocks import Block, Column, Figure, Figures, Prose, Section, Table
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.subjects import ReportedRun

__all__ = ["trust"]

_INTERVALS: Mapping[str, tuple[str, Unit]] = {
    "sharpe_ratio": ("Sharpe ratio", "ratio"),
    "total_return": ("Total return", "percent"),
    "annualized_return": ("Annual return", "percent"),
    "max_drawdown": ("Largest drawdown", "percent"),
}
_ALONE = (
    "How often anyone has looked is not known here: this report was written without the ledger of "
    "a server. If many parameters were tried and this run is the best of them, its Sharpe ratio is "
    "too high; the figures of an optimization say by how much."
)


def trust(run: ReportedRun) -> Iterator[Section]:
    """Yield the section about luck."""
    robust: Mapping[str, Any] = run.sheet["robustness"]
    blocks: list[Block] = [_intervals(robust, run)]
    blocks.append(Figures("record", list(_record(robust))))
    if run.overfit:
        blocks.append(Figures("overfit", list(_looks(run.overfit))))
        blocks.append(Prose("overfit_meaning", [_sentence(run.overfit)]))
    else:
        blocks.append(Prose("overfit_meaning", [_ALONE]))
    yield Section("trust", "How far to trust it", blocks)


def _intervals(robust: Mapping[str, Any], run: ReportedRun) -> Table:
    level = f"{robust['confidence'] * 100:g} %"
    columns = [
        Column("metric", "Metric"),
        Column("value", "Value", "number"),
        Column("low", f"Interval at {level}, from", "number"),
        Column("high", "to", "number"),
    ]
    known = [name for name in robust["intervals"] if name in _INTERVALS]
    rows = []
    for name in known:
        ends = robust["intervals"][name] or {}
        rows.append(
            (_INTERVALS[name][0], run.result.metrics[name], ends.get("low"), ends.get("high"))
        )
    return Table("intervals", "", columns, rows, units=[_INTERVALS[name][1] for name in known])


def _record(robust: Mapping[str, Any]) -> Iterator[Figure]:
    yield Figure("observations", "Returns", robust["observations"], "count", "one for each bar")
    yield Figure(
        "probabilistic_sharpe_ratio",
        "Probability of skill, one look",
        robust["probabilistic_sharpe_ratio"],
        "probability",
        "that the true Sharpe ratio is above zero, had nobody tried anything else",
    )
    yield Figure(
        "minimum_track_record",
        "Least record",
        robust["minimum_track_record"],
        "count",
        "bars that this Sharpe ratio needs to be told from zero",
    )
    blocks = f"{robust['replicates']:,} replicates, blocks of {robust['block_length']:.1f} bars"
    yield Figure("bootstrap", "Bootstrap", blocks, "text", f"seed {robust['seed']}")


def _looks(overfit: Mapping[str, Any]) -> Iterator[Figure]:
    yield Figure(
        "trials", "Trials counted", overfit.get("trials"), "count", "by anyone on this server"
    )
    yield Figure(
        "effective_trials",
        "Honest N",
        overfit.get("effective_trials"),
        "count",
        "trials that resemble no better one",
    )
    yield Figure(
        "deflated_sharpe_ratio",
        "Probability of skill, all looks",
        overfit.get("deflated_sharpe_ratio"),
        "probability",
        "the deflated Sharpe ratio: that it is more than the best of N by luck",
    )
    yield Figure("ledger_head", "Ledger", overfit.get("ledger_head"), "text", "the entry quoted")


def _sentence(overfit: Mapping[str, Any]) -> str:
    trials, honest = overfit.get("trials") or 0, overfit.get("effective_trials") or 0
    chance = overfit.get("deflated_sharpe_ratio")
    counted = f"{trials:,} trial{'' if trials == 1 else 's'} of this strategy on these bars"
    if chance is None:
        return f"The server has counted {counted}; there is no Sharpe ratio to judge."
    verdict = (
        "That is what is called significant."
        if chance > 0.95
        else "Below 0.95, luck remains a plain explanation."
    )
    return (
        f"The server has counted {counted}, of which {max(honest, 1):,} count as independent. "
        "Among so many, the probability that this Sharpe ratio is more than luck is "
        f"{chance:.3f}. {verdict}"
    )
