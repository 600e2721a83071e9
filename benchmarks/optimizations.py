"""Time searches: a grid of crossovers beside vectorbt, and a whole optimization on two cores.

    python benchmarks/optimizations.py [--quick]

The first table has 1,000 moving average crossovers of 2,520 daily bars on one core, from closes to
figures. Ours are every metric of every trial and the sketch of its returns; one by one means the
same trials through the simulation. vectorbt's, where it is installed, are total return and Sharpe
ratio, after it has compiled, with its engine in Rust if that is there; it computes other metrics on
request. Works take turns, times are processor times, and the ratio is that of the medians.

The second table is a search of 10,000 trials at random with a training part and four windows each,
through the study that the server uses, on two worker processes; then the deflated Sharpe ratio, the
probability of backtest overfitting and the rest of the report. Besides the time on the clock it
shows the processor time of a trial alone, and of what the search does for each besides: choosing,
sending there and back, ranking, making its events. The memory is the peak of this process above
what it held before, and of the larger worker as a whole.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np
import trio
from engine import memory_kb
from ratios import note
from timing import cpu_ms, in_turn

from glowback_trio.compute import Answered, ProcessCompute, Step, TrialsJob
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import FULL, Segment, TrialOutcome, TrialPlan
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.search.study import Study

BARS, FIRST = 2_520, np.datetime64("2014-01-01", "ns")
CHUNK = 400  # trials of a job
REPEATS = 9
_T = TypeVar("_T")


def make_dataset() -> Dataset:
    """Make the bars of one symbol, whose opens differ from the closes before."""
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, BARS)))
    open_price = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0.0, 0.002, BARS))
    high, low = np.maximum(open_price, close), np.minimum(open_price, close)
    days = FIRST + np.arange(BARS) * np.timedelta64(1, "D")
    bars = Bars("A", days, open_price, high, low, close, np.full(BARS, 1e6))
    return Dataset([bars], "memory", "user_provided", [Quality("A", BARS, BARS)])


def base_request() -> BacktestRequest:
    """Return the request that the trials' parameters are put into."""
    last = FIRST + (BARS - 1) * np.timedelta64(1, "D")
    return BacktestRequest(
        symbols=("A",),
        start_date=str(FIRST.astype("M8[D]")),
        end_date=str(last.astype("M8[D]")),
        strategy=MaCrossover(direction="long_only"),
    )


def grid(count: int) -> Sequence[tuple[int, int]]:
    """Return so many pairs of a short and a longer period."""
    pairs = [(short, long) for short in range(2, 60) for long in range(5, 200, 5) if short < long]
    return pairs[:: max(1, len(pairs) // count)][:count]


def plans_of(base: BacktestRequest, pairs: Sequence[tuple[int, int]]) -> Sequence[TrialPlan]:
    """Return a trial on the whole range for each pair."""
    whole = (Segment(FULL, base.start_date, base.end_date),)
    return [
        TrialPlan(
            trial_number=number,
            parameters={"short_period": short, "long_period": long},
            segments=whole,
        )
        for number, (short, long) in enumerate(pairs, 1)
    ]


def swept(base: BacktestRequest, dataset: Dataset, plans: Sequence[TrialPlan]) -> None:
    """Evaluate trials, which must not fail."""
    assert not any(outcome.error for outcome in evaluate(base, dataset, plans))


def one_by_one(base: BacktestRequest, dataset: Dataset, plans: Sequence[TrialPlan]) -> None:
    """Evaluate trials in calls of their own, in which arrays do not pay."""
    for plan in plans:
        swept(base, dataset, [plan])


def peers(dataset: Dataset, pairs: Sequence[tuple[int, int]]) -> Sequence[Callable[[], object]]:
    """Return the same grid of vectorbt, if that is installed."""
    if find_spec("vectorbt") is None:
        return ()
    from engine_peer import peer_grid  # noqa: PLC0415 - takes seconds to import and may be missing

    return (peer_grid(dataset.bars[0].close, pairs),)


def print_grid(*, quick: bool) -> None:
    """Measure the grid and print its table."""
    base, dataset = base_request(), make_dataset()
    pairs = grid(100 if quick else 1_000)
    plans = plans_of(base, pairs)
    works: list[Callable[[], object]] = [partial(swept, base, dataset, plans)]
    works += peers(dataset, pairs)
    ours, *theirs = in_turn(works, 3 if quick else REPEATS)
    lone = cpu_ms(partial(one_by_one, base, dataset, plans))
    mine = statistics.median(ours)
    print(f"{len(plans):,} crossovers x {BARS:,} bars, processor time")
    for other in theirs:
        median = statistics.median(other)
        print(f"  vectorbt / ours        {median / mine:10.1f} x   target  5.0 x")
        note(f"optimizations.{len(plans)}x{BARS}.vectorbt", median / mine)
        print(f"  vectorbt               {median:10.1f} ms   best {min(other):.1f} ms")
    print(f"  ours, all metrics      {mine:10.1f} ms   best {min(ours):.1f} ms")
    print(f"  ours, one by one       {lone:10.1f} ms")


def search_request(trials: int) -> OptimizationRequest:
    """Return a random search over the crossover's periods and size, with four windows."""
    space = SearchSpace(
        parameters=(
            Parameter(name="short_period", kind="int_range", low=2, high=60),
            Parameter(name="long_period", kind="int_range", low=5, high=250),
            Parameter(name="position_size", kind="float_range", low=0.2, high=1.0),
        ),
        constraints=("short_period < long_period",),
    )
    return OptimizationRequest(
        name="a search",
        search_space=space,
        base_backtest=base_request(),
        strategy="random",
        max_trials=trials,
        validation_mode="walk_forward",
        walk_forward_windows=4,
    )


async def outcomes_of(
    dataset: Dataset, request: OptimizationRequest, plans: Sequence[TrialPlan]
) -> Sequence[TrialOutcome]:
    """Evaluate trials on two worker processes."""
    chunks = [plans[first : first + CHUNK] for first in range(0, len(plans), CHUNK)]
    found: dict[int, Sequence[TrialOutcome]] = {}
    waiting = list(range(len(chunks)))[::-1]
    compute = ProcessCompute(2)

    async def work() -> None:
        while waiting:
            number = waiting.pop()
            job = TrialsJob(request.base_backtest, dataset, chunks[number])
            send, receive = trio.open_memory_channel[Step](0)
            nursery.start_soon(compute.run_job, job, send)
            async for step in receive:
                if isinstance(step, Answered):
                    found[number] = step.answer  # type: ignore[assignment]  # outcomes

    async with compute.opened(), trio.open_nursery() as nursery:
        nursery.start_soon(work)
        nursery.start_soon(work)
    return [outcome for number in sorted(found) for outcome in found[number]]


def print_search(*, quick: bool) -> None:
    """Measure the search and print its table."""
    request, dataset = search_request(500 if quick else 10_000), make_dataset()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the present
    before = memory_kb("VmRSS")
    start = time.perf_counter()
    study = Study(request)
    plans = study.ask(request.max_trials)
    outcomes = trio.run(outcomes_of, dataset, request, plans)
    for outcome in outcomes:
        study.tell(outcome)
    searched = time.perf_counter() - start
    sketches = {one.trial_number: one.sketch for one in outcomes if one.sketch is not None}
    report = study.report(sketches)
    total = time.perf_counter() - start
    peak = (memory_kb("VmHWM") - before) * 1024 / 1e6
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    bare, beside = per_trial_us(request, dataset)
    found = report.diagnostics
    print(f"{len(outcomes):,} trials x {BARS:,} bars, walk-forward of 4 windows, two workers")
    print(f"  in all                 {total:10.2f} s    target  20 s, on the clock")
    print(f"  the trials             {searched:10.2f} s    on the clock")
    print(f"  the report             {total - searched:10.2f} s    on the clock")
    print(f"  a trial alone          {bare:10.0f} us   processor time")
    print(f"  beside it, each        {beside:10.0f} us   target 100 us, processor time")
    print(f"  memory                 {peak:10.1f} MB   target 200 MB above the bars")
    print(f"  the larger worker      {worker:10.1f} MB   with all that it imports")
    for name in ("deflated_sharpe_ratio", "probability_of_backtest_overfitting"):
        print(f"  {name} = {found.get(name)}")


def per_trial_us(request: OptimizationRequest, dataset: Dataset) -> tuple[float, float]:
    """Measure the processor time of a trial alone, and of what it takes beside, microseconds."""
    study, count = Study(request), min(request.max_trials, 2_000)
    plans: Sequence[TrialPlan] = ()
    outcomes: Sequence[TrialOutcome] = ()

    def ask() -> None:
        nonlocal plans
        plans = sent(study.ask(count))

    def work() -> None:
        nonlocal outcomes
        outcomes = list(evaluate(request.base_backtest, dataset, plans))

    def tell() -> None:
        for outcome in sent(outcomes):
            study.tell(outcome)

    asking, alone, telling = cpu_ms(ask), cpu_ms(work), cpu_ms(tell)
    return alone / count * 1e3, (asking + telling) / count * 1e3


def sent(values: _T) -> _T:
    """Return what arrives when values are sent to another process."""
    arrived: _T = pickle.loads(pickle.dumps(values, 5))  # noqa: S301 - made on the line itself
    return arrived


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Time searches.")
    parser.add_argument("--quick", action="store_true", help="a few trials")
    quick = parser.parse_args().quick
    print_grid(quick=quick)
    print_search(quick=quick)


if __name__ == "__main__":
    main()
