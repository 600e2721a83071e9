"""Trades: round trips, the attribution of the profit to symbols, and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from glowback_trio.engine.analytics.trip_table import round_trip_columns
from glowback_trio.model.bars import Indices
from glowback_trio.model.result import Result
from glowback_trio.reports.blocks import Block, Column, Figure, Figures, Prose, Section, Table
from glowback_trio.reports.numbers import Unit
from glowback_trio.reports.subjects import ReportedRun
from glowback_trio.wire.json_text import iso_times
from glowback_trio.wire.rows import Columns

__all__ = ["attribution", "costs", "trades"]

_SHOWN = 10  # round trips at each end
_SYMBOLS = 30

_TRADED: Sequence[tuple[str, str, Unit, str]] = (
    ("total_trades", "Fills", "count", ""),
    ("round_trips", "Closed round trips", "count", "from flat to flat"),
    ("win_rate", "Win rate", "share", "of the round trips"),
    ("profit_factor", "Profit factor", "ratio", "sum of wins over sum of losses"),
    ("average_win", "Average win", "money", ""),
    ("average_loss", "Average loss", "money", ""),
    ("largest_win", "Largest win", "money", ""),
    ("largest_loss", "Largest loss", "money", ""),
    (
        "sqn",
        "System quality number",
        "ratio",
        "mean profit over its deviation, times root of count",
    ),
    ("kelly", "Kelly fraction", "ratio", "by win rate and average win and loss"),
)
_TRIP = (
    Column("symbol", "Symbol"),
    Column("side", "Side"),
    Column("entry_time", "Entry", "day"),
    Column("exit_time", "Exit", "day"),
    Column("shares", "Units", "number"),
    Column("entry_price", "Entry price", "price"),
    Column("exit_price", "Exit price", "price"),
    Column("pnl", "Profit", "money"),
    Column("return", "Return", "change"),
)
_SHARES = (
    Column("component", "Symbol"),
    Column("total_pnl", "Profit", "money"),
    Column("contribution_pct", "Of capital", "change"),
    Column("realized_pnl", "Realised", "money"),
    Column("unrealized_pnl", "Unrealised", "money"),
    Column("commissions", "Commissions", "money"),
    Column("slippage_cost", "Slippage", "money"),
    Column("ending_shares", "Units at the end", "number"),
)
_COSTS: Sequence[tuple[str, str, Unit, str]] = (
    ("total_commissions", "Commissions", "money", ""),
    ("total_slippage_cost", "Slippage", "money", "against prices before slippage"),
    ("total_carry", "Financing", "money", "borrowing and margin; negative where paid"),
    ("total_cost_drag", "All costs", "money", ""),
    ("cost_drag_pct_initial", "All costs, of the capital", "percent", ""),
    ("total_notional", "Bought and sold", "money", ""),
    ("turnover_multiple", "Bought and sold, of the capital", "ratio", "times"),
)
_EXPOSURE: Sequence[tuple[str, str, Unit, str]] = (
    ("average_gross_pct", "Mean gross exposure", "percent", "positions of either sign"),
    ("largest_gross_pct", "Largest gross exposure", "percent", ""),
    ("average_net_pct", "Mean net exposure", "percent", "long less short"),
    ("smallest_net_pct", "Smallest net exposure", "percent", ""),
    ("largest_net_pct", "Largest net exposure", "percent", ""),
)


def trades(run: ReportedRun) -> Iterator[Section]:
    """Yield the section about round trips."""
    result = run.result
    blocks: list[Block] = [Figures("trades", _some(_TRADED, result.metrics))]
    trips = round_trip_columns(result.trades)
    profit = np.asarray(trips["pnl"], float)
    order = np.argsort(profit, kind="stable")
    wins, losses = order[::-1][: (profit > 0).sum()], order[: (profit < 0).sum()]
    for name, title, which in (
        ("largest_wins", "Largest wins", wins),
        ("largest_losses", "Largest losses", losses),
    ):
        if len(which):
            rows = _rows(trips, which[:_SHOWN])
            blocks.append(Table(name, title, _TRIP, rows, len(which)))
    if not len(profit):
        blocks.append(Prose("round_trips", ["No round trip was closed."]))
    yield Section("trades", "Trades", blocks)


def _rows(trips: Columns, which: Indices) -> list[list[object]]:
    picked = [_picked(trips[column.name], which) for column in _TRIP]
    return [list(row) for row in zip(*picked, strict=True)]


def _picked(column: Any, which: Indices) -> Sequence[object]:
    if not isinstance(column, np.ndarray):
        return [column[index] for index in which.tolist()]
    some = column[which]
    return list(iso_times(some)) if some.dtype.kind == "M" else list(some.tolist())


def _some(wanted: Sequence[tuple[str, str, Unit, str]], values: Mapping[str, Any]) -> list[Figure]:
    return [
        Figure(name, label, values.get(name), unit, meaning)
        for name, label, unit, meaning in wanted
    ]


def attribution(run: ReportedRun) -> Iterator[Section]:
    """Yield the section with the share of each symbol in the profit."""
    shares: Sequence[Mapping[str, Any]] = run.sheet["attribution"]
    rows = [[row[column.name] for column in _SHARES] for row in shares[:_SYMBOLS]]
    table = Table("attribution", "", _SHARES, rows, len(shares))
    yield Section("attribution", "Where the profit came from", [table])


def costs(run: ReportedRun) -> Iterator[Section]:
    """Yield the sections about costs and exposure, and about a portfolio's weights."""
    sheet = run.sheet
    blocks: list[Block] = [Figures("costs", _some(_COSTS, sheet["costs"]))]
    yield Section("costs", "What trading cost", blocks)
    yield Section(
        "exposure", "Exposure", [Figures("exposure", _some(_EXPOSURE, sheet["exposure"]))]
    )
    if sheet["portfolio"]:
        yield Section("portfolio", "Portfolio", _portfolio(run.result, sheet["portfolio"]))


def _portfolio(result: Result, metrics: Mapping[str, Any]) -> list[Block]:
    held = result.portfolio
    assert held is not None, "only a run with a portfolio has its metrics"
    wanted: Sequence[tuple[str, str, Unit, str]] = (
        ("portfolio_rebalances", "Rebalances", "count", ""),
        ("average_turnover_pct", "Mean turnover of a rebalance", "percent", ""),
        ("max_weight_drift_pct", "Largest drift of a weight", "percent", ""),
        ("constraint_hit_count", "Constraints hit", "count", ""),
    )
    columns = (Column("symbol", "Symbol"), Column("target_weight", "Target weight", "share"))
    weights = list(held.construction.target_weights.items())
    return [
        Figures("portfolio", _some(wanted, metrics)),
        Table("target_weights", "Target weights", columns, weights[:_SYMBOLS], len(weights)),
    ]
