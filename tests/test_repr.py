"""Every public object describes itself in one short line, however much it holds.

Doctrine: the names that the public packages export are walked, so that a new class is tested
without being listed: it needs an object in `OBJECTS`, made as large as it may get. The line has to
be true, so what tells two objects apart is compared with what was put into them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_origin

import numpy as np
import pytest
from attrs import evolve
from support.optimizations import search_request
from support.sqlite_files import inline_store
from trio.testing import MockClock

import glowback_trio
from glowback_trio import (
    BacktestRequest,
    Bars,
    Catalogue,
    Comparison,
    Event,
    Execution,
    MemoryCatalogue,
    MemoryStore,
    Objective,
    OptimizationRequest,
    OptimizationResult,
    OptimizationState,
    OptimizationStatus,
    Parameter,
    PortfolioConstruction,
    PostgresStore,
    ProcessCompute,
    RayCompute,
    ReportedRun,
    RunFilter,
    SearchProgress,
    SearchSpace,
    State,
    Stream,
    ThreadCompute,
    Trial,
    actors,
    backtest,
    client,
    compute,
    data,
    errors,
    store,
)
from glowback_trio.actors import LogDifference
from glowback_trio.client import Retry, open_client
from glowback_trio.compute import (
    BacktestJob,
    Done,
    Failed,
    InlineCompute,
    LoadJob,
    Progressed,
    TrialsJob,
)
from glowback_trio.compute.leak_check import LeakCheckJob
from glowback_trio.compute.steps import Answered
from glowback_trio.compute.verification.job import VerifyJob
from glowback_trio.data import FileLimits, Listing
from glowback_trio.engine.trials.plan import TrialPlan
from glowback_trio.errors import FailureTraceback, GlowbackError, Problem, RunFailedError
from glowback_trio.model.bars import Dataset, Quality
from glowback_trio.model.events import EventDraft
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.strategies import parameters
from glowback_trio.model.strategies.api import Bar, CustomStrategy, Panel
from glowback_trio.model.strategies.leak_report import ChangedDecision, LeakReport
from glowback_trio.server import Settings
from glowback_trio.store import StoredOptimization, TrialNote
from glowback_trio.testing import open_virtual_gateway
from glowback_trio.wire.exports.run_export import RunExport
from glowback_trio.wire.exports.verdict import Difference, Verdict

MOST = 200
NAMES = [f"SYMBOL{number}" for number in range(1000)]
LONG = "so long\n" * 100_000
TIME = np.arange("2010-01-01", "2020-01-01", dtype="datetime64[D]")
PRICE = 100 + np.sin(np.arange(len(TIME)) / 9) * 10
PACKAGES = (glowback_trio, actors, client, compute, data, store)


def bars(symbol: str) -> Bars:
    return Bars(symbol, TIME, PRICE, PRICE + 1, PRICE - 1, PRICE, PRICE * 100)


REQUEST = BacktestRequest(symbols=NAMES, start_date="2010-01-01", end_date="2019-12-31")
SMALL = evolve(REQUEST, symbols=["A", "B"])
WEIGHTS = PortfolioConstruction(target_weights=dict.fromkeys(NAMES, 0.001))
COSTS = Execution(
    slippage_bps=1.125,
    commission_bps=1.125,
    commission_per_share=1.125,
    commission_minimum=1.125,
    whole_shares=True,
    allow_short=False,
    max_leverage=2.5,
    max_volume_participation=0.125,
    maker_commission_bps=1.5,
    size_at="fill",
)

CROSSING = evolve(SMALL, strategy=parameters.MaCrossover(short_period=2, long_period=5))


def values() -> Iterator[object]:
    """Values of the model, and what makes and keeps them, each as large as it may get."""
    result = backtest(CROSSING, [bars("A"), bars("B")])
    held = backtest(
        BacktestRequest(
            symbols=["A"],
            start_date="2010-01-01",
            end_date="2019-12-31",
            portfolio_construction=PortfolioConstruction(target_weights={"A": 0.5}),
            benchmark_symbol="B",
        ),
        [bars("A"), bars("B")],
    )
    yield from (result, result.curve, result.trades, result.orders, held.portfolio, held.benchmark)
    told = ReportedRun(result, labels={"name": LONG})
    yield from (told, Comparison.of(told, result))
    yield from (Dataset([bars(name) for name in NAMES], "memory", "user_provided", ()), bars(LONG))
    yield Quality("A", 1, 1, critical=(LONG,) * 100, warnings=(LONG,) * 100)
    yield from (Event(1, "log", LONG.encode()), EventDraft("log", LONG.encode(), 1))
    yield from (REQUEST, WEIGHTS, COSTS, Stream(), Settings(api_keys=(LONG.replace("\n", ""),)))
    yield from (Catalogue(Path("a" * 5000)), MemoryCatalogue([bars(name) for name in NAMES]))
    yield from (Listing(LONG, "csv", "day", problem=LONG), FileLimits())
    status = Status.queued("r", REQUEST, REQUEST.start_date)
    yield evolve(status, state=State.FAILED, error=LONG)
    yield from (
        ThreadCompute(),
        ProcessCompute(),
        RayCompute(),
        PostgresStore(f"postgresql://someone:secret@a-host-with-a-long-name.example/{'x' * 40}"),
        InlineCompute(),
        BacktestJob(REQUEST, Catalogue()),
    )
    export = RunExport("r", {}, b"{}\n" * 100_000, result)
    changed = ChangedDecision(
        later_bars="missing",
        cut="2024-01-02",
        bar="2024-01-01",
        symbol=LONG,
        decided=LONG,
        decided_instead=LONG,
    )
    yield changed
    yield LogDifference((None, None))
    yield LeakReport(
        strategy=LONG, verdict="leaks", cuts=64, bars=1000, decisions=10, changed=changed
    )
    difference = Difference(part="events", message=LONG, field=LONG, then=LONG, now=LONG)
    yield Verdict(
        run_id="r",
        difference=difference,
        symbols=1,
        events=1,
        computed_then_by=None,
        computed_now_by="1",
    )
    yield from (export, difference, VerifyJob(export, REQUEST, Catalogue()), Answered(LONG))
    yield Progressed([EventDraft("log", b"{}", 1)] * 10_000)
    yield from (Done(result), Failed(LONG, LONG), Retry(LONG, 1, 1.0), Panel([bars("A")] * 500))
    yield from (
        Problem("missing", ("a",), LONG, LONG),
        FailureTraceback(LONG),
        RunFailedError(LONG),
    )
    yield errors.InvalidRequestError([Problem("missing", ("a", 1), LONG)] * 1000)
    yield Bar(1.0, 1.0, 1.0, 1.0, 1.0)
    yield from (each() for each in parameters.STRATEGIES.values())
    yield from (State.RUNNING, *optimization_values())
    yield RunFilter(tag="t", q="x" * 100)
    yield from searches()


def searches() -> Iterator[object]:
    """A search of many parameters, and what it finds."""
    names = (f"strategy.{'x' * 100}{number}" for number in range(50))
    every = [Parameter(name=name, kind="float_range", low=0, high=1) for name in names]
    space = SearchSpace(parameters=tuple(every))
    yield from (every[0], space, Objective(metric="x" * 64, weight=1.125))
    yield OptimizationRequest(name="n" * 256, search_space=space, base_backtest=REQUEST)
    chosen = {each.name: 0.125 for each in every}
    bars_of_all = Dataset([bars(name) for name in NAMES], "memory", "user_provided", ())
    plan = TrialPlan(trial_number=1, parameters=chosen, segments=())
    yield LeakCheckJob(REQUEST, Catalogue(), 64)
    yield from (LoadJob(REQUEST, Catalogue()), TrialsJob(REQUEST, bars_of_all, [plan] * 1000))
    trial = Trial(trial_number=1, status="failed", parameters=chosen, error=LONG)
    yield from (trial, SearchProgress(trial, trial, 1, 10_000))
    yield OptimizationResult(
        optimization_id="o" * 36,
        state=OptimizationState.COMPLETED,
        best_trial=trial,
        trials=[trial] * 10_000,
        front=range(10_000),
        replay_backtest={"x": LONG},
        diagnostics={"x": LONG},
        validation={"x": LONG},
        manifest={"x": LONG},
    )


def optimization_values() -> Iterator[object]:
    request = search_request(name=LONG[:256])
    pending = OptimizationStatus.pending("o", request, REQUEST.start_date)
    status = evolve(pending, state=OptimizationState.FAILED, error=LONG)
    yield from (status, OptimizationState.RUNNING)
    yield from (TrialNote(1, 0.1, b"x" * 1000), StoredOptimization(request, [status]))


async def actors_and_clients() -> list[object]:
    """Actors with a store full of runs, and clients of a server that is not there."""
    kept = MemoryStore()
    async with open_virtual_gateway(data=MemoryCatalogue([bars("A"), bars("B")]), store=kept) as gw:
        runs = [gw.submit(SMALL) for _ in range(30)]
        await gw.wait_idle()
        run = runs[0]
        log = run.broadcaster.log
        stored = await kept.reopen(run.run_id, lambda: None)
        search = gw.optimize(evolve(search_request(max_trials=1), base_backtest=CROSSING))
        await search.wait_finished()
        found: list[object] = [gw, search, search.attempt()]
        assert "1 of 1 trials" in described(search)
        found += [
            run,
            run.subscribe(),
            run.broadcaster,
            kept,
            log,
            stored,
            gw.change_log,
            gw.changes(),
        ]
        lines = [described(each) for each in found if each not in (search, search.attempt())]
        assert "30 runs" in lines[0]
        assert f"{run.status.event_count}" in lines[1]
        assert "completed" in lines[1]
    found += await stores_on_disk()
    async with (
        open_client("https://user:secret@localhost:1/" + "x" * 1000) as plain,
        plain.stream("r") as events,
    ):
        found += [plain, events, plain.optimization("o" * 36)]
        assert not [each for each in (plain, events) if "secret" in described(each)]
    return found


async def stores_on_disk() -> list[object]:
    """A store in a file, closed and open."""
    store = inline_store()
    assert "closed" in described(store)
    async with open_virtual_gateway(store=store) as gateway:
        run = gateway.submit(SMALL)
        await run.wait_stored()
        log = run.broadcaster.log
        assert "open" in described(store)
        return [store, log, gateway]


def described(value: object) -> str:
    line = repr(value)
    assert len(line) <= MOST, line[:1000]
    assert line.splitlines() == [line]
    return line


@pytest.fixture
async def objects(autojump_clock: MockClock) -> list[object]:
    return [*values(), *await actors_and_clients()]


def public_classes() -> set[type]:
    """Classes of the public names that have instances; a custom strategy is its author's class."""
    found = {getattr(package, name) for package in PACKAGES for name in package.__all__}
    return {
        each
        for each in found
        if inspect.isclass(each)
        and get_origin(each) is None
        and not issubclass(each, CustomStrategy)
        and not getattr(each, "_is_protocol", False)
    }


async def test_every_public_object_is_described_in_one_short_line(objects: list[object]) -> None:
    for value in objects:
        line = described(value)
        assert type(value).__name__ in line or isinstance(value, Enum)
    missing = public_classes() - {type(value) for value in objects}
    assert not missing


def test_every_error_is_described_in_one_short_line() -> None:
    for name in errors.__all__:
        cls: Any = getattr(errors, name)
        if issubclass(cls, GlowbackError) and cls.__init__ in (
            GlowbackError.__init__,
            errors.NotReadyError.__init__,
        ):
            assert name in described(cls(LONG))


def test_a_description_says_what_tells_two_objects_apart() -> None:
    assert repr(bars("A")) == "<Bars A, 3,652 bars, 2010-01-01T00:00:00 to 2019-12-31T00:00:00>"
    result = backtest(SMALL, [bars("A"), bars("B")])
    assert f"end={result.curve.value[-1]:.2f}"[:12] in repr(result.curve)
    assert "2 fills" in repr(result.trades)
    assert repr(MemoryCatalogue([bars("A")])) == "<MemoryCatalogue 1 symbol, A>"
    assert "symbols=('A', 'B')" in repr(SMALL)
    assert repr(Execution(slippage_bps=2)) == "<Execution slippage_bps=2.0>"
    assert repr(Stream()) == "<Stream>"
    assert repr(Event(7, "log", b"{}")) == "<Event 7, log, data=b'{}'>"
    assert repr(REQUEST).startswith(
        "<BacktestRequest symbols=('SYMBOL0', 'SYMBOL1', 'SYMBOL2', ...)"
    )
