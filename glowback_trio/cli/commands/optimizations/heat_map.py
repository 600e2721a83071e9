"""A heat map of two parameters, drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.optimization.trial import Trial

__all__ = ["heat_map", "pick_two"]

_MOST_ACROSS, _MOST_DOWN = 32, 24
# From dark blue over green to yellow, which people who cannot tell red from green can read.
_COLOURS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
_CELL = 2  # characters


def pick_two(trials: Sequence[Trial]) -> tuple[str, str] | None:
    """Return the two numeric parameters with the most values; None if there are not two."""
    names = [name for trial in trials[:1] for name in trial.parameters]
    values = {name: {trial.parameters[name] for trial in trials} for name in names}
    varied = [name for name in names if len(values[name]) > 1 and all(map(_numeric, values[name]))]
    # Sorting is stable: of equal ones those that the request names first.
    most = sorted(varied, key=lambda name: len(values[name]), reverse=True)[:2]
    return (most[0], most[1]) if len(most) == 2 else None


def _numeric(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def heat_map(
    trials: Sequence[Trial], names: tuple[str, str], *, maximize: bool, colour: bool
) -> RenderableType | None:
    """Draw the best objective of each cell of two numeric parameters.

    Args:
        trials: Those that cannot win are left out.
        names: The parameter across, and the one downwards.
        maximize: Whether more of the objective is better.
        colour: Whether the terminal has colours: cells from dark, the worst, to yellow, the best;
            otherwise digits from 0 to 9.

    Returns:
        The map; None where no trial can win.
    """
    ranked = [trial for trial in trials if trial.ranked]
    if not ranked:
        return None
    across, down = (
        _Axis.of(np.array([_number(trial.parameters[name]) for trial in ranked]), most)
        for name, most in zip(names, (_MOST_ACROSS, _MOST_DOWN), strict=True)
    )
    cells = _best_cells(ranked, across, down, maximize=maximize)
    worst, best = (np.nanmin, np.nanmax) if maximize else (np.nanmax, np.nanmin)
    lowest, highest = float(worst(cells)), float(best(cells))
    title = f"{names[1]} (down) by {names[0]} (across): objective {lowest:.4g} to {highest:.4g}"
    levels = (cells - lowest) / (highest - lowest or 1.0)
    return Group(Text(title, style="bold"), _drawn(levels, across, down, colour=colour))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


@frozen
class _Axis:
    """The cells along one side of the map.

    Attributes:
        labels: The values of the cells, or the middles of sections where there are too many.
        cell: The cell of each trial, (N,).
    """

    labels: Sequence[str]
    cell: Indices

    @classmethod
    def of(cls, values: Floats, most: int) -> _Axis:
        distinct, cell = np.unique(values, return_inverse=True)
        if len(distinct) <= most:
            return cls([f"{value:.4g}" for value in distinct.tolist()], cell)
        edges = np.linspace(distinct[0], distinct[-1], most + 1)
        section = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, most - 1)
        middles = (edges[1:] + edges[:-1]) / 2
        return cls([f"{value:.4g}" for value in middles.tolist()], section)


def _best_cells(trials: Sequence[Trial], across: _Axis, down: _Axis, *, maximize: bool) -> Floats:
    """Return the best objective of each cell, (rows, columns); NaN where there is no trial."""
    cells = np.full((len(down.labels), len(across.labels)), np.nan)
    better = np.fmax if maximize else np.fmin
    objectives = np.array([trial.objective for trial in trials], float)
    better.at(cells, (down.cell, across.cell), objectives)
    return cells


def _drawn(levels: Floats, across: _Axis, down: _Axis, *, colour: bool) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True)
    for label, row in zip(reversed(down.labels), levels[::-1].tolist(), strict=True):
        table.add_row(label, Text.assemble(*[_cell(level, colour=colour) for level in row]))
    first, last = across.labels[0], across.labels[-1]
    gap = max(1, _CELL * len(across.labels) - len(first) - len(last))
    table.add_row("", Text(f"{first}{' ' * gap}{last}", style="dim"))
    return table


def _cell(level: float, *, colour: bool) -> tuple[str, Style]:
    if np.isnan(level):
        return " " * _CELL, Style.null()
    if not colour:
        return f"{round(level * 9):>{_CELL}}", Style.null()
    place = level * (len(_COLOURS) - 1)
    red, green, blue = (
        round(float(np.interp(place, range(len(_COLOURS)), channel))) for channel in _COLOURS.T
    )
    return " " * _CELL, Style(bgcolor=f"rgb({red},{green},{blue})")
