"""A result as a chart of matplotlib: its value and its drawdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glowback_trio.extras import MATPLOTLIB
from glowback_trio.model.result import Result
from glowback_trio.notebook.frames import equity_frame

__all__ = ["plot"]


def plot(*results: Result | Mapping[str, Any]) -> Any:
    """Draw the value and the drawdown of some results; returns a `matplotlib.figure.Figure`.

    A notebook shows the figure if it is the last value of a cell. The benchmark of a single result
    of this process is drawn as well.

    Args:
        results: Results, or their documents from a server.

    Raises:
        DataError: matplotlib or pandas is not installed.
    """
    pyplot = MATPLOTLIB.load("matplotlib.pyplot")
    figure, (upper, lower) = pyplot.subplots(
        2, 1, sharex=True, figsize=(9, 5), height_ratios=(3, 1), layout="constrained"
    )
    for number, result in enumerate(results):
        frame = equity_frame(result)
        upper.plot(frame.index, frame["value"], label=_name(result, number, len(results)))
        lower.fill_between(frame.index, -frame["drawdown"], 0.0, alpha=0.35)
        if len(results) == 1 and isinstance(result, Result) and result.benchmark is not None:
            upper.plot(frame.index, result.benchmark.value, label=result.benchmark.symbol)
    upper.set_ylabel("value")
    lower.set_ylabel("drawdown, %")
    upper.grid(visible=True, alpha=0.3)
    lower.grid(visible=True, alpha=0.3)
    upper.legend()
    # A notebook draws what is open at the end of a cell, and would show the figure twice.
    pyplot.close(figure)
    return figure


def _name(result: Result | Mapping[str, Any], number: int, count: int) -> str:
    manifest = result.manifest if isinstance(result, Result) else result.get("manifest") or {}
    name = str((manifest.get("strategy") or {}).get("name") or "value")
    return name if count == 1 else f"{chr(ord('A') + number)}: {name}"
