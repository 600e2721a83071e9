"""Results of optimizations: as a store keeps them, and as a response has them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.wire.converter import Document
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import optimization_document
from glowback_trio.wire.optimizations.trials import (
    Durations,
    parse_trial,
    timed_trial_document,
    timed_trials,
    trial_document,
)
from glowback_trio.wire.tables import Chunks

__all__ = ["kept_result_document", "optimization_result_chunks", "parse_kept_result"]

# Items of a list that are encoded in one call: some 100 KB where they are trials.
_ITEMS_AT_ONCE = 100


def kept_result_document(result: OptimizationResult) -> Document:
    """Write a result as a document that `parse_kept_result` reads as an equal one."""
    return {
        "optimization_id": result.optimization_id,
        "state": result.state.value,
        "best_trial": result.best_trial and trial_document(result.best_trial),
        "trials": [trial_document(trial) for trial in result.trials],
        "front": list(result.front),
        "replay_backtest": result.replay_backtest,
        "diagnostics": result.diagnostics,
        "validation": result.validation,
        "manifest": result.manifest,
        "kept_runs": list(result.kept_runs),
        "attempt": result.attempt,
    }


def parse_kept_result(document: Any) -> OptimizationResult:
    """Read a result as `kept_result_document` writes it.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        best = document["best_trial"]
        read = {
            "state": OptimizationState(document["state"]),
            "best_trial": None if best is None else parse_trial(best),
            "trials": [parse_trial(trial) for trial in document["trials"]],
            "front": tuple(document["front"]),
            "kept_runs": tuple(document["kept_runs"]),
        }
        return OptimizationResult(**{**document, **read})
    except (KeyError, TypeError, ValueError) as error:
        problem = Problem("value_error", (), f"Input should be an optimization's result ({error})")
        raise InvalidRequestError([problem]) from None


def optimization_result_chunks(
    result: OptimizationResult,
    request: OptimizationRequest,
    status: OptimizationStatus,
    durations: Durations,
    now: datetime,
) -> Chunks:
    """Write the result as a response has it, some trials at a time.

    Args:
        result: What has been found so far, or in the end.
        request: What was requested.
        status: Says when it began and ended.
        durations: What is known of how long trials took.
        now: The end for one that has not ended.
    """
    requested = optimization_document(request)
    document = {
        "optimization_id": result.optimization_id,
        "name": request.name,
        "state": result.state.value,
        "attempt": result.attempt,
        "best_trial": result.best_trial and timed_trial_document(result.best_trial, durations),
        "all_trials": timed_trials(result.trials, durations),
        "front": list(result.front),
        "total_duration_seconds": _whole_seconds(status, now),
        "search_space": requested["search_space"],
        "validation_mode": request.validation_mode,
        "validation": result.validation,
        "replay_backtest": result.replay_backtest,
        "diagnostics": result.diagnostics,
        "manifest": result.manifest,
        "kept_runs": list(result.kept_runs),
    }
    return _written(document)


def _written(value: Any) -> Chunks:
    """Write a document in chunks: an encoder holds the interpreter while it works on one.

    Args:
        value: A document; iterators in it are written as lists.
    """
    match value:
        case dict():
            yield b"{"
            for number, (name, each) in enumerate(value.items()):
                yield (b"," if number else b"") + dumps(name) + b":"
                yield from _written(each)
            yield b"}"
        case list() | Iterator():
            yield from _listed(value)
        case _:
            yield dumps(value)


def _listed(values: Iterable[Any]) -> Chunks:
    rest = iter(values)
    separator = b"["
    while some := list(islice(rest, _ITEMS_AT_ONCE)):
        yield separator + dumps(some)[1:-1]
        separator = b","
    yield b"]" if separator == b"," else b"[]"


def _whole_seconds(status: OptimizationStatus, now: datetime) -> int:
    if status.started_at is None:
        return 0
    ended = status.finished_at or now
    return max(0, math.floor((ended - status.started_at).total_seconds()))
