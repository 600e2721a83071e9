"""The jobs of an optimization.

Doctrine: a job is a value that survives pickling, and its outcomes are those of `evaluate` wherever
it is carried out. Its work comes in many steps, at each of which it can be stopped; how long one
takes is no matter of a test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import trio
from support.pickling_compute import PicklingCompute, repickled

from glowback_trio import BacktestRequest, Catalogue, MaCrossover
from glowback_trio.compute import (
    Answered,
    Compute,
    Failed,
    InlineCompute,
    Job,
    LoadJob,
    ProcessCompute,
    Progressed,
    Step,
    ThreadCompute,
    TrialsJob,
)
from glowback_trio.data.source import no_checkpoint
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import FULL, Segment, TrialOutcome, TrialPlan
from glowback_trio.model.bars import Dataset

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2015-01-01",
    end_date="2018-12-31",
    strategy=MaCrossover(),
)
COMPUTES: list[Callable[[], Compute]] = [
    InlineCompute,
    ThreadCompute,
    PicklingCompute,
    partial(ProcessCompute, 1),
]


def plans(count: int) -> list[TrialPlan]:
    last = datetime(2016, 12, 31, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    segments = (
        Segment(FULL, REQUEST.start_date, REQUEST.end_date),
        Segment("train", REQUEST.start_date, last),
    )
    return [
        TrialPlan(
            trial_number=number,
            parameters={"short_period": number % 25 + 1, "long_period": 20 + number // 25},
            segments=segments,
        )
        for number in range(1, count + 1)
    ]


def loaded() -> Dataset:
    *_, last = LoadJob(REQUEST, Catalogue()).steps(no_checkpoint)
    assert isinstance(last, Answered)
    assert isinstance(last.answer, Dataset)
    return last.answer


def timeless(outcomes: Any) -> list[tuple[Any, ...]]:
    """Outcomes without the time that they took."""
    return [
        (one.trial_number, one.metrics, one.sketch, one.split_scores, one.error) for one in outcomes
    ]


async def steps_of(compute: Compute, job: Job) -> list[Step]:
    send, receive = trio.open_memory_channel[Step](0)
    async with compute.opened(), trio.open_nursery() as nursery:
        nursery.start_soon(compute.run_job, job, send)
        return [step async for step in receive]


def test_bars_are_loaded_by_a_job_of_their_own() -> None:
    dataset = loaded()
    assert [bars.symbol for bars in dataset.bars] == ["AAPL"]
    assert repickled(dataset).digest() == dataset.digest()


def test_bars_that_cannot_be_loaded_fail_the_job_with_the_reason() -> None:
    missing = BacktestRequest(
        symbols=["AAPL"], start_date="2015-01-01", end_date="2018-12-31", data_source="csv"
    )
    (step,) = LoadJob(missing, Catalogue()).steps(no_checkpoint)
    assert isinstance(step, Failed)
    assert "data_source" in step.error


@pytest.mark.parametrize("compute", COMPUTES)
async def test_outcomes_are_those_of_evaluate_wherever_the_job_is_carried_out(
    compute: Callable[[], Compute],
) -> None:
    dataset, asked = loaded(), plans(24)  # of which the last five fail
    *slices, last = await steps_of(compute(), TrialsJob(REQUEST, dataset, asked))
    assert all(isinstance(step, Progressed) for step in slices)
    assert isinstance(last, Answered)
    assert timeless(last.answer) == timeless(evaluate(REQUEST, dataset, asked))


def test_the_work_comes_in_steps_in_which_it_can_be_stopped() -> None:
    steps = TrialsJob(REQUEST, loaded(), plans(600)).steps(no_checkpoint)
    assert sum(isinstance(step, Progressed) for step in steps) >= 3


def test_outcomes_say_how_long_they_took() -> None:
    *_, last = TrialsJob(REQUEST, loaded(), plans(2)).steps(no_checkpoint)
    assert isinstance(last, Answered)
    assert all(
        isinstance(one, TrialOutcome) and one.duration_s > 0
        for one in last.answer  # type: ignore[attr-defined]  # a tuple
    )
