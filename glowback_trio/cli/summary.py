"""Print a result on one screen, for people: the same box wherever the result comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from glowback_trio.cli.sparkline import sparkline
from glowback_trio.engine.reporting.result_document import BlockName, result_document
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted, listed

__all__ = ["SUMMARY_BLOCKS", "SUMMARY_POINTS", "brief", "change", "print_summary"]

#: What the summary needs of a result, and how many points of its curve.
SUMMARY_BLOCKS: tuple[BlockName, ...] = ("metrics_summary", "equity_curve", "manifest")
SUMMARY_POINTS = 500

_WIDTH = 60
_LISTED = 5  # symbols by name; more are counted
_LONG = 1e6  # percent: longer changes are written with an exponent


def _money(value: float) -> str:
    return f"{value:,.2f}"


def _percent(value: float) -> str:
    return f"{value:.2f} %"


def change(value: float) -> str:
    """Write a change in percent with its sign."""
    return f"{value:+.2f} %" if abs(value) < _LONG else f"{value:+.1e} %"


def _share(value: float) -> str:
    return f"{value * 100:.1f} %"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


# Printed in two columns: the money on the left, the ratios and counts on the right.
_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Initial capital", "initial_capital", _money),
    ("Sharpe ratio", "sharpe_ratio", _ratio),
    ("Final value", "final_value", _money),
    ("Sortino ratio", "sortino_ratio", _ratio),
    ("Total return", "total_return", change),
    ("Fills", "total_trades", _count),
    ("Annual return", "annualized_return", change),
    ("Round trips", "round_trips", _count),
    ("Volatility", "volatility", _percent),
    ("Win rate", "win_rate", _share),
    ("Max drawdown", "max_drawdown", _percent),
    ("Profit factor", "profit_factor", _ratio),
    ("Time invested", "exposure_time", _share),
    ("Commissions", "total_commissions", _money),
)
_BENCHMARK_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Benchmark", "benchmark_return", change),
    ("Beta", "beta", _ratio),
)


def brief(result: Result) -> Mapping[str, Any]:
    """Return what the summary needs of a result of this process."""
    return result_document(result, "", include=SUMMARY_BLOCKS, max_points=SUMMARY_POINTS)


def print_summary(result: Mapping[str, Any], console: Console) -> None:
    """Print the backtest, the main figures, and the equity curve if the terminal can draw it.

    Args:
        result: The document of a result, with `SUMMARY_BLOCKS` of it, and `SUMMARY_POINTS` of its
            curve, from which the lowest and the highest value are never missing.
        console: Where to print.
    """
    parts: list[RenderableType] = [_head(result), Text(), _figures(result)]
    # Blocks are not ASCII; a terminal without them would show question marks.
    if not console.options.ascii_only:
        parts += [Text(), _equity(result["equity_curve"])]
    title = result["manifest"]["strategy"]["name"]
    console.print(Panel.fit(Group(*parts), padding=(1, 2), title=title))


def _head(result: Mapping[str, Any]) -> Text:
    manifest = result["manifest"]
    portfolio = manifest["replay_request"]["portfolio_construction"]
    given = portfolio["target_weights"] if portfolio else manifest["strategy"]["parameters"]
    words = [f"{name} {value}" for name, value in given.items()]
    if result["benchmark_symbol"] is not None:
        words.append(f"benchmark {result['benchmark_symbol']}")
    symbols = listed(manifest["replay_request"]["symbols"], _LISTED)
    return Text.assemble((symbols, "bold"), f"  {_period(result)}\n", (", ".join(words), "dim"))


def _period(result: Mapping[str, Any]) -> str:
    dataset = result["manifest"]["dataset"]
    resolution = dataset["resolution"]
    length = {"day": "daily", "hour": "hourly"}.get(resolution, resolution)
    bars = counted(dataset["bars"], f"{length} bar")
    prices = ", GENERATED prices" if result["metrics_summary"]["sample_data"] else ""
    return f"{dataset['first_date']} to {dataset['last_date']}, {bars}{prices}"


def _figures(result: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 4, 0, 0))
    for _ in range(2):
        table.add_column()
        table.add_column(justify="right", style="bold")
    cells = list(_cells(result))
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        table.add_row(*left, *right)
    return table


def _cells(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    compared = result["benchmark_symbol"] is not None
    for label, name, format_ in (*_FIGURES, *_BENCHMARK_FIGURES) if compared else _FIGURES:
        value = result["metrics_summary"][name]
        yield label, "n/a" if value is None else format_(value)


def _equity(curve: list[Mapping[str, Any]]) -> Text:
    value = np.array([row["value"] for row in curve])
    return Text.assemble(
        ("Equity  ", "dim"),
        (sparkline(value, _WIDTH), "green"),
        (f"\n        low {value.min():,.0f}, high {value.max():,.0f}", "dim"),
    )
