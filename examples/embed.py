"""Run backtests inside a trio program: no server, and nothing left behind after the block."""

from __future__ import annotations

import trio

from glowback_trio import BacktestRequest, MaCrossover, Stream, demo_path, open_gateway


async def main() -> None:
    """Run one backtest to its end, and cancel another one."""
    request = BacktestRequest(
        symbols=["AAPL", "SPY", "IBM"],
        start_date="2015-01-01",
        end_date="2020-12-31",
        strategy=MaCrossover(short_period=10, long_period=30),
        stream=Stream(progress_steps=4),
    )
    slow = BacktestRequest(
        symbols=["AAPL"],
        start_date="2015-01-01",
        end_date="2020-12-31",
        stream=Stream(pace_bars_per_s=10),
    )
    async with open_gateway(data=demo_path()) as gateway:
        run = gateway.submit(request)
        with run.subscribe(types=("state", "progress")) as events:
            async for event in events:
                print(event.event_id, event.type, event.payload.get("progress", ""))
        metrics = run.result().metrics
        print(f"return {metrics['total_return']:.2f} %, Sharpe {metrics['sharpe_ratio']:.2f}")

        # Paced at ten bars per second, this one would take minutes.
        cancelled = gateway.submit(slow)
        cancelled.cancel("seen enough")
        status = await cancelled.wait_finished()
        print(f"the other run was {status.state}: {status.error}")


if __name__ == "__main__":
    trio.run(main)
