"""The state that all handlers of one app share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import trio
from attrs import define, field

from glowback_trio.actors import Gateway, Optimization, Run
from glowback_trio.data.loading import raise_problems
from glowback_trio.errors import GatewayClosedError, InvalidRequestError, Problem
from glowback_trio.model.lifecycle import State
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.overlay import loading_request
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.search.request_checks import request_problems
from glowback_trio.server.connection_budget import ConnectionBudget
from glowback_trio.server.http.forwarding import Forwarder
from glowback_trio.server.http.route import PREFIXES, Route
from glowback_trio.server.observability.cluster_metrics import ClusterFigures, ClusterMetrics
from glowback_trio.server.observability.metrics import Metrics
from glowback_trio.server.security.access_control import AccessControl
from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.security.peer_identity import PeerIdentity
from glowback_trio.server.security.proxies import Proxies
from glowback_trio.server.security.rate_limit import Buckets
from glowback_trio.server.security.tickets import SharedTickets, Tickets
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.change_feed import ChangeFeeds
from glowback_trio.server.state.gateway_holding import GatewayHolding
from glowback_trio.server.state.holding import Holding, named_in
from glowback_trio.server.state.idempotency import IdempotencyCache
from glowback_trio.server.state.key_claims import KeyClaims
from glowback_trio.server.state.renderings import Renderings
from glowback_trio.server.state.status_bodies import StatusBodies
from glowback_trio.server.state.streams import Streams
from glowback_trio.serving import Load
from glowback_trio.store.cluster import Named
from glowback_trio.store.shared_state import SharedState
from glowback_trio.wire.converter import Converter, make_converter

__all__ = ["AppState"]

# Worker threads, which mostly encode results. They share one interpreter lock, so more of them
# would only make each other, and the event loop, wait longer.
_THREADS = 2

_SHUT_DOWN = "the server was shut down"


@define(eq=False)
class AppState:
    """The gateway, the settings, and what the HTTP side remembers between requests.

    Attributes:
        gateway: The gateway that is served.
        settings: How it is served.
        routes: The table of routes.
        new_id: Makes request ids.
        clock: Returns the time of day.
        hosts: The hosts that are served.
        holding: Who holds what in the cluster; None: there is none.
        forwarder: Carries requests to other gateways; None: nothing does.
        converter: Reads requests, for the strategies that the gateway has.
        access: Keys, tickets, proxies and rates.
        streams: The open streams.
        change_feeds: The feeds of changes that they read.
        status_bodies: Statuses as JSON.
        idempotency: First responses to requests that may be repeated.
        key_claims: Claims of idempotency keys; None where the gateway is alone.
        renderings: Bodies of results and exports, written and read.
        threads: Limits the worker threads, which read files.
        readers: Limits the threads that read requests.
        listers: Limits the threads that list datasets.
        uploads: Limits the threads that read and write uploaded files.
        hashers: Limits the threads that read price files for fingerprints.
        connections: How many connections can be open.
        api_document: The OpenAPI document, once it was asked for.
        load: Open connections and sent messages, counted by the serving room.
        metrics: The metrics.
        started_at: When this was made.
        stopping: True from the beginning of the shutdown on.
        draining: True once no further run is accepted.
    """

    gateway: Gateway
    settings: Settings
    routes: Sequence[Route]
    new_id: Callable[[], str]
    clock: Callable[[], datetime]
    hosts: ServedHosts
    holding: Holding | None = None
    forwarder: Forwarder | None = None
    converter: Converter = field(init=False)
    access: AccessControl = field(init=False)
    streams: Streams = field(init=False)
    change_feeds: ChangeFeeds = field(init=False)
    status_bodies: StatusBodies = field(factory=StatusBodies, init=False)
    idempotency: IdempotencyCache = field(init=False)
    key_claims: KeyClaims | None = field(default=None, init=False)
    renderings: Renderings = field(init=False)
    threads: trio.CapacityLimiter = field(init=False)
    readers: trio.CapacityLimiter = field(init=False)
    listers: trio.CapacityLimiter = field(init=False)
    uploads: trio.CapacityLimiter = field(init=False)
    hashers: trio.CapacityLimiter = field(init=False)
    connections: ConnectionBudget = field(init=False)
    api_document: bytes | None = field(default=None, init=False)
    load: Load = field(factory=Load, init=False)
    metrics: Metrics = field(init=False)
    started_at: datetime = field(init=False)
    stopping: bool = field(default=False, init=False)
    draining: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.started_at = self.clock()
        if (membership := self.gateway.membership) is not None:
            self.holding = GatewayHolding(self.gateway, membership)
        self.converter = make_converter(self.gateway.strategies)
        settings = self.settings
        # Without keys everybody may do what a peer may; with them, only who knows the secret.
        open_to_all = self.gateway.cluster is not None and not settings.api_keys
        secret = settings.peer_secret or ("" if open_to_all else None)
        self.access = AccessControl(
            settings.api_keys,
            Proxies.read(settings.trusted_proxies),
            self.hosts,
            Buckets(settings.rate_limit, settings.rate_window),
            PeerIdentity.of(secret),
            tickets=Tickets() if self.shared is None else SharedTickets(self.shared),
        )
        self.idempotency = IdempotencyCache(self.gateway.memory.account("idempotency"))
        if self.shared is not None:
            self.key_claims = KeyClaims(self.shared)
        self.connections = ConnectionBudget.of(settings)
        self.streams = Streams(
            settings.max_streams, settings.max_message_bytes, self.gateway.memory.account("feeds")
        )
        self.change_feeds = ChangeFeeds(self.gateway.change_log, settings.max_message_bytes)
        self.renderings = Renderings(self.gateway.memory.account("downloads"))
        self.threads = trio.CapacityLimiter(_THREADS)
        # Apart from the others: a request must not wait until a tear sheet is done.
        self.readers = trio.CapacityLimiter(1)
        self.listers = trio.CapacityLimiter(1)
        self.uploads = trio.CapacityLimiter(1)
        self.hashers = trio.CapacityLimiter(1)
        self.metrics = Metrics(
            self.gateway,
            frozenset(prefix + route.path for prefix in PREFIXES for route in self.routes),
            # Functions, because gauges are read at scrape time.
            connections=lambda: self.load.connections,
            most_connections=self.connections.most,
            streams=lambda: self.streams.open,
            messages=lambda: self.load.messages,
            cluster=ClusterMetrics(self._cluster_figures),
        )

    def _cluster_figures(self) -> ClusterFigures | None:
        if (holding := self.holding) is None:
            return None
        reachable = {} if self.forwarder is None else self.forwarder.reachable
        return ClusterFigures(
            holding.held,
            holding.followed,
            holding.left,
            sum(reachable.values()),
            holding.lease_seconds_left,
        )

    @property
    def shared(self) -> SharedState | None:
        """What the gateways of the cluster share besides runs; None: this one is alone."""
        cluster = self.gateway.cluster
        return None if cluster is None else cluster.shared

    async def check(self, request: BacktestRequest) -> str | None:
        """Look up in a thread what a request asks for: a thousand symbols take a while.

        Args:
            request: What to simulate.

        Returns:
            The fingerprint of its bars; None where nothing is compared, or it is not known.

        Raises:
            InvalidRequestError: The data source cannot serve it.
        """
        await trio.to_thread.run_sync(self._check, request, limiter=self.readers)
        return await self._fingerprint(request)

    async def _fingerprint(self, request: BacktestRequest) -> str | None:
        if (membership := self.gateway.membership) is None:
            return None
        # Not among the readers: other requests must not wait until gigabytes are read.
        find = membership.bars.fingerprint
        return await trio.to_thread.run_sync(find, request, limiter=self.hashers)

    def _check(self, request: BacktestRequest) -> None:
        raise_problems(self.gateway.source.problems(request))

    def submit(
        self,
        request: BacktestRequest,
        owner: str,
        key: str | None = None,
        *,
        fingerprint: str | None = None,
    ) -> Run:
        """Queue a run that `check` has checked, unless the server is draining.

        Args:
            request: What to simulate.
            owner: On whose account.
            key: Kept with the run, to find it by.
            fingerprint: What `check` has returned.

        Raises:
            InvalidRequestError: Its priority is higher than clients may set.
            GatewayClosedError: The server is draining, or the gateway is closed; see
                `Gateway.submit` for everything else.
        """
        self.admit(request.priority)
        return self.gateway.submit(
            request, key=key, owner=owner, checked=True, fingerprint=fingerprint
        )

    async def check_optimization(self, request: OptimizationRequest) -> str | None:
        """Look in a thread for what is wrong with a request beyond its fields; see `check`.

        Raises:
            InvalidRequestError: It cannot be carried out here.
        """
        find = partial(request_problems, request, source_problems=self.gateway.source.problems)
        await trio.to_thread.run_sync(lambda: raise_problems(find()), limiter=self.readers)
        return await self._fingerprint(loading_request(request.base_backtest, request.search_space))

    def optimize(
        self,
        request: OptimizationRequest,
        owner: str,
        key: str | None = None,
        *,
        fingerprint: str | None = None,
    ) -> Optimization:
        """Begin an optimization that `check_optimization` has checked; see `submit`."""
        self.admit(request.priority)
        return self.gateway.optimize(
            request, key=key, owner=owner, checked=True, fingerprint=fingerprint
        )

    def admit(self, priority: int) -> None:
        """Check that new work of a priority is accepted.

        Raises:
            GatewayClosedError: The server is draining.
            InvalidRequestError: The priority is higher than clients may set.
        """
        self.check_open()
        if priority > (most := self.settings.max_priority):
            message = f"Input should be at most {most}, the server's limit"
            problem = Problem("less_than_equal", ("priority",), message, priority)
            raise InvalidRequestError([problem])

    def check_open(self) -> None:
        """Check that new work is accepted.

        Raises:
            GatewayClosedError: The server is draining.
        """
        # The gateway stays open while it drains, for what it has.
        if self.draining:
            raise GatewayClosedError("No new runs are accepted: the server is shutting down")

    def holds(self, arguments: Mapping[str, str]) -> bool:
        """Return whether what the parameters of a path name is in memory, and held here or over."""
        if not arguments or (named := named_in(arguments)) is None:
            return True
        if self.holding is not None:
            return self.holding.is_settled(named)
        return self.knows(named)

    def knows(self, named: Named) -> bool:
        """Return whether a run or an optimization is in memory."""
        kind, identity = named
        if kind == "run":
            return self.gateway.holds(identity)
        return self.gateway.holds_optimization(identity)

    def is_elsewhere(self, named: Named) -> bool:
        """Return whether what is in memory has not ended, and another gateway computes it."""
        return self.holding is not None and self.holding.is_elsewhere(named)

    async def load_named(self, arguments: Mapping[str, str]) -> None:
        """Load what the parameters of a path name, so that it is in memory.

        Raises:
            UnknownRunError: There is no such run or optimization.
        """
        match named_in(arguments):
            case "run", run_id:
                await self.gateway.load_run(run_id)
            case "optimization", optimization_id:
                await self.gateway.load_optimization(optimization_id)

    def announce_stop(self) -> None:
        """Answer 503 on `/readyz` from now on; everything else goes on."""
        self.stopping = True

    async def drain(self) -> None:
        """Accept no further work, stop what waits, and wait for what would be cancelled.

        What survives the server, in a durable store, is not waited for.
        """
        self.stopping = self.draining = True
        work: list[Run | Optimization] = [*self.gateway.runs(), *self.gateway.optimizations()]
        for each in work:
            if each.status.state in (State.QUEUED, OptimizationState.PENDING):
                each.close(_SHUT_DOWN)
        for each in work:
            if each.needs_task and not each.survives:
                await each.wait_finished()

    async def close(self) -> None:
        """Close the gateway, and wait until every stream has sent the end of its run.

        The others, of runs that go on in the next server, are then closed with 1012.
        """
        self.gateway.close(_SHUT_DOWN)
        await self.streams.wait_ended()
