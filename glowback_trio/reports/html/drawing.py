"""Charts as SVG: lines over time with their axes, small enough to stand in a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from attrs import frozen

from glowback_trio.model.bars import Floats
from glowback_trio.reports.blocks import Chart, Line
from glowback_trio.reports.html.elements import Html, element
from glowback_trio.reports.html.ticks import logarithmic_ticks, time_ticks, value_ticks
from glowback_trio.reports.numbers import Unit, short, written

__all__ = ["chart_svg"]

_WIDTH = 720
_TALL, _LOW = 190, 112
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 8, 22
# Drawn in tenths of a unit, so that coordinates are whole numbers.
_FINE = 10
_LARGE_GROWTH = 8.0


@frozen
class _Scale:
    """Scale that turns a value into a height, in tenths of a unit from the top."""

    low: float
    high: float
    bottom: int
    logarithmic: bool = False

    def heights(self, values: Floats) -> Floats:
        bottom = self.bottom * _FINE
        room = bottom - _TOP * _FINE
        if self.logarithmic:
            part = np.log(values / self.low) / math.log(self.high / self.low)
        else:
            part = (values - self.low) / (self.high - self.low)
        return np.round(bottom - part * room)

    def ticks(self) -> Sequence[float]:
        ticks = logarithmic_ticks if self.logarithmic else value_ticks
        return ticks(self.low, self.high)


def chart_svg(chart: Chart) -> Html:
    """Draw a chart; it is described in words for those who cannot see it."""
    scale = _scale(chart)
    across = _across(chart)
    parts = [*_value_axis(scale, chart.unit), *_time_axis(chart, across, scale.bottom)]
    parts += [_drawn(line, across, scale) for line in chart.lines]
    if len(chart.lines) > 1:
        parts.append(_legend(chart.lines))
    return element(
        "svg",
        element("title", _description(chart)),
        *parts,
        viewBox=f"0 0 {_WIDTH} {scale.bottom + _BOTTOM}",
        role="img",
    )


def _scale(chart: Chart) -> _Scale:
    every = np.concatenate([line.values for line in chart.lines])
    finite = every[np.isfinite(every)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    bottom = (_LOW if chart.low else _TALL) - _BOTTOM
    if chart.unit == "money" and low > 0 and high / low > _LARGE_GROWTH:
        return _Scale(low, high, bottom, logarithmic=True)
    if any(line.kind == "loss" for line in chart.lines):
        high = max(high, 0.0)
    if not high > low:
        space = abs(low) * 0.01 or 1.0
        low, high = low - space, high + space
    return _Scale(low, high, bottom)


def _across(chart: Chart) -> Floats:
    """Return how far from the left the points are drawn."""
    left, right = _LEFT * _FINE, (_WIDTH - _RIGHT) * _FINE
    first, last = float(chart.place[0]), float(chart.place[-1])
    return np.round(left + (chart.place - first) / ((last - first) or 1.0) * (right - left))


def _value_axis(scale: _Scale, unit: Unit) -> list[Html]:
    ticks = list(scale.ticks())
    heights = scale.heights(np.array(ticks)) / _FINE
    parts = []
    for tick, height in zip(ticks, heights.tolist(), strict=True):
        parts.append(_rule(_LEFT, height, _WIDTH - _RIGHT, height, "grid"))
        parts.append(_label(_LEFT - 6, height + 3.5, short(tick, unit), "end"))
    return parts


def _time_axis(chart: Chart, across: Floats, bottom: int) -> list[Html]:
    parts = []
    for row, label in time_ticks(chart.time):
        place = across.item(min(row, len(across) - 1)) / _FINE
        parts.append(_rule(place, bottom, place, bottom + 4, "tick"))
        anchor = "end" if place > _WIDTH - 40 else "middle"
        parts.append(_label(place, bottom + 16, label, anchor))
    parts.append(_rule(_LEFT, bottom, _WIDTH - _RIGHT, bottom, "axis"))
    return parts


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element("path", d=f"M{x1:g} {y1:g}L{x2:g} {y2:g}", class_=kind)


def _label(x: float, y: float, text: str, anchor: str) -> Html:
    return element("text", text, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)


def _drawn(line: Line, across: Floats, scale: _Scale) -> Html:
    heights = scale.heights(line.values)
    path = "".join(_strokes(across, heights))
    grouped = [element("path", d=path, class_=f"line {line.kind}")]
    if line.kind == "loss" and path:
        zero = scale.heights(np.array([0.0])).item()
        closed = f"{path}L{across.item(-1):.0f} {zero:.0f}L{across.item(0):.0f} {zero:.0f}Z"
        grouped.insert(0, element("path", d=closed, class_="area"))
    return element("g", *grouped, transform=f"scale({1 / _FINE:g})")


def _strokes(across: Floats, heights: Floats) -> list[str]:
    """Return the commands of a path: relative ones, which are shorter; a gap lifts the pen."""
    found, last = [], None
    for x, y in zip(across.tolist(), heights.tolist(), strict=True):
        if math.isnan(y):
            last = None
        elif last is None:
            found.append(f"M{x:.0f} {y:.0f}")
            last = (x, y)
        else:
            dx, dy = x - last[0], y - last[1]
            found.append(f"l{dx:.0f}{' ' if dy >= 0 else ''}{dy:.0f}")
            last = (x, y)
    return found


def _legend(lines: Sequence[Line]) -> Html:
    parts: list[Html] = []
    for number, line in enumerate(lines):
        y = _TOP + 8 + 15 * number
        parts.append(_rule(_LEFT + 10, y, _LEFT + 28, y, f"line {line.kind} thick"))
        parts.append(_label(_LEFT + 34, y + 3.5, line.label, "start"))
    return element("g", *parts, class_="legend")


def _description(chart: Chart) -> str:
    told = (_told(line, chart.unit) for line in chart.lines)
    return f"{chart.title}. {' '.join(told)}"


def _told(line: Line, unit: Unit) -> str:
    values = line.values[np.isfinite(line.values)]
    if not len(values):
        return f"{line.label}: nothing."
    ends: Sequence[tuple[str, Callable[[], float]]] = (
        ("first", lambda: values.item(0)),
        ("lowest", lambda: float(values.min())),
        ("highest", lambda: float(values.max())),
        ("last", lambda: values.item(-1)),
    )
    return f"{line.label}: {', '.join(f'{name} {written(get(), unit)}' for name, get in ends)}."
