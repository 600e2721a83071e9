"""What a strategy of one's own raises ends its run, and nothing else.

Rule: the run is `failed` with its reason, the server's log has the traceback, and the next run
completes: in worker processes, and in the server's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.misbehaving import RAISED

STRATEGIES = ("--strategies", "support.misbehaving:Misbehaving")
TIMES = 10


def misbehaving(deed: str) -> dict[str, Any]:
    return {"strategy": {"name": "misbehaving", "params": {"deed": deed}}}


@pytest.mark.parametrize("compute", ["process", "thread"])
@pytest.mark.parametrize("deed", RAISED)
async def test_whatever_a_strategy_raises_ends_its_run_alone(
    serve: Any, state: Callable[[str], None], deed: str, compute: str
) -> None:
    ended = []
    async with serve("--compute", compute, *STRATEGIES) as server:
        for _ in range(TIMES):
            run_id = await server.submit(**misbehaving(deed))
            status = await server.ended(run_id)
            ended.append((status["state"], status["error"][:60]))
            await server.followed(run_id)
            assert len(status["error"]) < 10_000
        assert {state for state, _ in ended} == {"failed"}, ended
        assert server.log.count("Traceback") >= TIMES
        assert (await server.run())["state"] == "completed"
    state(f"{TIMES} of {TIMES} runs failed: {ended[0][1]!r}")


@pytest.mark.parametrize("compute", ["process", "thread"])
async def test_others_go_on_beside_strategies_that_raise(serve: Any, compute: str) -> None:
    async with serve("--compute", compute, *STRATEGIES) as server:
        paced = {"stream": {"pace_bars_per_s": 400}}
        good = [await server.submit(**paced) for _ in range(3)]
        for deed in RAISED:
            await server.run(**misbehaving(deed))
        async with trio.open_nursery() as nursery:
            for run_id in good:
                nursery.start_soon(expect_completed, server, run_id)


async def expect_completed(server: Any, run_id: str) -> None:
    status = await server.ended(run_id)
    assert (status["state"], status["error"]) == ("completed", None), status
    await server.followed(run_id)
