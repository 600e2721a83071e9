"""A gateway and its runs outside their event loop: in other threads, other loops, under asyncio.

Doctrine: what needs the loop says so in one sentence wherever it is called, before anything has
changed; what is called by `from_thread` behaves as in the loop; and nothing of a call outlives the
gateway. Threads are real here, and every test waits for them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from glowback_trio import BacktestRequest, Gateway, Run, State, Stream, demo_path, open_gateway
from glowback_trio.errors import (
    EventLoopError,
    GatewayClosedError,
    InvalidRequestError,
    UnknownRunError,
)
from glowback_trio.model.invariants import assert_sound

REQUEST = BacktestRequest(symbols=["SPY"], start_date="2018-01-01", end_date="2018-12-31")
# One bar in a thousand seconds: it has not ended when a test looks at it.
SLOW = BacktestRequest(
    symbols=["SPY"],
    start_date="2018-01-01",
    end_date="2018-12-31",
    stream=Stream(pace_bars_per_s=0.001),
)
Place = Callable[[Callable[[], Any]], Any]


def in_a_thread(function: Callable[[], Any]) -> Any:
    return _awaited_by(trio.run, function) if _is_async(function) else function()


def under_asyncio(function: Callable[[], Any]) -> Any:
    async def main() -> Any:
        value = function()
        return await value if asyncio.iscoroutine(value) else value

    return asyncio.run(main())


def in_another_trio_loop(function: Callable[[], Any]) -> Any:
    return _awaited_by(trio.run, function)


def _awaited_by(run: Callable[..., Any], function: Callable[[], Any]) -> Any:
    async def main() -> Any:
        value = function()
        return await value if asyncio.iscoroutine(value) else value

    return run(main)


def _is_async(function: Callable[[], Any]) -> bool:
    return asyncio.iscoroutinefunction(function)


places = pytest.mark.parametrize("place", [in_a_thread, under_asyncio, in_another_trio_loop])

#: What needs the loop, by the name that the message gives it.
CALLS: dict[str, Callable[[Gateway, Run], Callable[[], Any]]] = {
    "gateway.submit": lambda gateway, _: lambda: gateway.submit(REQUEST),
    "gateway.delete": lambda gateway, run: lambda: gateway.delete(run.run_id),
    "gateway.close": lambda gateway, _: lambda: gateway.close("why"),
    "gateway.wait_idle": lambda gateway, _: gateway.wait_idle,
    "run.cancel": lambda _, run: lambda: run.cancel("why"),
    "run.pause": lambda _, run: run.pause,
    "run.resume": lambda _, run: run.resume,
    "run.wait_finished": lambda _, run: run.wait_finished,
    "run.load_events": lambda _, run: run.load_events,
    "run.load_result": lambda _, run: run.load_result,
    "subscription.read": lambda _, run: run.subscribe().read,
    "subscription.read_stored": lambda _, run: run.subscribe().read_stored,
}


@places
@pytest.mark.parametrize("name", CALLS)
async def test_what_needs_the_loop_says_so_elsewhere_and_changes_nothing(
    place: Place, name: str
) -> None:
    async with open_gateway(data=demo_path()) as gateway:
        run = gateway.submit(SLOW)
        with run.subscribe(types=["state"]) as events:
            assert [(await anext(events)).event_id for _ in range(2)] == [1, 2]
        before = (gateway.runs(), run.status, gateway.closed)
        with pytest.raises(EventLoopError) as caught:
            await trio.to_thread.run_sync(place, CALLS[name](gateway, run))
        where = "under asyncio" if place is under_asyncio else "outside its trio event loop"
        assert str(caught.value).startswith(f"{name} was called {where}: call gateway.from_thread(")
        assert (gateway.runs(), run.status, gateway.closed) == before
        run.cancel("enough")
        with trio.fail_after(30):
            await gateway.wait_idle()
    assert run.status.error == "enough"


async def test_a_thread_submits_waits_and_reads_through_the_gateway() -> None:
    def program(gateway: Gateway) -> Run:
        run = gateway.from_thread(gateway.submit, REQUEST)
        assert gateway.from_thread(run.wait_finished).state is State.COMPLETED
        assert_sound(gateway.from_thread(run.load_events, limit=10_000))
        assert run.result().metrics == gateway.from_thread(run.load_result).metrics
        slow = gateway.from_thread(gateway.submit, SLOW)
        gateway.from_thread(slow.cancel, "enough")
        assert gateway.from_thread(slow.wait_finished).error == "enough"
        gateway.from_thread(gateway.delete, slow.run_id)
        return run

    async with open_gateway(data=demo_path()) as gateway:
        run = await trio.to_thread.run_sync(program, gateway)
        assert gateway.runs() == [run]


async def test_errors_of_a_call_reach_its_thread() -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError("in the loop")

    def program(gateway: Gateway) -> None:
        unknown = BacktestRequest(symbols=["NO"], start_date="2018-01-01", end_date="2018-12-31")
        with pytest.raises(InvalidRequestError):
            gateway.from_thread(gateway.submit, unknown)
        with pytest.raises(UnknownRunError):
            gateway.from_thread(gateway.run, "none")
        with pytest.raises(ZeroDivisionError, match="in the loop"):
            gateway.from_thread(fail)

    async with open_gateway(data=demo_path()) as gateway:
        await trio.to_thread.run_sync(program, gateway)


def test_calls_that_wait_end_with_the_gateway_and_later_ones_are_refused() -> None:
    ended: list[BaseException] = []
    left: list[bool] = []

    async def wait_and_clean_up() -> None:
        try:
            started.set()
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            left.append(True)

    def program(gateway: Gateway) -> None:
        try:
            gateway.from_thread(wait_and_clean_up)
        except GatewayClosedError as error:
            ended.append(error)

    async def main() -> Gateway:
        async with open_gateway(data=demo_path()) as gateway:
            thread = threading.Thread(target=program, args=[gateway])
            thread.start()
            await trio.to_thread.run_sync(started.wait)
        assert left == [True]  # the block waited for the call
        await trio.to_thread.run_sync(thread.join)
        with pytest.raises(GatewayClosedError, match="the gateway was closed"):
            await trio.to_thread.run_sync(gateway.from_thread, gateway.runs)
        return gateway

    started = threading.Event()
    gateway = trio.run(main)
    assert [str(error) for error in ended] == [
        "No calls from threads are accepted: the gateway was closed"
    ]
    with pytest.raises(GatewayClosedError):  # the loop itself has ended
        gateway.from_thread(gateway.submit, REQUEST)
    with pytest.raises(GatewayClosedError, match="No new runs are accepted"):
        gateway.submit(REQUEST)


async def test_a_call_may_close_the_gateway() -> None:
    async with open_gateway(data=demo_path()) as gateway:
        run = gateway.submit(SLOW)
        await trio.to_thread.run_sync(gateway.from_thread, gateway.close, "from a thread")
        assert (await run.wait_finished()).error == "from a thread"


async def test_a_loop_is_not_blocked_by_a_call_from_its_own_thread() -> None:
    async with open_gateway(data=demo_path()) as gateway:
        with pytest.raises(EventLoopError, match="in the gateway's own loop call the function"):
            gateway.from_thread(gateway.runs)
        with pytest.raises(EventLoopError, match="from another trio loop use"):
            await trio.to_thread.run_sync(
                in_another_trio_loop, lambda: gateway.from_thread(gateway.runs)
            )


def open_nowhere(function: Callable[[], Awaitable[None]]) -> None:
    coroutine: Any = function()
    try:
        coroutine.send(None)
    finally:
        coroutine.close()


@pytest.mark.parametrize(
    ("run", "where"),
    [
        (lambda function: asyncio.run(function()), "under asyncio"),
        (open_nowhere, "outside its trio event loop"),
    ],
    ids=["asyncio", "no loop"],
)
def test_opening_a_gateway_without_trio_says_what_to_do(
    run: Callable[[Callable[[], Awaitable[None]]], object], where: str
) -> None:
    async def main() -> None:
        async with open_gateway(data=demo_path()):
            raise AssertionError("opened")

    with pytest.raises(EventLoopError, match=f"open_gateway was called {where}: .*within trio.run"):
        run(main)
