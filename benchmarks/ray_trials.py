"""Time trials on a Ray cluster of this machine beside the same trials in worker processes.

    python benchmarks/ray_trials.py [--quick]

The trials are random crossovers on 2,520 daily bars with a training part and four windows each, as
in `optimizations.py`. Both backends have two processes, which are started and warmed up before, and
take turns; a lane for each process sends one chunk after the other. The time is that on the clock,
since most of the work is done in other processes; the ratio is that of the medians of rounds that
stand beside each other. It needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence

import trio
from optimizations import make_dataset, search_request
from ratios import note

from glowback_trio.compute import Answered, Compute, ProcessCompute, RayCompute, Step, TrialsJob
from glowback_trio.engine.trials.plan import TrialPlan
from glowback_trio.model.bars import Dataset
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.search.study import Study

WORKERS = 2
CHUNKS = (10, 100, 400, 1_000)


async def rate(
    compute: Compute,
    dataset: Dataset,
    request: OptimizationRequest,
    plans: Sequence[TrialPlan],
    chunk: int,
) -> float:
    """Return how many trials a second a backend evaluates, sent in chunks of this many."""
    waiting = [plans[first : first + chunk] for first in range(0, len(plans), chunk)]
    arrived = 0

    async def work() -> None:
        nonlocal arrived
        while waiting:
            job = TrialsJob(request.base_backtest, dataset, waiting.pop())
            send, receive = trio.open_memory_channel[Step](0)
            lanes.start_soon(compute.run_job, job, send)
            async for step in receive:
                if isinstance(step, Answered):
                    assert isinstance(step.answer, tuple)
                    arrived += len(step.answer)

    start = time.perf_counter()
    async with trio.open_nursery() as lanes:
        for _ in range(WORKERS):
            lanes.start_soon(work)
    assert arrived == len(plans)
    return len(plans) / (time.perf_counter() - start)


async def measure(trials: int, rounds: int) -> None:
    """Print a line for each size of chunks."""
    # Ray makes its processes nicer than ours are, by which a busy machine would decide.
    os.environ["RAY_worker_niceness"] = "10"  # noqa: SIM112 - it is the name that Ray reads
    dataset, request = make_dataset(), search_request(trials)
    plans = Study(request).ask(trials)
    process, ray = ProcessCompute(WORKERS), RayCompute("local", WORKERS)
    async with process.opened(), ray.opened():
        print(f"{trials:,} trials, {WORKERS} processes: trials per second")
        print("  trials a chunk    processes          Ray    Ray / processes")
        for chunk in CHUNKS:
            pairs = []
            for number in range(rounds + 1):
                ours = [await rate(one, dataset, request, plans, chunk) for one in (process, ray)]
                if number:  # the first one warms up
                    pairs.append(ours)
            ratio = statistics.median(second / first for first, second in pairs)
            alone, there = (statistics.median(each) for each in zip(*pairs, strict=True))
            print(f"  {chunk:14,} {alone:12,.0f} {there:12,.0f} {ratio:14.2f} x")
            note(f"ray_trials.{chunk}.processes", ratio)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="Time trials on Ray.")
    parser.add_argument("--quick", action="store_true", help="few trials")
    quick = parser.parse_args().quick
    trio.run(measure, 2_000 if quick else 8_000, 3 if quick else 7)


if __name__ == "__main__":
    main()
