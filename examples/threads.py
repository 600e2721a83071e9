"""Run backtests from a program of asyncio or of threads: the gateway has a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

import trio

from glowback_trio import BacktestRequest, Gateway, MaCrossover, Rsi, demo_path, open_gateway


@contextmanager
def gateway_in_a_thread() -> Iterator[Gateway]:
    """Open a gateway in a thread that runs trio, for the length of a `with` block."""
    opened: Future[tuple[Gateway, trio.Event]] = Future()

    async def serve_calls() -> None:
        try:
            async with open_gateway(data=demo_path()) as gateway:
                leave = trio.Event()
                opened.set_result((gateway, leave))
                await leave.wait()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    thread = Thread(target=trio.run, args=[serve_calls])
    thread.start()
    try:
        gateway, leave = opened.result()
        try:
            yield gateway
        finally:
            gateway.from_thread(leave.set)
    finally:
        thread.join()


def total_return(gateway: Gateway, request: BacktestRequest) -> float | None:
    """Run one backtest and wait for it, in any thread but the gateway's."""
    run = gateway.from_thread(gateway.submit, request)
    gateway.from_thread(run.wait_finished)
    return run.result().metrics["total_return"]


async def main() -> None:
    """Run two backtests at once from asyncio."""
    requests = [
        BacktestRequest(
            symbols=["SPY"], start_date="2015-01-01", end_date="2020-12-31", strategy=strategy
        )
        for strategy in (MaCrossover(short_period=10, long_period=30), Rsi())
    ]
    with gateway_in_a_thread() as gateway:
        # A call from a thread blocks, so asyncio gives it one.
        returns = await asyncio.gather(
            *(asyncio.to_thread(total_return, gateway, request) for request in requests)
        )
    for request, value in zip(requests, returns, strict=True):
        print(f"{type(request.strategy).__name__}: {value:.2f} %")


if __name__ == "__main__":
    asyncio.run(main())
