"""`/metrics` of a real server: what a server counts by itself.

Rule: a scrape is parsed with the client library's own parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx2
import trio
from prometheus_client.parser import text_string_to_metric_families
from quart.typing import TestClientProtocol as Client
from support.raw_http import open_request, read_until
from support.watcher import connected

from glowback_trio import Run

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(http: httpx2.AsyncClient) -> Samples:
    response = await http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"glowback_{name}", frozenset(labels.items())))


async def test_requests_are_counted_by_the_template_of_their_path(
    http: httpx2.AsyncClient, finished: Run
) -> None:
    await http.get(f"/backtests/{finished.run_id}")
    await http.get("/v1/backtests/nobody")
    await http.get("/v1/secret-place")
    samples = await scrape(http)
    one = {"method": "GET", "route": "/backtests/{run_id}"}
    assert value(samples, "requests_total", **one, status="200") == 1
    assert value(samples, "request_duration_seconds_count", **one) == 1
    one["route"] = "/v1/backtests/{run_id}"
    assert value(samples, "requests_total", **one, status="404") == 1
    assert value(samples, "requests_total", method="GET", route="other", status="404") == 1
    assert finished.run_id not in str(samples)


async def test_what_is_open_is_counted_while_it_is(
    http: httpx2.AsyncClient, url: str, endless: Run
) -> None:
    with trio.fail_after(5):
        path = f"/backtests/{endless.run_id}"
        async with (
            connected(f"{url}{path}/stream") as socket,
            open_request(url, f"{path}/events", Accept="text/event-stream") as events,
        ):
            await socket.get_message()
            await read_until(events, b"event: state")
            samples = await scrape(http)
            assert value(samples, "open_streams") == 2
            assert value(samples, "open_connections") == 3
            assert value(samples, "runs", state="running") == 1
        while value(samples, "open_streams") or value(samples, "open_connections") != 1:
            samples = await scrape(http)


async def test_what_streams_send_is_counted_and_their_length_is_no_latency(
    http: httpx2.AsyncClient, url: str, finished: Run
) -> None:
    path = f"/backtests/{finished.run_id}"
    with trio.fail_after(5):
        async with connected(f"{url}{path}/stream") as socket:
            for _ in range(finished.status.event_count):
                await socket.get_message()
        await http.get(f"{path}/events", headers={"Accept": "text/event-stream"})
    samples = await scrape(http)
    for transport in ("websocket", "sse"):
        sent = value(samples, "messages_sent_total", transport=transport)
        assert sent == finished.status.event_count
    events = {"method": "GET", "route": "/backtests/{run_id}/events"}
    assert value(samples, "requests_total", **events, status="200") == 1
    assert value(samples, "request_duration_seconds_count", **events) is None
    assert value(samples, "websocket_closes_total", code="1000", reason="none") == 1


async def test_the_loop_s_lag_is_measured(http: httpx2.AsyncClient) -> None:
    lag = value(await scrape(http), "loop_lag_seconds")
    assert lag is not None
    assert lag >= 0


async def test_metrics_need_the_key(client_of: Callable[..., Client]) -> None:
    client = client_of(api_keys=("k",))
    assert (await client.get("/metrics")).status_code == 401
    assert (await client.get("/v1/metrics", headers={"X-API-Key": "k"})).status_code == 200
