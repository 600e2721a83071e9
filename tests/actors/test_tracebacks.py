"""The author of failing code sees its traceback, and clients see the sentence only.

Doctrine: each kind of code that is not this package's fails in its own way, in each kind of
compute; the program that holds the gateway gets the traceback as the cause of the error and in its
log with the run's id, and the events hold nothing of it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import ClassVar

import pytest
from attrs import evolve, frozen
from support.pickling_compute import PicklingCompute, repickled
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    BarStrategy,
    Catalogue,
    Context,
    OnBar,
    Panel,
    TargetStrategy,
    backtest,
)
from glowback_trio.compute import Compute, InlineCompute, ThreadCompute
from glowback_trio.data import no_checkpoint
from glowback_trio.errors import FailureTraceback, RunFailedError
from glowback_trio.model.bars import Dataset, Floats
from glowback_trio.testing import open_virtual_gateway

Failing = BarStrategy | TargetStrategy | None


def marked_line() -> None:
    raise KeyError("secret")


@frozen
class AtABar(BarStrategy):
    """Fails at a bar."""

    name: ClassVar[str] = "at_a_bar"
    title: ClassVar[str] = "At a bar"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            marked_line()

        return on_bar


@frozen
class AtStart(BarStrategy):
    """Fails at the start."""

    name: ClassVar[str] = "at_start"
    title: ClassVar[str] = "At start"

    def start(self) -> OnBar:
        marked_line()
        raise AssertionError


@frozen
class InTargets(TargetStrategy):
    """Fails when its targets are worked out."""

    name: ClassVar[str] = "in_targets"
    title: ClassVar[str] = "In targets"

    def targets(self, panel: Panel) -> Floats:
        marked_line()
        raise AssertionError


@frozen
class WrongOrder(BarStrategy):
    """Orders nonsense."""

    name: ClassVar[str] = "wrong_order"
    title: ClassVar[str] = "Wrong order"

    def start(self) -> OnBar:
        return marked_order


@frozen
class Endless(BarStrategy):
    """Fails with a very long message."""

    name: ClassVar[str] = "endless"
    title: ClassVar[str] = "Endless"

    def start(self) -> OnBar:
        raise KeyError("x" * 1_000_000)


def marked_order(context: Context) -> None:
    context.order("AAPL", 0)


@frozen
class BrokenSource(Catalogue):
    """Fails when it loads."""

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        marked_line()
        raise AssertionError


@frozen
class LeavingSource(Catalogue):
    """Ends the program when it loads."""

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        raise SystemExit(3)


def request(strategy: Failing = None) -> BacktestRequest:
    plain = BacktestRequest(symbols=["AAPL"], start_date="2020-01-01", end_date="2020-02-01")
    return plain if strategy is None else evolve(plain, strategy=strategy)


@frozen
class RaisingAtABar(BarStrategy):
    """Raises an error of a kind at its first bar."""

    name: ClassVar[str] = "raising_at_a_bar"
    title: ClassVar[str] = "Raising at a bar"

    kind: str = "SystemExit"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            raise KINDS[self.kind]

        return on_bar


@frozen
class RaisingAtStart(BarStrategy):
    """Raises an error of a kind at the start."""

    name: ClassVar[str] = "raising_at_start"
    title: ClassVar[str] = "Raising at start"

    kind: str = "SystemExit"

    def start(self) -> OnBar:
        raise KINDS[self.kind]


@frozen
class RaisingInTargets(TargetStrategy):
    """Raises an error of a kind instead of targets."""

    name: ClassVar[str] = "raising_in_targets"
    title: ClassVar[str] = "Raising in targets"

    kind: str = "SystemExit"

    def targets(self, panel: Panel) -> Floats:
        raise KINDS[self.kind]


class Odd(BaseException):
    """An error that is no `Exception`, as some libraries raise."""


#: Errors that `except Exception` lets pass, and errors without a text.
KINDS = {
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "Odd": Odd("odd"),
    "MemoryError": MemoryError(),
}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("SystemExit", "SystemExit: 3"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("GeneratorExit", "GeneratorExit"),
        ("Odd", "Odd: odd"),
        ("MemoryError", "MemoryError"),
    ],
)
@pytest.mark.parametrize("failing", [RaisingAtABar, RaisingAtStart, RaisingInTargets])
async def test_whatever_a_strategy_raises_fails_its_own_run_and_no_other(
    failing: type[RaisingAtABar | RaisingAtStart | RaisingInTargets],
    kind: str,
    said: str,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway(data=Catalogue(), compute=ThreadCompute()) as gateway:
        run = gateway.submit(request(failing(kind)))
        other = gateway.submit(request())
        await gateway.wait_idle()
    assert run.status.state == "failed"
    assert run.status.error is not None
    assert run.status.error.startswith(failing.name)
    assert run.status.error.endswith(f": {said}")
    assert f"Run {run.run_id} failed: " in caplog.text
    assert "raise KINDS[self.kind]" in caplog.text
    assert other.status.state == "completed"


@pytest.mark.parametrize("failing", [RaisingAtABar, RaisingAtStart, RaisingInTargets])
def test_an_interrupt_in_the_main_thread_is_the_users(
    failing: type[RaisingAtABar | RaisingAtStart | RaisingInTargets],
) -> None:
    asked = request(failing("KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        backtest(asked, Catalogue().load(asked))


@pytest.mark.parametrize("compute", [InlineCompute(), ThreadCompute(), PicklingCompute()])
@pytest.mark.parametrize("failing", [AtABar(), AtStart(), InTargets(), WrongOrder(), None])
async def test_the_traceback_is_the_cause_and_in_the_log_and_not_in_the_events(
    failing: Failing,
    compute: Compute,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    source = BrokenSource() if failing is None else Catalogue()
    marked = "marked_order" if isinstance(failing, WrongOrder) else "marked_line"
    async with open_virtual_gateway(data=source, compute=compute) as gateway:
        run = gateway.submit(request(failing))
        await run.wait_finished()
        with pytest.raises(RunFailedError) as caught:
            run.result()
        events = b"".join(event.data for event in run.events())
    cause = caught.value.__cause__
    assert isinstance(cause, FailureTraceback)
    assert f", in {marked}\n" in cause.text
    # A process that gets the error from another one sees the traceback as well.
    received = repickled(caught.value)
    assert f", in {marked}\n" in "".join(traceback.format_exception(received))
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert run.run_id in record.getMessage()
    assert f", in {marked}\n" in caplog.text
    assert marked.encode() not in events
    assert b"Traceback" not in events


async def test_a_source_that_exits_fails_its_own_run(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with open_virtual_gateway(data=LeavingSource(), compute=ThreadCompute()) as gateway:
        run = gateway.submit(request())
        await run.wait_finished()
    assert run.status.error == "The simulation failed unexpectedly (SystemExit)"
    assert "raise SystemExit(3)" in caplog.text


async def test_a_failure_without_foreign_code_has_no_traceback(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with open_virtual_gateway(data=Catalogue(), max_log_bytes=100) as gateway:
        run = gateway.submit(request())
        await run.wait_finished()
        with pytest.raises(RunFailedError) as caught:
            await run.load_result()
    assert caught.value.__cause__ is None
    assert caplog.records == []


async def test_a_traceback_is_bounded(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(data=Catalogue()) as gateway:
        run = gateway.submit(request(Endless()))
        await run.wait_finished()
        with pytest.raises(RunFailedError) as caught:
            run.result()
    assert len(str(caught.value.__cause__)) < 30_000


async def fail_within_a_gateway() -> None:
    async with open_virtual_gateway(data=Catalogue()) as gateway:
        run = gateway.submit(request(AtABar()))
        await run.wait_finished()
        run.result()


async def fail_while_another_error_is_handled() -> None:
    async with open_virtual_gateway(data=Catalogue()):
        try:
            marked_line()
        except KeyError:
            raise ValueError("mine")  # noqa: B904 - the implicit context is what is tested


async def test_an_error_that_leaves_the_gateway_keeps_its_cause(autojump_clock: MockClock) -> None:
    with pytest.raises(RunFailedError) as caught:
        await fail_within_a_gateway()
    assert isinstance(caught.value.__cause__, FailureTraceback)
    with pytest.raises(ValueError, match="mine") as other:
        await fail_while_another_error_is_handled()
    assert isinstance(other.value.__context__, KeyError)
    assert not other.value.__suppress_context__
