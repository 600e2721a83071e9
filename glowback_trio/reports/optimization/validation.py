"""Out-of-sample results: windows or splits with their winners, and the stitched curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.reports.blocks import Block, Chart, Column, Figure, Figures, Line, Section, Table
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.words import pairs
from glowback_trio.wire.downsample import thin

__all__ = ["validation"]

_SHOWN = 40
_COLUMNS = (
    Column("place", "Window", "count"),
    Column("train", "Trained on"),
    Column("test", "Held out"),
    Column("winner", "Winner", "count"),
    Column("parameters", "Parameters"),
    Column("train_objective", "In training", "ratio"),
    Column("test_objective", "Held out", "ratio"),
)
_METRICS: Sequence[tuple[str, str, Unit]] = (
    ("total_return", "Total return", "change"),
    ("annualized_return", "Annual return", "change"),
    ("sharpe_ratio", "Sharpe ratio", "ratio"),
    ("max_drawdown", "Largest drawdown", "percent"),
    ("volatility", "Volatility", "percent"),
    ("final_value", "Final value", "money"),
)


def validation(result: OptimizationResult) -> Iterator[Section]:
    """Yield the section about what was held out."""
    found = result.validation
    parts: Sequence[Mapping[str, Any]] = found.get("windows") or found.get("splits") or ()
    blocks: list[Block] = list(_stitched(found.get("out_of_sample") or {}))
    if parts:
        rows = [_row(number, part) for number, part in enumerate(parts[:_SHOWN], start=1)]
        title = "Winners, each chosen by what it was trained on alone"
        blocks.append(Table("windows", title, _COLUMNS, rows, len(parts)))
    if blocks:
        yield Section("validation", "Out of sample", blocks)


def _row(number: int, part: Mapping[str, Any]) -> list[object]:
    chosen = part.get("parameters") or {}
    return [
        number,
        _period(part["train"]),
        _period(part["test"]),
        part.get("winner"),
        pairs(chosen),
        part.get("train_objective"),
        part.get("test_objective"),
    ]


def _period(span: Mapping[str, Any] | None) -> str:
    return "" if span is None else f"{span['start'][:10]} to {span['end'][:10]}"


def _stitched(found: Mapping[str, Any]) -> Iterator[Block]:
    if not found:
        return
    metrics = found["metrics"]
    figures = [Figure(name, label, metrics.get(name), unit) for name, label, unit in _METRICS]
    yield Figures("out_of_sample", figures)
    curve = found["equity_curve"]
    value = np.array([point["value"] for point in curve], float)
    # numpy knows no zone; all times of documents are UTC.
    time = np.array([point["timestamp"].removesuffix("+00:00") for point in curve], "M8[ns]")
    if len(value) > 1:
        rows = thin([value], 500)
        line = Line("value", "Value", value[rows])
        title = "Value, put together of what was held out"
        yield Chart("out_of_sample_equity", title, time[rows], [line], "money")
