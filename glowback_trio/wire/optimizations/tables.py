"""Trials as a table: a row each, and a column for every parameter and every metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from glowback_trio.model.optimization.trial import Trial
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.trials import Durations
from glowback_trio.wire.rows import Column, Columns, Which
from glowback_trio.wire.tables import Table

__all__ = ["trial_table"]

# Rows are five times as long as those of an equity curve.
_ROWS_AT_ONCE = 100
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1

_Read = Callable[[Trial], Any]


def trial_table(trials: Sequence[Trial], durations: Durations) -> Table:
    """Return a table of trials, in their order.

    The columns are `trial_number`, `status`, `objective`, `feasible`, `split` and `duration_ms`,
    then `parameters.<name>` and `metrics.<name>` in the order in which trials first have them, and
    `error`. What a trial lacks is null, or an empty cell.

    Args:
        trials: The trials.
        durations: What is known of how long they took.
    """
    readers = _readers(trials, durations)
    # The form of a column follows from all of its values, and not from those of some rows.
    makers = {name: (read, _maker(map(read, trials))) for name, read in readers.items()}

    def columns(which: Which) -> Columns:
        some = _some(trials, which)
        return {name: make([read(each) for each in some]) for name, (read, make) in makers.items()}

    return Table(len(trials), columns, _ROWS_AT_ONCE)


def _some(trials: Sequence[Trial], which: Which) -> Sequence[Trial]:
    return trials[which] if isinstance(which, slice) else [trials[i] for i in which.tolist()]


def _readers(trials: Sequence[Trial], durations: Durations) -> dict[str, _Read]:
    readers: dict[str, _Read] = {
        "trial_number": lambda trial: trial.trial_number,
        "status": lambda trial: trial.status,
        "objective": lambda trial: trial.objective,
        "feasible": lambda trial: trial.feasible,
        "split": lambda trial: trial.split,
        "duration_ms": lambda trial: _milliseconds(durations.get(trial.trial_number)),
    }
    for name in dict.fromkeys(name for trial in trials for name in trial.parameters):
        readers[f"parameters.{name}"] = partial(_parameter, name)
    for name in dict.fromkeys(name for trial in trials for name in trial.metrics):
        readers[f"metrics.{name}"] = partial(_metric, name)
    readers["error"] = lambda trial: trial.error
    return readers


def _parameter(name: str, trial: Trial) -> object:
    return trial.parameters.get(name)


def _metric(name: str, trial: Trial) -> float | None:
    metric = trial.metrics.get(name)
    return None if metric is None else float(metric)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _maker(values: Iterable[Any]) -> Callable[[list[Any]], Column]:
    """Return what makes a column of such values: whole numbers, doubles, truth values or text."""
    values = list(values)
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return _bools
    if kinds == {int}:
        return _integers if all(_LEAST <= each <= _GREATEST for each in values) else _texts
    return _doubles if kinds <= {int, float, type(None)} else _texts


def _bools(values: list[Any]) -> Column:
    return np.array(values, np.bool_)


def _integers(values: list[Any]) -> Column:
    return np.array(values, np.int64)


def _doubles(values: list[Any]) -> Column:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _texts(values: list[Any]) -> Column:
    return [_text(value) for value in values]


def _text(value: object) -> str | None:
    """Return a value as text; what is no text, such as a list of symbols, as JSON."""
    return value if value is None or isinstance(value, str) else dumps(value).decode()
