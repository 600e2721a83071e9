"""Runs, results and searches as cards that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from glowback_trio.actors import Optimization, Run
from glowback_trio.errors import NotReadyError, UnknownRunError
from glowback_trio.model.lifecycle import State
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted
from glowback_trio.reports.blocks import Chart, Figures, Line
from glowback_trio.reports.html.drawing import chart_svg
from glowback_trio.reports.html.elements import Html, element
from glowback_trio.reports.numbers import written
from glowback_trio.reports.optimization.page import optimization_page
from glowback_trio.reports.run.curves import curves
from glowback_trio.reports.run.headline import FIRST
from glowback_trio.reports.run.page import run_subtitle
from glowback_trio.reports.subjects import ReportedRun

__all__ = ["card", "live_card", "optimization_card", "result_card", "run_card", "search_card"]

# Under a class of its own, because a notebook is one page.
_STYLE = (
    ".gbt{font:13px/1.4 system-ui,sans-serif;border:1px solid #8884;border-radius:6px;"
    "padding:.7em 1em;max-width:46em}.gbt b{font-size:1.1em}.gbt p{margin:.2em 0;opacity:.75}"
    ".gbt dl{display:flex;flex-wrap:wrap;gap:.3em 1.6em;margin:.6em 0}.gbt dt{opacity:.7;"
    "font-size:.85em}.gbt dd{margin:0;font-weight:600}.gbt svg{display:block;width:100%;"
    "height:auto}"
    ".gbt svg text{font-size:10.5px;fill:currentColor;opacity:.7}.gbt svg path{fill:none;"
    "vector-effect:non-scaling-stroke}.gbt .grid{stroke:#8884}.gbt .axis,.gbt .tick{stroke:#888}"
    ".gbt .line{stroke-width:1.4}.gbt .main{stroke:#2b7cc0}.gbt .other{stroke:#b07a1a}"
    ".gbt progress{width:100%}"
)


def card(title: str, lines: Iterable[str], *parts: Html) -> str:
    """Return a card: a title, some lines below it, and what else it shows."""
    below = (element("p", line) for line in lines if line)
    style = element("style", Html(_STYLE))
    return element("div", style, element("b", title), *below, *parts, class_="gbt")


def result_card(result: Result) -> str:
    """Return the card of a result: its main figures, and its curve."""
    run = ReportedRun(result)
    values = [(label, written(result.metrics.get(name), unit)) for name, label, unit, _ in FIRST]
    (section,) = curves(run)
    chart = section.blocks[0]
    assert isinstance(chart, Chart), "a run's curve comes first"
    return card(run.name, [run_subtitle(run)], _figures(values), chart_svg(chart))


def _figures(values: Iterable[tuple[str, str]]) -> Html:
    pairs = (element("div", element("dt", label), element("dd", value)) for label, value in values)
    return element("dl", *pairs)


def run_card(run: Run) -> str:
    """Return the card of a run: its result if it is there, else how far it is."""
    status = run.status
    if status.state is State.COMPLETED:
        with suppress(NotReadyError, UnknownRunError):
            return result_card(run.result())
    told = status.error or f"{status.progress:.0%}, {counted(status.event_count, 'event')}"
    return card(f"Run {status.run_id}", [f"{status.state}: {told}"], _bar(status.progress))


def _bar(progress: float) -> Html:
    return element("progress", value=f"{progress:.4f}", max="1")


def search_card(result: OptimizationResult) -> str:
    """Return the card of an optimization's result: the best trial, and how likely it is luck."""
    if result.state is not OptimizationState.COMPLETED or result.manifest is None:
        return card("Optimization", [f"{result.state}, {counted(len(result.trials), 'trial')}"])
    page = optimization_page(result)
    first = page.sections[0].blocks
    shown = [block for block in first if isinstance(block, Figures)]
    values = [
        (figure.label, written(figure.value, figure.unit))
        for block in shown
        for figure in block.figures
    ]
    reasons = [str(each) for each in result.diagnostics.get("not_qualified_because", ())]
    return card(page.title, [page.subtitle, *reasons], _figures(values))


def optimization_card(optimization: Optimization) -> str:
    """Return the card of an optimization: how far it is."""
    status = optimization.status
    done = status.trials_completed + status.trials_failed
    told = status.error or f"{done:,} of {status.max_trials:,} trials"
    title = f"Optimization {optimization.request.name}"
    return card(title, [f"{status.state}: {told}"], _bar(status.progress))


def live_card(
    title: str, told: str, progress: float, time: Sequence[str], value: Sequence[float]
) -> str:
    """Return the card of a run under way: its progress, and its curve so far.

    Args:
        title: What it is called.
        told: What there is to say.
        progress: From 0 to 1.
        time: Times of the points of its curve, as events have them.
        value: Their values, currency.
    """
    parts = [_bar(progress)]
    if len(value) > 1:
        moments = np.array([each.removesuffix("+00:00") for each in time], "M8[ns]")
        line = Line("value", "Value", np.array(value, float))
        parts.append(chart_svg(Chart("equity", "Value of the account", moments, [line], "money")))
    return card(title, [told], *parts)
