"""Metrics in the Prometheus format.

Counters live in plain dicts; gauges are read at scrape time. Nothing is kept in the registry of the
process, so every app has its own metrics. Every label has few values: path templates and no paths,
codes and reasons from a list, so that no client can add a time series.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NoReturn, TypeAlias

import trio
from attrs import define, field
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from glowback_trio.actors import Gateway
from glowback_trio.memory import resident
from glowback_trio.model.lifecycle import State
from glowback_trio.model.stream_protocol import CLOSES
from glowback_trio.server.http.request import RequestNotes
from glowback_trio.server.observability.cluster_metrics import ClusterMetrics
from glowback_trio.server.observability.stall_watch import Stall
from glowback_trio.serving import (
    CLOSE_REASONS,
    FaultRecord,
    Record,
    RequestFacts,
    RequestRecord,
    WebSocketRecord,
)

__all__ = ["METHODS", "REASONS", "Metrics", "Transport"]

Transport: TypeAlias = Literal["websocket", "sse"]
_Labels: TypeAlias = tuple[str, ...]

_OTHER, _NONE = "other", "none"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: RFC 6455, 7.4.1, and ours; a client may close with any of three thousand others.
_CLOSE_CODES = {*range(1000, 1004), *range(1005, 1015), *(close.code for close in CLOSES)}
#: Close reasons of this server; those that clients send are counted as `other`.
REASONS = CLOSE_REASONS | {close.reason for close in CLOSES if close.reason}

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUND_NAMES = [*map(str, _BOUNDS_S), "+Inf"]

_LAG_EVERY_S = 0.25
# Measurements kept: 15 seconds of them, the usual time between scrapes, so that no scrape misses
# the worst one.
_LAGS = 60


@define
class _Durations:
    """A histogram of durations: a count per bound, and the sum in seconds."""

    counts: list[int] = field(factory=lambda: [0] * len(_BOUND_NAMES))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    @property
    def cumulative(self) -> Sequence[tuple[str, float]]:
        """The bounds, each with the number of durations up to it."""
        return list(zip(_BOUND_NAMES, accumulate(self.counts), strict=True))


@define(eq=False)
class Metrics(Collector):
    """The metrics of one app.

    Args:
        gateway: The gateway whose runs are counted at each scrape.
        routes: The templates of all paths; any other counts as `other`.
        connections: Returns the number of open connections.
        streams: Returns the number of open streams, WebSocket and SSE together.
        messages: Returns the number of messages that the hub has written to WebSockets.
        most_connections: How many connections are served at once.
        cluster: The metrics of a gateway of a cluster.
    """

    gateway: Gateway
    routes: Collection[str]
    connections: Callable[[], int]
    streams: Callable[[], int]
    messages: Callable[[], int]
    most_connections: int = 0
    cluster: ClusterMetrics = field(factory=lambda: ClusterMetrics(lambda: None))
    _requests: Counter[_Labels] = field(factory=Counter, init=False)
    _durations: dict[_Labels, _Durations] = field(factory=dict, init=False)
    _closes: Counter[_Labels] = field(factory=Counter, init=False)
    _faults: Counter[_Labels] = field(factory=Counter, init=False)
    _sent: Counter[_Labels] = field(factory=Counter, init=False)
    _bytes: int = field(default=0, init=False)
    _lags: deque[float] = field(factory=lambda: deque(maxlen=_LAGS), init=False)
    _stalls: _Durations = field(factory=_Durations, init=False)
    _stalls_cpu: _Durations = field(factory=_Durations, init=False)

    def observe(self, record: Record) -> None:
        """Count a record of the serving room.

        A response that lasts as long as a run says nothing about latency, so it is left out there.
        """
        match record:
            case FaultRecord():
                self._faults[(record.where,)] += 1
            case RequestRecord():
                self._observe_request(record)
            case WebSocketRecord():
                self._observe_websocket(record)

    def _observe_request(self, record: RequestRecord) -> None:
        notes = RequestNotes.of(record.facts.state)
        labels = self._count_request(record.facts, record.status, notes.route)
        self._bytes += record.sent_bytes or 0
        if record.duration is None or notes.is_stream:
            return
        if (durations := self._durations.get(labels)) is None:
            durations = self._durations[labels] = _Durations()
        durations.add(record.duration)

    def _observe_websocket(self, record: WebSocketRecord) -> None:
        notes = RequestNotes.of(record.facts.state)
        self._count_request(record.facts, record.status, notes.route)
        # The bytes of a stream are known when it ends, so an open one is not counted yet.
        self._bytes += record.sent_bytes
        if record.status != 101:
            return  # rejected before it was a WebSocket
        code = self._label(record.close_code, _CLOSE_CODES)
        reason = record.close_reason
        self._closes[code, self._label(reason, REASONS) if reason else _NONE] += 1

    def _count_request(self, facts: RequestFacts, status: int | None, route: str | None) -> _Labels:
        """Count one request and return its method and route as labels."""
        method = self._label(facts.method, METHODS)
        route = self._label(route, self.routes)
        self._requests[method, route, str(status or _NONE)] += 1
        return method, route

    @staticmethod
    def _label(value: object, known: Collection[Any]) -> str:
        return str(value) if value in known else _OTHER

    def count_sent(self, transport: Transport, messages: int = 1) -> None:
        """Count messages that the app has sent itself, not through the hub."""
        self._sent[(transport,)] += messages

    def note_stall(self, stall: Stall) -> None:
        """Count a stall of the event loop."""
        self._stalls.add(stall.held_s)
        self._stalls_cpu.add(stall.cpu_s)

    async def measure_lag(self) -> NoReturn:
        """Measure the lag of the event loop until cancelled: how late it wakes a task.

        The caller's nursery owns this task and ends it.
        """
        while True:
            due = trio.current_time() + _LAG_EVERY_S
            await trio.sleep_until(due)
            self._lags.append(trio.current_time() - due)

    def render(self) -> tuple[str, bytes]:
        """Return the content type and the text of a scrape."""
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, for `prometheus_client`."""
        yield from self._counted()
        yield self._latency()
        yield from self._stalled()
        yield from self._gauges()
        yield from self._memory()
        yield from self._runs()
        yield from self.cluster.collect()

    def _counted(self) -> Iterator[Metric]:
        yield _counter(
            "glowback_requests",
            "Finished requests and WebSocket handshakes, by path template and status.",
            self._requests,
            ("method", "route", "status"),
        )
        yield _counter(
            "glowback_websocket_closes",
            "Closed WebSockets, by close code and by reason if this server gave it.",
            self._closes,
            ("code", "reason"),
        )
        yield _counter("glowback_faults", "Unexpected errors.", self._faults, ("where",))
        yield _counter(
            "glowback_messages_sent",
            "Messages sent on streams: an event, an array of events, or a heartbeat.",
            self._sent + Counter({("websocket",): self.messages()}),
            ("transport",),
        )
        sent = "Bytes sent, counted when a request or stream ends."
        yield _counter("glowback_bytes_sent", sent, {(): self._bytes})

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "glowback_request_duration_seconds",
            "Time from the head of a request to the end of its response, without streams.",
            labels=("method", "route"),
        )
        for labels, durations in self._durations.items():
            family.add_metric(labels, durations.cumulative, durations.total_s)
        return family

    def _stalled(self) -> Iterator[Metric]:
        held = "Time for which something held the event loop, each time it was logged or could be."
        yield _histogram("glowback_loop_stall_seconds", held, self._stalls)
        worked = "Processor time that the event loop used in these times; the rest it waited."
        yield _histogram("glowback_loop_stall_processor_seconds", worked, self._stalls_cpu)

    def _gauges(self) -> Iterator[Metric]:
        yield _gauge("glowback_open_connections", "Open connections.", {(): self.connections()})
        most = "Connections served at once: the setting, or what the limit on open files allows."
        yield _gauge("glowback_max_connections", most, {(): self.most_connections})
        yield _gauge("glowback_open_streams", "Open streams.", {(): self.streams()})
        seconds = _LAGS * _LAG_EVERY_S
        late = f"Greatest delay of the event loop in waking a task, over the last {seconds:g} s."
        yield _gauge("glowback_loop_lag_seconds", late, {(): max(self._lags, default=0.0)})

    def _memory(self) -> Iterator[Metric]:
        memory = self.gateway.memory
        held: dict[_Labels, float] = {(name,): size for name, size in memory.held.items()}
        estimated = "Bytes of memory that are held, by account; estimates."
        yield _gauge("glowback_memory_held_bytes", estimated, held, ("account",))
        if memory.limit is not None:
            limit = "Bytes of memory that all accounts may hold together."
            yield _gauge("glowback_memory_limit_bytes", limit, {(): memory.limit})
        has = "Bytes of memory that the process has of the system."
        yield _gauge("glowback_memory_resident_bytes", has, {(): resident()})

    def _runs(self) -> Iterator[Metric]:
        states = Counter(run.state for run in self.gateway.runs())
        kept: dict[_Labels, float] = {(state.value,): states[state] for state in State}
        yield _gauge("glowback_runs", "Runs in memory, by state.", kept, ("state",))
        waiting: dict[_Labels, float] = {(): states[State.QUEUED]}
        yield _gauge("glowback_queue_length", "Queued runs.", waiting)
        slots = self.gateway.slots
        held: dict[_Labels, float] = {("held",): len(slots.holders), ("all",): slots.slots}
        yield _gauge("glowback_run_slots", "Slots in which runs are computed.", held, ("which",))
        aside: dict[_Labels, float] = {(): slots.laid_aside}
        yield _gauge("glowback_parked_runs", "Half-computed runs without a slot.", aside)
        unmoved: dict[_Labels, float] = {(): max(slots.stuck(0.0).values(), default=0.0)}
        longest = "Longest time for which a run has held a slot without a step; /readyz names it."
        yield _gauge("glowback_slot_unmoved_seconds", longest, unmoved)


def _counter(
    name: str, meaning: str, values: Mapping[_Labels, float], labels: _Labels = ()
) -> Metric:
    return _filled(CounterMetricFamily(name, meaning, labels=labels), values)


def _gauge(
    name: str, meaning: str, values: Mapping[_Labels, float], labels: _Labels = ()
) -> Metric:
    return _filled(GaugeMetricFamily(name, meaning, labels=labels), values)


def _histogram(name: str, meaning: str, durations: _Durations) -> Metric:
    family = HistogramMetricFamily(name, meaning)
    family.add_metric((), durations.cumulative, durations.total_s)
    return family


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[_Labels, float]
) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
