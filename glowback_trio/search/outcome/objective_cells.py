"""The objectives of trials over two of their parameters, as cells of a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.optimization.trial import Trial

__all__ = ["ObjectiveCells", "objective_cells", "pick_two"]


@frozen(eq=False)
class ObjectiveCells:
    """The best objective of each cell of two numeric parameters.

    Attributes:
        across: The values of the columns, ascending, or the middles of sections where there are
            too many.
        down: Those of the rows, likewise.
        cells: (rows, columns); NaN where there is no trial.
    """

    across: Sequence[float]
    down: Sequence[float]
    cells: Floats


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


def objective_cells(
    trials: Sequence[Trial], names: tuple[str, str], *, most: tuple[int, int], maximize: bool
) -> ObjectiveCells | None:
    """Find the best objective of each cell.

    Args:
        trials: Those that cannot win are left out.
        names: The parameter across, and the one downwards.
        most: Columns and rows at most.
        maximize: Whether more of the objective is better.

    Returns:
        The cells; None where no trial can win.
    """
    ranked = [trial for trial in trials if trial.ranked]
    if not ranked:
        return None
    across, down = (
        _Axis.of(np.array([_number(trial.parameters[name]) for trial in ranked]), limit)
        for name, limit in zip(names, most, strict=True)
    )
    cells = np.full((len(down.values), len(across.values)), np.nan)
    better = np.fmax if maximize else np.fmin
    objectives = np.array([trial.objective for trial in ranked], float)
    better.at(cells, (down.cell, across.cell), objectives)
    return ObjectiveCells(across.values, down.values, cells)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


@frozen
class _Axis:
    """The cells along one side of the map.

    Attributes:
        values: The values of the cells.
        cell: The cell of each trial, (N,).
    """

    values: Sequence[float]
    cell: Indices

    @classmethod
    def of(cls, values: Floats, most: int) -> _Axis:
        distinct, cell = np.unique(values, return_inverse=True)
        if len(distinct) <= most:
            return cls(distinct.tolist(), cell)
        edges = np.linspace(distinct[0], distinct[-1], most + 1)
        section = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, most - 1)
        return cls(((edges[1:] + edges[:-1]) / 2).tolist(), section)
