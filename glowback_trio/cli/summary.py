"""Print a result on one screen, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from glowback_trio.model.bars import Floats
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

__all__ = ["print_summary", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60
_LISTED = 5  # symbols by name; more are counted
_LONG = 1e6  # percent: longer changes are written with an exponent


def _money(value: float) -> str:
    return f"{value:,.2f}"


def _percent(value: float) -> str:
    return f"{value:.2f} %"


def _change(value: float) -> str:
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
    ("Total return", "total_return", _change),
    ("Fills", "total_trades", _count),
    ("Annual return", "annualized_return", _change),
    ("Round trips", "round_trips", _count),
    ("Volatility", "volatility", _percent),
    ("Win rate", "win_rate", _share),
    ("Max drawdown", "max_drawdown", _percent),
    ("Profit factor", "profit_factor", _ratio),
    ("Time invested", "exposure_time", _share),
    ("Commissions", "total_commissions", _money),
)
_BENCHMARK_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Benchmark", "benchmark_return", _change),
    ("Beta", "beta", _ratio),
)


def print_summary(request: BacktestRequest, result: Result, console: Console) -> None:
    """Print the request, the main figures, and the equity curve if the terminal can draw it."""
    parts: list[RenderableType] = [_head(request, result), Text(), _figures(result)]
    # Blocks are not ASCII; a terminal without them would show question marks.
    if not console.options.ascii_only and len(result.curve):
        parts += [Text(), _equity(result)]
    console.print(Panel.fit(Group(*parts), padding=(1, 2), title=request.strategy.title))


def _head(request: BacktestRequest, result: Result) -> Text:
    portfolio = request.portfolio_construction
    given = attrs.asdict(request.strategy) if portfolio is None else portfolio.target_weights
    parameters = ", ".join(f"{name} {value}" for name, value in given.items())
    if request.benchmark_symbol is not None:
        parameters = ", ".join(filter(None, (parameters, f"benchmark {request.benchmark_symbol}")))
    first, more = ", ".join(request.symbols[:_LISTED]), len(request.symbols) - _LISTED
    symbols = f"{first} and {more} more" if more > 0 else first
    return Text.assemble((symbols, "bold"), f"  {_period(request, result)}\n", (parameters, "dim"))


def _period(request: BacktestRequest, result: Result) -> str:
    times = result.curve.time
    if not len(times):
        return "no bars"
    first, last = result.curve.date[[0, -1]]
    length = {"day": "daily", "hour": "hourly"}.get(request.resolution, request.resolution)
    prices = ", GENERATED prices" if result.metrics["sample_data"] else ""
    return f"{first} to {last}, {len(times):,} {length} bars{prices}"


def _figures(result: Result) -> Table:
    table = Table.grid(padding=(0, 4, 0, 0))
    for _ in range(2):
        table.add_column()
        table.add_column(justify="right", style="bold")
    cells = list(_cells(result))
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        table.add_row(*left, *right)
    return table


def _cells(result: Result) -> Iterator[tuple[str, str]]:
    figures = _FIGURES if result.benchmark is None else (*_FIGURES, *_BENCHMARK_FIGURES)
    for label, name, format_ in figures:
        value = result.metrics[name]
        yield label, "n/a" if value is None else format_(value)


def _equity(result: Result) -> Text:
    value = result.curve.value
    return Text.assemble(
        ("Equity  ", "dim"),
        (sparkline(value, _WIDTH), "green"),
        (f"\n        low {value.min():,.0f}, high {value.max():,.0f}", "dim"),
    )


def sparkline(values: Floats, width: int) -> str:
    """Draw a curve as one line of blocks, from its lowest value to its highest.

    Args:
        values: (T,) numbers of any unit. No values give an empty line, equal ones the lowest block.
        width: The most blocks to draw; each shows the last value of its section of the curve.
    """
    if not len(values):
        return ""
    columns = min(width, len(values))
    # The last block thus shows the final value.
    ends = np.arange(1, columns + 1) * len(values) // columns - 1
    shown = values[ends]
    low, high = shown.min(), shown.max()
    scaled = (shown - low) / (high - low) if high > low else np.zeros(columns)
    return "".join(_BLOCKS[level] for level in np.rint(scaled * 7).astype(int).tolist())
