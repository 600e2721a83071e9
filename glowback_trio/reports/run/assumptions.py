"""Execution assumptions and data: strategy, costs, and the prices with their quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glowback_trio.reports.blocks import Block, Column, Figure, Figures, Prose, Section, Table
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.subjects import ReportedRun
from glowback_trio.reports.words import value_in_words

__all__ = ["assumptions", "data_quality", "record", "sentences"]

_SYMBOLS = 50
_LINES = 40
_FINDINGS = 20

#: Fields of the execution: label, and what they mean where the name does not say it.
_EXECUTION: Mapping[str, tuple[str, str]] = {
    "initial_capital": ("Initial capital", ""),
    "slippage_bps": ("Slippage, basis points", "against every fill"),
    "commission_bps": ("Commission, basis points", "of what is bought or sold"),
    "commission_per_share": ("Commission per unit", ""),
    "commission_minimum": ("Least commission of a fill", ""),
    "maker_commission_bps": ("Commission of limit orders, basis points", "n/a: as others"),
    "slippage_volume_impact": ("Slippage by volume", "by the part of a bar's volume"),
    "latency_ms": ("Latency, milliseconds", "from a decision to its order"),
    "whole_shares": ("Whole units only", ""),
    "allow_short": ("Short positions", "whether they are allowed"),
    "max_leverage": ("Largest leverage", "gross exposure over equity"),
    "max_volume_participation": ("Largest part of a bar's volume", "n/a: no limit"),
    "size_at": ("Size decided at", "by the price of this moment"),
    "borrow_rate": ("Rate of borrowing", "per year, for short positions"),
    "margin_interest_rate": ("Rate of margin", "per year, on negative cash"),
    "on_data_end": ("When a symbol's bars end", ""),
}
_QUALITY = (
    Column("symbol", "Symbol"),
    Column("bars", "Bars", "count"),
    Column("rows", "Rows read", "count"),
    Column("duplicate_timestamps", "Duplicates", "count"),
    Column("missing_intervals", "Gaps", "count"),
    Column("invalid_ohlc_rows", "Invalid prices", "count"),
    Column("negative_volume_rows", "Negative volumes", "count"),
    Column("unsorted_rows", "Out of order", "count"),
    Column("digest", "SHA-256 of the bars"),
)
_DIGITS = 23  # of a digest: `sha256:` and sixteen


def assumptions(run: ReportedRun) -> Iterator[Section]:
    """Yield the section about the strategy and how its orders were carried out."""
    manifest = run.result.manifest
    strategy, year = manifest["strategy"], manifest["annualisation"]
    replay = manifest["replay_request"]
    named = [
        Figure("strategy", "Strategy", strategy["name"], "text", strategy["strategy_id"]),
        *(
            Figure(name, name, value_in_words(value), "text")
            for name, value in strategy["parameters"].items()
        ),
        Figure("symbols", "Symbols", value_in_words(replay["symbols"]), "text"),
        Figure("warmup_bars", "Bars for warming up", replay.get("warmup_bars", 0), "count"),
    ]
    execution = [
        Figure(name, *_labelled(name, value)) for name, value in manifest["execution"].items()
    ]
    annual = [
        Figure(
            "periods_per_year", "Bars per year", year["periods_per_year"], "number", year["how"]
        ),
        Figure(
            "risk_free_rate", "Risk-free rate", year["risk_free_rate"], "signed_share", "per year"
        ),
    ]
    blocks: list[Block] = [
        Figures("strategy", named),
        Figures("execution", execution),
        Figures("annualisation", annual),
    ]
    yield Section("assumptions", "What was assumed", blocks)


def _labelled(name: str, value: object) -> tuple[str, object, Unit, str]:
    label, meaning = _EXECUTION.get(name, (name, ""))
    unit: Unit = "number" if isinstance(value, int | float) else "text"
    return label, value, unit, meaning


def data_quality(run: ReportedRun) -> Iterator[Section]:
    """Yield the section about the prices."""
    dataset = run.result.manifest["dataset"]
    summaries: Sequence[Mapping[str, Any]] = dataset["validation_summaries"]
    digests: Mapping[str, str] = dataset["bar_digests"]
    general = [
        Figure("dataset_kind", "Prices", dataset["dataset_kind"], "text", dataset["data_source"]),
        Figure("adjusted_for", "Adjusted for", dataset["adjusted_for"] or "not known", "text"),
        Figure("resolution", "Resolution", dataset["resolution"], "text"),
        Figure("first_date", "First date", dataset["first_date"], "text"),
        Figure("last_date", "Last date", dataset["last_date"], "text"),
        Figure("bars", "Rows of the simulation", dataset["bars"], "count"),
        Figure("digest", "SHA-256 of all", dataset["digest"], "text"),
    ]
    rows = [
        [
            *(row.get(column.name) for column in _QUALITY[:-1]),
            f"{digests.get(row['symbol'], '')[:_DIGITS]}…",
        ]
        for row in summaries[:_SYMBOLS]
    ]
    blocks: list[Block] = [Figures("dataset", general)]
    if provenance := dataset.get("provenance"):
        blocks.append(Prose("provenance", [str(provenance)]))
    blocks.append(Table("quality", "What was found in each series", _QUALITY, rows, len(summaries)))
    blocks += _findings(summaries)
    yield Section("data_quality", "The prices", blocks)


def _findings(summaries: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    for name, tone in (("critical", "warning"), ("warnings", "plain")):
        found = [f"{row['symbol']}: {text}" for row in summaries for text in row[name]]
        if found:
            shown = _first(found, _FINDINGS, "findings")
            yield Prose(name, shown, tone="warning" if tone == "warning" else "plain", listed=True)


def sentences(run: ReportedRun) -> Iterator[Section]:
    """Yield the section with what the run has told."""
    if lines := list(run.result.logs):
        shown = _first(lines, _LINES, "lines")
        yield Section("log", "What the run told", [Prose("log", shown, listed=True)])


def record(run: ReportedRun) -> Iterator[Section]:
    """Yield the section about what the report is a record of."""
    manifest = run.result.manifest
    figures = [
        Figure("run_id", "Run", run.run_id or "carried out without a gateway", "text"),
        Figure("version", "Computed by", f"glowback-trio {manifest['engine']['version']}", "text"),
    ]
    if run.log:
        figures += [
            Figure("event_count", "Events of its log", run.log.get("event_count"), "count"),
            Figure("digest", "SHA-256 of its log", run.log.get("digest"), "text"),
        ]
    yield Section("record", "What this is a record of", [Figures("record", figures)])


def _first(texts: Sequence[str], most: int, noun: str) -> list[str]:
    more = len(texts) - most
    return [*texts[:most], *([f"and {more:,} more {noun}"] if more > 0 else [])]
