"""Runs that wait hold nothing that others need, and runs that compute take turns.

Rule: beside runs that are paused, slow or long, the run of another client ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.server_process import REQUEST

#: A run of some minutes of processor time.
LONG: dict[str, Any] = {
    "symbols": [f"S{number}" for number in range(20)],
    "data_source": "sample",
    "start_date": "2000-01-01",
    "end_date": "2019-12-31",
    "resolution": "hour",
    "stream": {"trades": False, "metrics_every": 0},
}
SLOWEST = 0.001


async def test_a_paused_run_stops_nobody(serve: Any, state: Callable[[str], None]) -> None:
    async with serve("--max-running", "1", "--workers", "1") as server:
        long = await server.submit(**LONG)
        await server.progressed(long)
        assert (await server.ask("POST", f"/backtests/{long}/pause")).status == 200
        began = trio.current_time()
        status = await server.run(30)
        assert status["state"] == "completed", status
        state(f"another run ends {trio.current_time() - began:.2f} s after a pause")
        assert (await server.ask("POST", f"/backtests/{long}/resume")).status == 200
        assert (await server.ask("POST", f"/backtests/{long}/cancel")).status in (200, 202)


async def test_runs_with_the_slowest_pace_stop_nobody(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve("--max-running", "2") as server:
        pace = {"stream": {"pace_bars_per_s": SLOWEST}}
        for _ in range(8):
            await server.submit(**pace)
        began = trio.current_time()
        assert (await server.run(30))["state"] == "completed"
        state(f"a run ends within {trio.current_time() - began:.2f} s beside eight slow ones")


async def test_a_pace_that_never_ends_is_refused(serve: Any) -> None:
    async with serve() as server:
        pace = {"stream": {"pace_bars_per_s": 1e-9}}
        reply = await server.ask("POST", "/backtests", {**REQUEST, **pace})
        assert reply.status == 422
        assert b"pace_bars_per_s" in reply.body


async def test_runs_that_wait_are_bounded_by_a_setting_of_their_own(serve: Any) -> None:
    async with serve("--max-live-runs", "3", "--max-running", "2") as server:
        pace = {"stream": {"pace_bars_per_s": SLOWEST}}
        live = [await server.submit(**pace) for _ in range(3)]
        for run_id in live:
            await server.reached(run_id, "running")
        reply = await server.ask("POST", "/backtests", {**REQUEST, **pace})
        assert (reply.status, b"retry-after" in reply.headers) == (503, True)
        assert (await server.ask("DELETE", f"/backtests/{live[0]}")).status == 204
        await server.reached(await server.submit(**pace), "running")


@pytest.mark.parametrize("workers", [1, 2])
async def test_runs_take_turns(serve: Any, state: Callable[[str], None], workers: int) -> None:
    async with serve("--max-running", "8", "--workers", str(workers)) as server:
        await server.run()
        began = trio.current_time()
        await server.run()
        alone = trio.current_time() - began
        for _ in range(4):
            await server.progressed(await server.submit(**LONG))
        began = trio.current_time()
        assert (await server.run(60))["state"] == "completed"
        took, most = trio.current_time() - began, alone * max(1, 5 / workers) + 2
        state(f"{took:.2f} s beside four long runs, {alone:.2f} s alone, {most:.2f} s at most")
        assert took <= most
