"""A heat map of two parameters, drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from glowback_trio.model.bars import Floats
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.outcome.objective_cells import ObjectiveCells, objective_cells

__all__ = ["heat_map"]

_MOST_ACROSS, _MOST_DOWN = 32, 24
# From dark blue over green to yellow, which people who cannot tell red from green can read.
_COLOURS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
_CELL = 2  # characters


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
    found = objective_cells(trials, names, most=(_MOST_ACROSS, _MOST_DOWN), maximize=maximize)
    if found is None:
        return None
    worst, best = (np.nanmin, np.nanmax) if maximize else (np.nanmax, np.nanmin)
    lowest, highest = float(worst(found.cells)), float(best(found.cells))
    title = f"{names[1]} (down) by {names[0]} (across): objective {lowest:.4g} to {highest:.4g}"
    levels = (found.cells - lowest) / (highest - lowest or 1.0)
    return Group(Text(title, style="bold"), _drawn(levels, found, colour=colour))


def _drawn(levels: Floats, found: ObjectiveCells, *, colour: bool) -> Table:
    across, down = ([f"{value:.4g}" for value in axis] for axis in (found.across, found.down))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True)
    for label, row in zip(reversed(down), levels[::-1].tolist(), strict=True):
        table.add_row(label, Text.assemble(*[_cell(level, colour=colour) for level in row]))
    first, last = across[0], across[-1]
    gap = max(1, _CELL * len(across) - len(first) - len(last))
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
