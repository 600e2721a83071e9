"""Small requests cost the event loop little, whatever they name, filter or claim.

Rule: while a client repeats a request, others are answered, and the loop is never held for long
(see `conftest.py`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.server_process import REQUEST, ServerProcess

HEADER = "timestamp,open,high,low,close,volume\n"
FILES = 3000
#: Hosts that no host can have, as the bytes of a header.
IMPOSSIBLE = ["a..b", "x..", "a" * 64, "*", "x y", "\xe9", "[::1", "x:99999", "x:-1", "@", "x/y"]
#: Every bar has events: some 300,000 of two kinds.
EVENTFUL: dict[str, Any] = {
    "symbols": ["A"],
    "data_source": "sample",
    "start_date": "1950-01-03",
    "end_date": "2016-12-30",
    "resolution": "hour",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 1, "long_period": 2}},
    "stream": {"metrics_every": 1, "orders": True},
}


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a data directory of symbols whose names are long and alike."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        text = HEADER + "2016-01-04,1,1,1,1,1\n2016-01-05,1,1,1,1,1\n"
        (folder / f"SYMBOL-WITH-A-LONG-NAME-{number:06}_1d.csv").write_text(text)
    return folder


@asynccontextmanager
async def repeated(server: ServerProcess, document: object) -> AsyncIterator[None]:
    """Let one client post a document again and again."""

    async def post() -> None:
        async with server.connected() as client:
            while True:
                reply = await server.ask_on(client, "POST", "/backtests", document)
                assert reply.status == 422, reply

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post)
        yield
        nursery.cancel_scope.cancel()


async def slowest_health_ms(server: ServerProcess, probes: int = 200) -> float:
    """Return how long the slowest of some health checks takes."""
    slowest = 0.0
    async with server.connected() as client:
        for _ in range(probes):
            began = trio.current_time()
            assert (await server.ask_on(client, "GET", "/healthz")).status == 200
            slowest = max(slowest, trio.current_time() - began)
            await trio.sleep(0.01)
    return slowest * 1e3


@pytest.mark.parametrize("symbols", [5, 1000])
async def test_unknown_symbols_hold_up_nobody(
    serve: Any, state: Callable[[str], None], many_files: Path, symbols: int
) -> None:
    unknown = [f"SYMBOL-WITH-A-LONG-NAMF-{number:06}"[:32] for number in range(symbols)]
    async with (
        serve("--data", str(many_files)) as server,
        repeated(server, {**REQUEST, "symbols": unknown}),
    ):
        state(f"slowest health check {await slowest_health_ms(server):.0f} ms")


async def test_a_filter_over_300_000_events_holds_up_nobody(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve("--max-log-bytes", "1000000000") as server:
        run_id = await server.submit(**EVENTFUL)
        status = await server.ended(run_id, 110)
        assert status["state"] == "completed", status
        assert status["event_count"] >= 300_000
        path = f"/backtests/{run_id}/events?after=2&types=state&limit=2"

        async def scan() -> None:
            async with server.connected() as client:
                while True:
                    reply = await server.ask_on(client, "GET", path)
                    (last,) = json.loads(reply.body)
                    assert last["event_id"] == status["event_count"]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(scan)
            state(f"slowest health check {await slowest_health_ms(server):.0f} ms")
            nursery.cancel_scope.cancel()


async def test_impossible_hosts_are_refused_before_anything_looks_at_them(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve(environment={"GLOWBACK_API_KEY": "key"}) as server:
        before, asked = len(server.log), 0
        for host in IMPOSSIBLE:
            for path in ("/strategies", "/healthz", "/", *["/strategies"] * 20):
                await expect_bad_request(server, path, host)
                asked += 1
        each = (len(server.log) - before) / asked
        assert "Traceback" not in server.log
        state(f"{each:.0f} bytes of log for each of {asked}")
        assert each < 500


async def expect_bad_request(server: ServerProcess, path: str, host: str) -> None:
    reply = await server.ask("GET", path, Host=host)
    assert reply.status == 400, (host, reply)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil"])
async def test_without_keys_a_page_of_a_rebound_name_gets_nothing(serve: Any, host: str) -> None:
    async with serve() as server:
        reply = await server.ask("GET", "/backtests", Host=f"{host}:{server.port}")
        assert reply.status in (400, 403, 421), reply
        assert b"GLOWBACK_ALLOWED_HOSTS" in reply.body
        for ours in ("localhost", "127.0.0.1", f"127.0.0.1:{server.port}", "[::1]"):
            assert (await server.ask("GET", "/backtests", Host=ours)).status == 200


async def test_what_is_kept_for_a_key_is_little(serve: Any, state: Callable[[str], None]) -> None:
    options = ("--max-queued", "100000", "--max-running", "1", "--workers", "1")
    async with serve(*options) as server:
        await submit_large(server, 50, "warm")
        plain = await submit_large(server, 150, "")
        keyed = await submit_large(server, 150, "key")
        state(f"{keyed:.0f} kB for each request of 1,000 symbols with a key, {plain:.0f} without")
        assert keyed - plain < 40


async def submit_large(server: ServerProcess, count: int, key: str) -> float:
    """Submit requests of 1,000 symbols and return the memory that each takes, in kB."""
    request = {**REQUEST, "symbols": [f"S{number}" for number in range(1000)]}
    request |= {"data_source": "sample", "end_date": "2016-01-05"}
    before = server.memory_mb
    async with server.connected() as client:
        for number in range(count):
            more = {"Idempotency_Key": f"{key}-{number}"} if key else {}
            document = {**request, "note": f"{key} {number}"}
            reply = await server.ask_on(client, "POST", "/backtests", document, **more)
            assert reply.status == 201, reply.body[:300]
    return (server.memory_mb - before) * 1000 / count
