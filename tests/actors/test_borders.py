"""Whatever a run's work raises ends that run, and nothing else.

Doctrine: errors of every kind, those that no `except Exception` sees included, are raised where a
run calls code that may raise: its strategy, its source, its compute backend, its store. That run
ends `failed` with a sound log and a true sentence, the traceback is in the program's log, a run
beside it completes, and the gateway takes another one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, ClassVar

import pytest
import trio
from attrs import define, evolve, field, frozen
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    BarStrategy,
    Context,
    Gateway,
    InlineCompute,
    MemoryStore,
    OnBar,
    Run,
    ThreadCompute,
)
from glowback_trio.border import leaves
from glowback_trio.compute import Compute, Job, Progressed, Step
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.data import Source, no_checkpoint, open_source
from glowback_trio.model.bars import Dataset
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.request import Stream
from glowback_trio.store import EventLog
from glowback_trio.testing import open_virtual_gateway

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-01-31",
    stream=Stream(metrics_every=1),
)
#: Known by its symbol where the code that raises sees no more than the request.
DOOMED = evolve(REQUEST, symbols=("MSFT",))

KINDS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("/secret/path"),
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "MemoryError": MemoryError,
    "BaseException": lambda: BaseException("base"),
    "no thread": lambda: RuntimeError("can't start new thread"),
    "no process": lambda: BlockingIOError(11, "Resource temporarily unavailable"),
    "broken pipe": lambda: BrokenPipeError(32, "Broken pipe"),
    "broken channel": lambda: trio.BrokenResourceError("gone"),
    "group": lambda: BaseExceptionGroup("both", [KeyError("a"), SystemExit(1)]),
}

COMPUTES: dict[str, Callable[[], Compute]] = {"inline": InlineCompute, "thread": ThreadCompute}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Callable[[], BaseException]:
    return KINDS[request.param]


@pytest.fixture(params=COMPUTES)
def compute(request: pytest.FixtureRequest) -> Compute:
    return COMPUTES[request.param]()


async def read_all(run: Run) -> list[Event]:
    with run.subscribe() as events:
        return [event async for event in events]


async def ends_alone(gateway: Gateway, doomed: BacktestRequest = DOOMED) -> str:
    """Submit a run that fails between two that do not; return its error."""
    before, fails = gateway.submit(REQUEST), gateway.submit(doomed)
    after = gateway.submit(REQUEST)
    for run in before, fails, after:
        await run.wait_finished()
        assert_sound(await read_all(run))
    assert before.status.state == after.status.state == "completed"
    again = gateway.submit(REQUEST)
    assert (await again.wait_finished()).state == "completed"
    status = fails.status
    assert status.state == "failed"
    assert status.error is not None
    assert "secret" not in status.error
    return status.error


@frozen
class Raises(BarStrategy):
    """Raises an error at its third bar."""

    name: ClassVar[str] = "raises"
    title: ClassVar[str] = "Raises"

    kind: str

    def start(self) -> OnBar:
        seen: list[object] = []

        def on_bar(context: Context) -> None:
            seen.append(context.time)
            if len(seen) == 3:
                error = KINDS[self.kind]()
                raise error

        return on_bar


@pytest.mark.parametrize("name", KINDS)
async def test_what_a_strategy_raises_ends_its_run(
    name: str, compute: Compute, caplog: pytest.LogCaptureFixture
) -> None:
    request = evolve(REQUEST, strategy=Raises(name))
    async with open_virtual_gateway(compute=compute) as gateway:
        run = gateway.submit(request)
        beside = gateway.submit(REQUEST)
        status = await run.wait_finished()
        assert (await beside.wait_finished()).state == "completed"
    assert status.state == "failed"
    assert str(status.error).startswith("raises failed at the bar of 2024-01-03: ")
    assert "in on_bar" in caplog.text


@define(eq=False)
class RaisingSource:
    """A source that raises for one of the requests."""

    kind: Callable[[], BaseException]
    _source: Source = field(factory=lambda: open_source(None))

    def problems(self, request: BacktestRequest) -> Any:
        return self._source.problems(request)

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        if request.symbols == DOOMED.symbols:
            raise self.kind()
        return self._source.load(request, checkpoint)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


async def test_what_a_source_raises_ends_its_run(
    kind: Callable[[], BaseException], compute: Compute, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_virtual_gateway(data=RaisingSource(kind), compute=compute) as gateway:
        error = await ends_alone(gateway)
    assert error.startswith("The simulation failed unexpectedly (")
    assert "kind()" in caplog.text


@define(eq=False)
class RaisingCompute:
    """A backend that raises in one of the jobs, before or after its first steps."""

    kind: Callable[[], BaseException] | None
    after: int
    slots: ClassVar[int | None] = None
    _compute: Compute = field(factory=InlineCompute)

    def opened(self) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        if getattr(job, "request").symbols != DOOMED.symbols:  # noqa: B009 - any job may come
            await self._compute.run_job(job, send, turn)
            return
        async with send:
            for _ in range(self.after):
                await send.send(Progressed())
                await trio.sleep(1)
            if self.kind is not None:
                raise self.kind()


@pytest.mark.parametrize("after", [0, 3])
async def test_what_a_compute_backend_raises_ends_its_run(
    kind: Callable[[], BaseException],
    after: int,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_virtual_gateway(compute=RaisingCompute(kind, after)) as gateway:
        error = await ends_alone(gateway)
    assert "kind()" in caplog.text
    match kind():
        case MemoryError():
            assert error == "The server is out of memory at the moment; try again later"
        case RuntimeError(args=("can't start new thread",)):
            assert error == "The server is out of threads at the moment; try again later"
        case _:
            assert error.startswith("The run failed unexpectedly (")


async def test_a_backend_that_ends_without_a_last_step_fails_the_run(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway(compute=RaisingCompute(None, 2)) as gateway:
        error = await ends_alone(gateway)
    assert error == "The run was given up where it was computed"


@pytest.mark.parametrize("by", ["cancel", "close"])
async def test_an_error_beside_a_cancellation_is_logged(
    by: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(InlineCompute):
        async def run_job(
            self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
        ) -> None:
            try:
                async with send:
                    await trio.sleep_forever()
            finally:
                raise KeyError("while it was cancelled")

    async with open_virtual_gateway(compute=Stubborn()) as gateway:
        run = gateway.submit(REQUEST)
        await trio.sleep(1)
        if by == "cancel":
            run.cancel("enough")
            await run.wait_finished()
    assert run.status.state == "cancelled"
    assert run.status.error == ("enough" if by == "cancel" else "the gateway was closed")
    assert "while it was cancelled" in caplog.text


@define(eq=False)
class RaisingLog:
    """A log that refuses some of its events."""

    _log: EventLog
    _store: RaisingStore

    def append(self, event: Event) -> None:
        self._store.appended += 1
        if self._store.appended in self._store.refused:
            raise self._store.kind()
        self._log.append(event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@define(eq=False, repr=False)
class RaisingStore(MemoryStore):
    """A store in which the log of the doomed run refuses events, counted by their attempts."""

    kind: Callable[[], BaseException] = ValueError
    refused: range = range(0)
    appended: int = 0

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> Any:
        log = super().open_log(run_id, request, on_durable, key)
        return RaisingLog(log, self) if request.symbols == DOOMED.symbols else log


@pytest.mark.parametrize("first", [2, 10])
@pytest.mark.parametrize("times", [1, 5])
async def test_what_a_store_raises_while_a_run_emits_ends_that_run(
    kind: Callable[[], BaseException],
    first: int,
    times: int,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = RaisingStore(kind=kind, refused=range(first, first + times))
    async with open_virtual_gateway(store=store) as gateway:
        await ends_alone(gateway)
    assert "kind()" in caplog.text


def test_a_ctrl_c_in_a_strategy_on_the_event_loop_ends_the_program() -> None:
    @frozen
    class Interrupted(BarStrategy):
        """The user presses Ctrl-C while it computes."""

        name: ClassVar[str] = "interrupted"
        title: ClassVar[str] = "Interrupted"

        def start(self) -> OnBar:
            return lambda _context: signal.raise_signal(signal.SIGINT)

    async def program() -> None:
        async with open_virtual_gateway(compute=InlineCompute()) as gateway:
            await gateway.submit(evolve(REQUEST, strategy=Interrupted())).wait_finished()

    with pytest.raises(BaseException) as raised:  # noqa: PT011 - bare or in a group
        trio.run(program)
    assert [type(error) for error in leaves(raised.value)] == [KeyboardInterrupt]
