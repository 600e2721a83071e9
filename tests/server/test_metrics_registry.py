"""The metrics of one app, fed with records by hand.

Rule: a scrape is parsed with the client library's own parser, and no client may add a series.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

import glowback_trio
from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.server.http.request import NOTES, RequestNotes
from glowback_trio.server.observability.metrics import REASONS, Metrics
from glowback_trio.serving import FaultRecord, RequestFacts, RequestRecord, WebSocketRecord
from glowback_trio.serving.websocket import close_reasons

ROUTES = ("/backtests", "/backtests/{run_id}", "/backtests/{run_id}/stream")

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics(gateway: Gateway) -> Metrics:
    return Metrics(gateway, ROUTES, connections=lambda: 7, streams=lambda: 3, messages=lambda: 100)


def noted(**notes: Any) -> dict[str, Any]:
    """The ASGI state of a request with these notes."""
    return {NOTES: RequestNotes(**notes)}


FACTS = RequestFacts(
    "GET", "/backtests/1234", ("192.0.2.1", 4711), noted(route="/backtests/{run_id}")
)


def request(**changes: Any) -> RequestRecord:
    """A record of a request; changes are of its facts or of what became of it."""
    facts = {name: changes.pop(name) for name in tuple(changes) if hasattr(FACTS, name)}
    outcome = {"status": 200, "complete": True, "duration": 0.004, "sent_bytes": 300}
    return RequestRecord(facts=evolve(FACTS, **facts), **(outcome | changes))


def stream(code: int, reason: str = "", **changes: Any) -> WebSocketRecord:
    """A record of a WebSocket."""
    facts: dict[str, Any] = {"state": noted(route=ROUTES[2])}
    facts |= {name: changes.pop(name) for name in tuple(changes) if hasattr(FACTS, name)}
    outcome = {"status": 101, "duration": 3600.0, "sent_bytes": 300} | changes
    return WebSocketRecord(
        facts=evolve(FACTS, **facts), close_code=code, close_reason=reason, **outcome
    )


def scraped(metrics: Metrics) -> Samples:
    """Return the samples that Prometheus would read."""
    _content_type, text = metrics.render()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return scraped(metrics).get((f"glowback_{name}", frozenset(labels.items())))


async def test_requests_are_counted_by_the_template_of_their_path_and_by_status(
    metrics: Metrics,
) -> None:
    for number in range(3):
        metrics.observe(request(path=f"/backtests/{number}"))
    metrics.observe(request(status=404))
    route = ROUTES[1]
    assert value(metrics, "requests_total", method="GET", route=route, status="200") == 3
    assert value(metrics, "requests_total", method="GET", route=route, status="404") == 1


async def test_no_client_can_add_a_time_series(metrics: Metrics) -> None:
    before = len(scraped(metrics))
    for number in range(2000):
        path = f"/guess/{number}"
        metrics.observe(request(path=path, state={}, status=404))
        metrics.observe(request(path=path, state=noted(route=path), status=404))
        metrics.observe(request(path=path, state={}, status=404, method=f"VERB{number}"))
        metrics.observe(stream(3000 + number % 1000, f"goodbye {number}"))
    series = {name for name, _labels in scraped(metrics)}
    assert "glowback_requests_total" in series
    assert len(scraped(metrics)) < before + 40
    assert value(metrics, "requests_total", method="GET", route="other", status="404") == 4000
    assert value(metrics, "websocket_closes_total", code="other", reason="other") == 2000


async def test_a_record_reveals_nothing_but_its_labels(metrics: Metrics) -> None:
    metrics.observe(request(path="/backtests/s3cret", state=noted(request_id="s3cret")))
    metrics.observe(stream(1000, "s3cret", client=("s3cret", 1)))
    metrics.observe(FaultRecord(where="application", error=ValueError("s3cret"), facts=FACTS))
    _content_type, text = metrics.render()
    assert b"s3cret" not in text
    assert b"192.0.2.1" not in text


async def test_latency_is_a_histogram_without_streams(metrics: Metrics) -> None:
    for duration in (0.001, 0.004, 0.3, 99.0):
        metrics.observe(request(duration=duration))
    metrics.observe(request(duration=3600.0, state=noted(route=ROUTES[1], is_stream=True)))
    metrics.observe(stream(1000))
    of_route = {"method": "GET", "route": ROUTES[1]}
    name = "request_duration_seconds"
    assert value(metrics, f"{name}_bucket", le="0.001", **of_route) == 1
    assert value(metrics, f"{name}_bucket", le="0.005", **of_route) == 2
    assert value(metrics, f"{name}_bucket", le="0.25", **of_route) == 2
    assert value(metrics, f"{name}_bucket", le="10.0", **of_route) == 3
    assert value(metrics, f"{name}_bucket", le="+Inf", **of_route) == 4
    assert value(metrics, f"{name}_count", **of_route) == 4
    assert value(metrics, f"{name}_sum", **of_route) == pytest.approx(99.305)
    assert value(metrics, f"{name}_count", method="GET", route=ROUTES[2]) is None


async def test_requests_that_never_reached_the_app_count_as_well(metrics: Metrics) -> None:
    rejected = RequestRecord(facts=RequestFacts(), status=431, complete=True)
    metrics.observe(rejected)
    metrics.observe(request(status=None, complete=False))
    assert value(metrics, "requests_total", method="other", route="other", status="431") == 1
    assert value(metrics, "requests_total", method="GET", route=ROUTES[1], status="none") == 1


async def test_websockets_are_counted_by_the_way_they_ended(metrics: Metrics) -> None:
    metrics.observe(stream(1000))
    metrics.observe(stream(1006))
    metrics.observe(stream(1006, "a ping was not answered"))
    metrics.observe(stream(4400, "last_event_id is ahead of the log"))
    metrics.observe(stream(1000, status=401))
    ends = {
        tuple(sorted(labels)): count
        for (name, labels), count in scraped(metrics).items()
        if name == "glowback_websocket_closes_total"
    }
    assert ends == {
        (("code", "1000"), ("reason", "none")): 1,
        (("code", "1006"), ("reason", "none")): 1,
        (("code", "1006"), ("reason", "a ping was not answered")): 1,
        (("code", "4400"), ("reason", "last_event_id is ahead of the log")): 1,
    }
    assert value(metrics, "requests_total", method="GET", route=ROUTES[2], status="101") == 4
    assert value(metrics, "requests_total", method="GET", route=ROUTES[2], status="401") == 1


def test_the_close_reasons_are_these() -> None:
    # They are on the wire and in dashboards, so none of them may change by accident.
    assert {
        "a ping was not answered",
        "another gateway computes this",
        "attempt not found",
        "closed by force",
        "internal error",
        "last_event_id is ahead of the log",
        "messages are not being read",
        "optimization not found",
        "run not found",
        "the application has ended",
        "the server is shutting down",
        "too many streams are open",
        "too much was sent within a second",
    } == REASONS


def test_the_serving_room_closes_with_listed_reasons_only() -> None:
    package = Path(glowback_trio.__file__).parent
    module = ast.parse((package / "serving/websocket/stream.py").read_text())
    reasons = [
        node.args[1]
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"fail", "close", "_note_close"}
        and len(node.args) == 2
    ]
    assert {reason.id for reason in reasons if isinstance(reason, ast.Name)} >= {
        name for name in close_reasons.__all__ if name != "CLOSE_REASONS"
    }
    # The one that states a limit is not fixed, and so counts as `other`.
    literal = [reason.value for reason in reasons if isinstance(reason, ast.Constant)]
    assert literal == [""]


async def test_messages_bytes_and_faults_are_counted(metrics: Metrics) -> None:
    metrics.count_sent("websocket", 256)
    metrics.count_sent("websocket", 4)
    metrics.count_sent("sse")
    metrics.observe(request())
    metrics.observe(stream(1000, sent_bytes=5000))
    metrics.observe(FaultRecord(where="lifespan", error=ValueError()))
    assert value(metrics, "messages_sent_total", transport="websocket") == 360
    assert value(metrics, "messages_sent_total", transport="sse") == 1
    assert value(metrics, "bytes_sent_total") == 5300
    assert value(metrics, "faults_total", where="lifespan") == 1


async def test_gauges_are_read_at_the_scrape(gateway: Gateway) -> None:
    open_now = [0]
    metrics = Metrics(
        gateway, ROUTES, connections=lambda: open_now[0], streams=lambda: 2, messages=lambda: 9
    )
    open_now[0] = 5
    assert value(metrics, "open_connections") == 5
    assert value(metrics, "open_streams") == 2
    assert value(metrics, "messages_sent_total", transport="websocket") == 9


async def test_runs_are_counted_by_state_at_the_scrape(
    metrics: Metrics, finished: Run, submit: Callable[..., Run]
) -> None:
    assert finished.finished
    runs = [submit(stream={"pace_bars_per_s": 0.001}) for _ in range(5)]
    for run in runs[2:]:  # those that do not have a slot yet
        run.pause()
    await trio.testing.wait_all_tasks_blocked()
    states = ("queued", "running", "completed", "failed", "cancelled")
    assert [value(metrics, "runs", state=state) for state in states] == [3, 2, 1, 0, 0]
    assert value(metrics, "queue_length") == 3
    for run in runs:
        run.cancel("the test is over")
    for run in runs:
        await run.wait_finished()
    assert [value(metrics, "runs", state=state) for state in states] == [0, 0, 1, 0, 5]
    assert value(metrics, "queue_length") == 0


@pytest.fixture
async def measured(
    metrics: Metrics, mock_clock: MockClock, nursery: trio.Nursery
) -> AsyncIterator[Metrics]:
    """Metrics whose lag is being measured, on a clock that the test moves."""
    assert value(metrics, "loop_lag_seconds") == 0
    nursery.start_soon(metrics.measure_lag)
    await trio.testing.wait_all_tasks_blocked()
    yield metrics
    nursery.cancel_scope.cancel()


async def test_lag_is_how_late_the_loop_woke(measured: Metrics, mock_clock: MockClock) -> None:
    mock_clock.jump(0.25)
    await trio.testing.wait_all_tasks_blocked()
    assert value(measured, "loop_lag_seconds") == 0
    mock_clock.jump(2.25)
    await trio.testing.wait_all_tasks_blocked()
    assert value(measured, "loop_lag_seconds") == pytest.approx(2.0)


async def test_the_worst_lag_is_reported_for_fifteen_seconds(
    measured: Metrics, mock_clock: MockClock
) -> None:
    lags = []
    mock_clock.jump(1.25)
    for _ in range(60):
        await trio.testing.wait_all_tasks_blocked()
        lags.append(value(measured, "loop_lag_seconds"))
        mock_clock.jump(0.25)
    await trio.testing.wait_all_tasks_blocked()
    assert lags == [pytest.approx(1.0)] * 60
    assert value(measured, "loop_lag_seconds") == pytest.approx(0)


async def test_two_apps_have_numbers_of_their_own(metrics: Metrics, gateway: Gateway) -> None:
    other = Metrics(gateway, ROUTES, connections=lambda: 0, streams=lambda: 0, messages=lambda: 0)
    metrics.observe(request())
    assert value(metrics, "bytes_sent_total") == 300
    assert value(other, "bytes_sent_total") == 0


async def test_a_scrape_is_text_as_prometheus_expects_it(metrics: Metrics) -> None:
    content_type, text = metrics.render()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE glowback_requests_total counter\n" in text
    assert b"# TYPE glowback_request_duration_seconds histogram\n" in text
    assert text == metrics.render()[1]
