"""Worker processes: whatever a run does to its worker ends that run alone, and leaves nothing.

Doctrine: the processes are real, and end as a test says: killed, crashed, or in the middle of a
loop. The pool goes on with a new worker after each. Waiting is for events, never for time; a
worker that loops is noticed by the file that it writes.
"""

from __future__ import annotations

import importlib
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from attrs import evolve, frozen
from support.misbehaving import Misbehaving

from glowback_trio import (
    BacktestRequest,
    Bars,
    InlineCompute,
    MaCrossover,
    MemoryCatalogue,
    ProcessCompute,
    Run,
    State,
    open_gateway,
)
from glowback_trio.compute import Done, Failed, Progressed, Step
from glowback_trio.compute.process import start
from glowback_trio.compute.process.frames import (
    pack_progress,
    pack_value,
    unpack_progress,
    unpack_value,
)
from glowback_trio.compute.process.grouping import held_back
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.model.events import EventDraft
from glowback_trio.model.invariants import assert_sound, essence

START = Path(start.__file__)
REQUEST = BacktestRequest(
    symbols=["AAPL", "SPY"],
    start_date="2018-01-01",
    end_date="2019-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
)
TOO_LONG = (
    "The run used more than the 0.5 s of processor time that it may have (GLOWBACK_MAX_RUN_SECONDS)"
)


def misbehaving(deed: str, trace: Path | None = None) -> BacktestRequest:
    return evolve(REQUEST, strategy=Misbehaving(deed, str(trace or "")))


async def appeared(trace: Path) -> int:
    """Wait until a strategy has written its process id; return it."""
    while not (text := _read(trace)):
        await trio.lowlevel.checkpoint()
    return int(text)


async def gone(pid: int) -> None:
    while _lives(pid):
        await trio.lowlevel.checkpoint()


async def finished_log(run: Run) -> list[tuple[str, Any]]:
    await run.wait_finished()
    log = run.events(limit=100_000)
    assert_sound(log)
    return essence(log)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("exits", "The strategy ended its worker process with the exit status 3"),
        ("is killed", "The worker process was killed, as systems do that run out of memory"),
        ("crashes", "The worker process crashed (SIGSEGV)"),
        (
            "looks at a cut file",
            (
                "The worker process crashed (SIGBUS), as a process does if a file that it has "
                "mapped into memory becomes shorter; prices are never mapped, so it is one of the "
                "strategy's"
            ),
        ),
    ],
)
async def test_a_worker_that_ends_fails_its_run_alone_and_is_replaced(
    deed: str, reason: str
) -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        run, next_one = gateway.submit(misbehaving(deed)), gateway.submit(REQUEST)
        status = await run.wait_finished()
        assert (status.state, status.error) == (State.FAILED, reason)
        assert_sound(run.events(limit=100_000))
        assert (await next_one.wait_finished()).state is State.COMPLETED


async def test_cancelling_a_run_kills_the_worker_that_never_returns(tmp_path: Path) -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        run = gateway.submit(misbehaving("loops", tmp_path / "pid"))
        pid = await appeared(tmp_path / "pid")
        run.cancel("enough")
        assert (await run.wait_finished()).state is State.CANCELLED
        await gone(pid)
        after = gateway.submit(REQUEST)
        assert (await after.wait_finished()).state is State.COMPLETED


async def test_closing_the_gateway_ends_workers_at_work(tmp_path: Path) -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        run = gateway.submit(misbehaving("loops", tmp_path / "pid"))
        pid = await appeared(tmp_path / "pid")
    assert run.status.state is State.CANCELLED
    assert not _lives(pid)


async def test_a_worker_killed_while_it_waits_costs_no_run() -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        await gateway.submit(REQUEST).wait_finished()
        (worker,) = _workers()
        os.kill(worker, signal.SIGKILL)
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


async def test_a_worker_beyond_its_processor_time_fails_its_run() -> None:
    async with open_gateway(compute=ProcessCompute(workers=1, cpu_s=0.5)) as gateway:
        status = await gateway.submit(misbehaving("loops")).wait_finished()
    assert status.error == TOO_LONG


async def test_an_allocation_beyond_a_workers_memory_fails_its_run_and_keeps_the_worker() -> None:
    compute = ProcessCompute(workers=1, memory_bytes=1 << 30)
    async with open_gateway(compute=compute) as gateway:
        run = gateway.submit(misbehaving("allocates"))
        assert (await run.wait_finished()).state is State.FAILED
        assert "MemoryError" in str(run.status.error)
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


async def test_a_strategy_that_cannot_be_sent_fails_with_what_to_do() -> None:
    @frozen
    class Local(Misbehaving):
        pass

    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        status = await gateway.submit(evolve(REQUEST, strategy=Local())).wait_finished()
        assert str(status.error).startswith("The strategy or its data cannot be sent to a worker")
        assert str(status.error).endswith("or compute in threads")
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


STRATEGY = """
from attrs import frozen
from support.misbehaving import Misbehaving

{before}

@frozen
class Own(Misbehaving):
    name, title = "own", "Own"
"""


def own_strategy(folder: Path, name: str, before: str = "") -> Misbehaving:
    """A strategy from a module of its own in a folder that Python searches."""
    (folder / f"{name}.py").write_text(STRATEGY.format(before=before))
    strategy: Misbehaving = importlib.import_module(name).Own()
    return strategy


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


async def test_a_strategy_whose_file_is_gone_fails_its_run_with_what_to_do(modules: Path) -> None:
    strategy = own_strategy(modules, "gone_strategy")
    (modules / "gone_strategy.py").unlink()
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        status = await gateway.submit(evolve(REQUEST, strategy=strategy)).wait_finished()
        assert status.error == (
            "The strategy cannot be imported in a worker process (ModuleNotFoundError: No module "
            "named 'gone_strategy'); keep it in a module that a new process finds, not in the "
            "program that is run, or compute in threads"
        )
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("os._exit(5)", "The strategy ended its worker process with the exit status 5"),
        ("while True: pass", TOO_LONG),
    ],
)
async def test_what_a_module_does_at_import_is_its_runs_doing(
    deed: str, reason: str, modules: Path
) -> None:
    name = f"import_{deed[:2]}"
    only_in_a_worker = f"import os\nif os.getpid() != {os.getpid()}:\n    {deed}"
    strategy = own_strategy(modules, name, only_in_a_worker)
    async with open_gateway(compute=ProcessCompute(workers=1, cpu_s=0.5)) as gateway:
        status = await gateway.submit(evolve(REQUEST, strategy=strategy)).wait_finished()
        assert status.error == reason
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


async def test_a_module_is_imported_once_in_each_worker(modules: Path) -> None:
    trace = modules / "imports"
    note = f"with open({str(trace)!r}, 'a') as file: file.write('x')"
    strategy = own_strategy(modules, "slow_import", note)
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        for _ in range(3):
            await gateway.submit(evolve(REQUEST, strategy=strategy)).wait_finished()
    assert trace.read_text() == "xx"  # here, and in the worker


async def test_logs_are_those_of_inline_whatever_the_size_of_a_log() -> None:
    requests = [REQUEST, evolve(REQUEST, resolution="hour"), misbehaving("ignores")]
    logs = []
    for compute in InlineCompute(), ProcessCompute(workers=2):
        async with open_gateway(compute=compute) as gateway:
            runs = [gateway.submit(request) for request in requests]
            logs.append([await finished_log(run) for run in runs])
    assert logs[0] == logs[1]
    assert len(logs[0][1]) > 512


async def test_bars_in_memory_travel_to_the_worker_and_the_result_back() -> None:
    time = np.arange("2018-01-01", "2020-01-01", dtype="datetime64[D]")
    price = 100 + np.sin(np.arange(len(time)) / 9) * 10
    bars = Bars("SINE", time, price, price + 1, price - 1, price, price * 100)
    request = evolve(REQUEST, symbols=["SINE"])
    results = []
    for compute in InlineCompute(), ProcessCompute(workers=1):
        async with open_gateway(data=MemoryCatalogue([bars]), compute=compute) as gateway:
            run = gateway.submit(request)
            await run.wait_finished()
            results.append(run.result())
    assert np.array_equal(results[0].curve.value, results[1].curve.value)
    assert len(results[0].trades.time) == len(results[1].trades.time) > 0


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Let this process open no further file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_no_worker_starts_and_jobs_say_so() -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        await gateway.submit(REQUEST).wait_finished()
        run = gateway.submit(misbehaving("exits"))
        with no_more_descriptors():
            await run.wait_finished()
            status = await gateway.submit(REQUEST).wait_finished()
        assert status.error == "No worker process can be started: Too many open files"
        # Each job tries again, once the last failure is old.
        while status.state is not State.COMPLETED:
            status = await gateway.submit(REQUEST).wait_finished()


async def test_a_worker_that_is_left_takes_the_jobs_of_one_that_cannot_be_replaced() -> None:
    compute = ProcessCompute(workers=2)
    async with open_gateway(compute=compute) as gateway:
        # One that is still being started would need descriptors.
        while len(compute._ready) < 2:
            await trio.lowlevel.checkpoint()
        run = gateway.submit(misbehaving("exits"))
        await run.wait_finished()
        with no_more_descriptors():
            for _ in range(3):
                status = await gateway.submit(REQUEST).wait_finished()
                assert status.state is State.COMPLETED, status.error


async def test_a_terminal_interrupts_the_program_and_not_its_workers() -> None:
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        await gateway.submit(REQUEST).wait_finished()
        (worker,) = _workers()
        assert os.getpgid(worker) != os.getpgid(0)


async def test_a_job_that_finds_no_worker_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        status = await gateway.submit(REQUEST).wait_finished()
    assert status.error == "No worker process can be started: No such file or directory"


HOST = """
import sys, trio
from support.misbehaving import Misbehaving
from glowback_trio import BacktestRequest, ProcessCompute, open_gateway

async def main():
    async with open_gateway(compute=ProcessCompute(workers=2)) as gateway:
        request = BacktestRequest(
            symbols=["AAPL"], start_date="2018-01-01", end_date="2019-12-31",
            strategy=Misbehaving(sys.argv[1], sys.argv[2]),
        )
        await gateway.submit(request).wait_finished()

trio.run(main)
"""


@pytest.mark.parametrize("deed", ["loops", "holds the lock"])
async def test_workers_end_with_a_host_that_is_killed(deed: str, tmp_path: Path) -> None:
    trace = tmp_path / "pid"
    support = str(Path(__file__).parents[1])
    host = await trio.lowlevel.open_process(
        [sys.executable, "-c", HOST, deed, str(trace)],
        env=os.environ | {"PYTHONPATH": support},
        stdin=subprocess.DEVNULL,
    )
    pid = await appeared(trace)
    host.kill()
    await host.wait()
    await gone(pid)


def test_a_worker_whose_gateway_is_gone_ends_before_it_imports_anything() -> None:
    near, far = socket.socketpair()
    life, held = os.pipe()
    os.close(held)
    with near, far:
        command = [sys.executable, "-X", "importtime", "-P", str(START), str(far.fileno())]
        started = subprocess.run(
            [*command, str(life), WorkerLimits().argument()],
            pass_fds=[far.fileno(), life],
            capture_output=True,
            text=True,
            check=False,
        )
    os.close(life)
    assert "select" in started.stderr
    assert "glowback_trio" not in started.stderr


def test_drafts_survive_a_frame() -> None:
    drafts = [
        EventDraft("metric", b'{"value":1.5}', 3),
        EventDraft("progress", b"{}", 4, 0.25),
        EventDraft("log", b"", 0),
        EventDraft("progress", b"x" * 70_000, 2**31, 0.0),
    ]
    assert unpack_progress(memoryview(pack_progress(drafts, 2**40))) == (drafts, 2**40)
    assert unpack_progress(memoryview(pack_progress([], 0))) == ([], 0)


def test_arrays_survive_a_frame_without_a_copy() -> None:
    numbers = np.arange(5.0)
    body = memoryview(bytearray(b"".join(pack_value((numbers, np.zeros(0), "text")))))
    copy, empty, text = unpack_value(body)
    assert np.array_equal(copy, numbers)
    assert not copy.flags.owndata
    assert (empty.shape, text) == ((0,), "text")


def test_what_cannot_be_pickled_raises_before_anything_is_sent() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pack_value(lambda: None)


class Ticks:
    """A clock that moves by a step at each look."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def drafts(count: int, first: int = 0) -> list[EventDraft]:
    return [EventDraft("log", b"{}", bar) for bar in range(first, first + count)]


def grouped(steps: list[Step], step: float) -> list[int]:
    return [
        len(each.drafts) for each in held_back(steps, Ticks(step)) if isinstance(each, Progressed)
    ]


def test_drafts_wait_for_each_other_until_they_are_many_or_late() -> None:
    few = [Progressed(drafts(2)) for _ in range(6)]
    assert grouped([*few, Failed("end")], step=0.0) == [12]
    assert grouped([*few, Failed("end")], step=0.03) == [2] * 6
    assert grouped([Progressed(drafts(1100)), Failed("end")], step=0.0) == [512, 512, 76]
    assert grouped([Progressed(), Progressed(), Failed("end")], step=0.1) == []


def test_a_job_without_drafts_gives_a_sign_of_life_every_second() -> None:
    assert grouped([*[Progressed()] * 50, Failed("end")], step=0.1) == [0] * 4


def test_the_last_step_follows_all_drafts() -> None:
    *groups, last = held_back([Progressed(drafts(3)), Failed("end")], Ticks(0.0))
    assert groups == [Progressed(drafts(3))]
    assert last == Failed("end")
    assert not isinstance(last, Done)


def _read(trace: Path) -> str:
    return trace.read_text() if trace.exists() else ""


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _workers() -> list[int]:
    """Return the worker processes of this one; other tests may have other children."""
    found: set[str] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        found.update(listing.read_text().split())
    return [int(pid) for pid in found if "compute/process" in _command(pid)]


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
