"""Jobs and their steps as values.

Doctrine: a job is sent where it is carried out, and its steps are sent back, so both must survive
pickling, and a copy of a job must do exactly what the job does: the same events, the same numbers.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from attrs import evolve, frozen
from support.pickling_compute import repickled
from support.results import plain

from glowback_trio import (
    BacktestRequest,
    Bars,
    BarStrategy,
    Catalogue,
    Context,
    MaCrossover,
    MemoryCatalogue,
    OnBar,
    PortfolioConstruction,
    demo_path,
)
from glowback_trio.compute import BacktestJob, Done, Failed, Progressed, Step
from glowback_trio.engine import tear_sheet
from glowback_trio.model.events import EventDraft
from glowback_trio.model.result import Result

REQUEST = BacktestRequest(
    symbols=["AAPL", "SPY"],
    start_date="2018-01-01",
    end_date="2019-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
)


@frozen
class BuyTen(BarStrategy):
    """A strategy that is found by its module and name in the process that unpickles it."""

    name: ClassVar[str] = "buy_ten"
    title: ClassVar[str] = "Buy ten"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            context.order("AAPL", 10)

        return on_bar


def in_memory() -> MemoryCatalogue:
    time = np.arange("2018-01-01", "2020-01-01", dtype="datetime64[D]")
    price = 100 + np.sin(np.arange(len(time)) / 9) * 10
    return MemoryCatalogue(
        Bars(symbol, time, price, price + 1, price - 1, price, price * 100)
        for symbol in REQUEST.symbols
    )


JOBS = {
    "sample prices": BacktestJob(REQUEST, Catalogue()),
    "files": BacktestJob(REQUEST, Catalogue(demo_path())),
    "prices in memory": BacktestJob(REQUEST, in_memory()),
    "a custom strategy": BacktestJob(evolve(REQUEST, strategy=BuyTen()), Catalogue()),
    "a portfolio": BacktestJob(
        BacktestRequest(
            symbols=["AAPL", "SPY"],
            start_date="2018-01-01",
            end_date="2019-12-31",
            portfolio_construction=PortfolioConstruction(target_weights={"AAPL": 0.5, "SPY": 0.5}),
        ),
        Catalogue(),
    ),
    "a benchmark": BacktestJob(evolve(REQUEST, benchmark_symbol="SPY"), Catalogue()),
    "no prices": BacktestJob(evolve(REQUEST, symbols=["NONE"]), Catalogue(demo_path())),
    "too much to emit": BacktestJob(REQUEST, Catalogue(), max_log_bytes=1000),
}


def carried_out(job: BacktestJob) -> list[Step]:
    return list(job.steps(lambda: None))


def drafts(steps: list[Step]) -> list[EventDraft]:
    return [draft for step in steps if isinstance(step, Progressed) for draft in step.drafts]


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_copy_of_a_job_does_what_the_job_does(job: BacktestJob) -> None:
    mine, theirs = carried_out(job), carried_out(repickled(job))
    assert drafts(theirs) == drafts(mine)
    assert plain(mine[-1]) == plain(theirs[-1])


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_steps_arrive_as_they_were_sent(job: BacktestJob) -> None:
    sent = carried_out(job)
    received = repickled(sent)
    assert [type(step) for step in received] == [type(step) for step in sent]
    assert drafts(received) == drafts(sent)
    assert plain(received[-1]) == plain(sent[-1])


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_the_tear_sheet_of_a_received_result_is_that_of_the_sent_one(job: BacktestJob) -> None:
    last = carried_out(job)[-1]
    if isinstance(last, Failed):
        return
    assert isinstance(last, Done)
    received: Result = repickled(last.result)
    assert tear_sheet(received) == tear_sheet(last.result)


def test_what_goes_wrong_in_a_job_is_its_last_step() -> None:
    assert [type(carried_out(JOBS[name])[-1]) for name in ("no prices", "too much to emit")] == [
        Failed,
        Failed,
    ]
