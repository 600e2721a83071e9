"""A request to the wrong gateway gets the bytes that the right one answers with.

Doctrine: two servers with stores of their own stand on real sockets, and one believes that the
other holds all runs; each request is sent to both. Who holds what is told by a double of the
cluster's port, so that every order of answers can be had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from attrs import define, field

from glowback_trio import BacktestRequest, InlineCompute, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.client import open_client
from glowback_trio.errors import ServerRefusedError, StoreError
from glowback_trio.model.request import Stream
from glowback_trio.peers import HttpPeers, open_peers
from glowback_trio.server import Settings
from glowback_trio.server.app import build_app, make_app_state
from glowback_trio.server.security.peer_identity import authorization
from glowback_trio.server.serve import serve_app
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.cluster import HeldElsewhereError, Lease, Named

SECRET = "a secret of more than 16 characters"
#: A self-signed certificate for `localhost`, with its key.
PEM = Path(__file__).parents[1] / "serving" / "localhost.pem"
ENDLESS = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-03-31",
    stream=Stream(pace_bars_per_s=0.001),
)
OWN = {"x-request-id": "same", "date": ""}


@define(eq=False)
class Told:
    """What one gateway is told of who holds what."""

    holder: Lease | None = None
    after_hold: Lease | None = None
    away: bool = False
    caught_up: list[Named] = field(factory=list)
    changed: list[Named] = field(factory=list)
    held: int = 0
    followed: int = 0
    lease_seconds_left: float = 15.0
    #: How many events the store has of any log.
    position: int = 0
    left: int = 0

    async def leases(self) -> Sequence[Lease]:
        return [] if self.holder is None else [self.holder]

    def is_own(self, lease: Lease) -> bool:
        return False

    def is_elsewhere(self, named: Named) -> bool:
        return self.holder is not None

    def is_settled(self, named: Named) -> bool:
        return False

    async def holder_of(self, named: Named) -> Lease | None:
        if self.away:
            raise StoreError("The database is away")
        return self.holder

    async def hold(self, named: Named) -> None:
        if self.after_hold is not None:
            self.holder = self.after_hold
            raise HeldElsewhereError("held elsewhere")

    def note_changed(self, named: Named) -> None:
        self.changed.append(named)

    async def catch_up(self, named: Named) -> None:
        self.caught_up.append(named)

    async def check_position(self, named: Named, cursor: int) -> None:
        if cursor <= self.position:
            raise StoreError("It is not known here yet")


def lease(address: str | None) -> Lease:
    return Lease(7, "process 1 on b", address, "1", datetime(2026, 1, 1, tzinfo=UTC), 9.0, 1)


@define(eq=False)
class Pair:
    """Two servers: the first is told that the second one holds everything."""

    first: AppState
    told: Told
    first_url: str
    second: Gateway
    second_told: Told
    second_url: str
    http: httpx2.AsyncClient

    async def both(self, method: str, path: str, **more: Any) -> tuple[Any, Any]:
        """Send a request to the wrong one, and to the right one."""
        headers = {"X-Request-ID": "same", **more.pop("headers", {})}
        answers = [
            await self.http.request(method, url + path, headers=headers, **more)
            for url in (self.first_url, self.second_url)
        ]
        first, second = [
            (each.status_code, dict(each.headers) | OWN, each.content) for each in answers
        ]
        return first, second

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return await self.http.request(method, self.first_url + path, **more)


async def serve(state: AppState, nursery: trio.Nursery) -> str:
    start = partial(serve_app, state, build_app(state), bind="127.0.0.1:0", stop=trio.Event())
    urls: list[str] = await nursery.start(start)
    return urls[0]


@pytest.fixture
def settings() -> Settings:
    return Settings(log_level="ERROR", peer_secret=SECRET, rate_limit=0)


@pytest.fixture
async def pair(settings: Settings, nursery: trio.Nursery) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(open_gateway(compute=InlineCompute())) for _ in "ab"
        ]
        peers: HttpPeers = await stack.enter_async_context(open_peers(SECRET))
        states = [make_app_state(each, settings, forwarder=peers) for each in gateways]
        urls = [await serve(state, nursery) for state in states]
        told, second_told = Told(lease(urls[1])), Told()
        states[0].holding, states[1].holding = told, second_told
        http = await stack.enter_async_context(httpx2.AsyncClient())
        yield Pair(states[0], told, urls[0], gateways[1], second_told, urls[1], http)


RUN_READS = [
    "",
    "/request",
    "/results",
    "/equity.csv",
    "/trades.ndjson",
    "/orders.csv",
    "/export",
    "/report",
    "/events",
    "/events?limit=1",
    "/events?types=state&after=1",
    "/events?nonsense=1",
    "/difference?other=nobody",
    "/bars?symbol=AAPL",
]


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("path", RUN_READS)
async def test_a_read_of_a_run_is_answered_alike(pair: Pair, path: str, prefix: str) -> None:
    run = pair.second.submit(ENDLESS)
    await run.wait_stored()
    run.pause()
    wrong, right = await pair.both("GET", f"{prefix}/backtests/{run.run_id}{path}")
    assert wrong == right
    head, whole = await pair.both("HEAD", f"{prefix}/backtests/{run.run_id}{path}")
    assert head == whole


async def test_lines_of_events_are_answered_alike(pair: Pair) -> None:
    run = pair.second.submit(ENDLESS)
    await run.wait_stored()
    run.pause()
    lines = {"Accept": "application/x-ndjson"}
    wrong, right = await pair.both("GET", f"/backtests/{run.run_id}/events", headers=lines)
    assert wrong == right
    assert wrong[0] == 200


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_run_is_steered_through_the_wrong_gateway(pair: Pair, prefix: str) -> None:
    run = pair.second.submit(ENDLESS)
    path = f"{prefix}/backtests/{run.run_id}"
    assert (await pair.ask("POST", f"{path}/pause")).json()["paused"] is True
    assert run.status.paused
    assert pair.told.changed == [("run", run.run_id)]
    assert (await pair.ask("POST", f"{path}/pace", json={"bars_per_s": 2})).status_code == 200
    assert (await pair.ask("POST", f"{path}/pace", json={"bars_per_s": "x"})).status_code == 422
    named = await pair.ask("PATCH", path, json={"name": "one"})
    assert (named.status_code, named.json()["name"]) == (200, "one")
    assert (await pair.ask("POST", f"{path}/resume")).json()["paused"] is False
    assert (await pair.ask("POST", f"{path}/cancel")).status_code == 202
    await run.wait_finished()
    assert (await pair.ask("DELETE", path)).status_code == 204
    assert (await pair.ask("GET", path)).status_code == 404


async def test_the_key_of_the_client_counts_and_no_other(pair: Pair, nursery: trio.Nursery) -> None:
    keyed = Settings(log_level="ERROR", peer_secret=SECRET, api_keys=("one", "two"), rate_limit=2)
    second = make_app_state(pair.second, keyed)
    second.holding = Told()
    pair.told.holder = lease(await serve(second, nursery))
    run = pair.second.submit(ENDLESS)
    refused = await pair.ask("GET", f"/backtests/{run.run_id}")
    assert refused.status_code == 401
    for key in "one", "one", "one", "two":
        bearer = {"Authorization": f"Bearer {key}"}
        answer = await pair.ask("GET", f"/backtests/{run.run_id}", headers=bearer)
        assert answer.status_code == 200  # counted where the client has sent it, and only there


async def test_a_gateway_with_another_secret_is_out_of_reach_and_no_fault_of_a_client(
    pair: Pair, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    other = Settings(log_level="ERROR", peer_secret="another secret of more than 16")
    second = make_app_state(pair.second, other)
    second.holding = Told()
    pair.told.holder = lease(await serve(second, nursery))
    run = pair.first.gateway.submit(ENDLESS)
    for _ in range(35):  # more than wrong tokens may come from one address
        answer = await pair.ask("GET", f"/backtests/{run.run_id}")
        assert (answer.status_code, answer.json()["run_id"]) == (200, run.run_id)
    changed = await pair.ask("POST", f"/backtests/{run.run_id}/cancel")
    assert (changed.status_code, "Retry-After" in changed.headers) == (503, True)
    said = [each.message for each in caplog.records if "GLOWBACK_PEER_SECRET" in each.message]
    assert len(said) == 1


@pytest.mark.parametrize(
    "way",
    [
        ("https", str(PEM), None),
        ("https", None, "--peer-ca"),
        ("http", str(PEM), "let it advertise https://"),
    ],
)
async def test_gateways_reach_each_other_over_tls_by_their_own_authority(
    pair: Pair,
    nursery: trio.Nursery,
    caplog: pytest.LogCaptureFixture,
    way: tuple[str, str | None, str | None],
) -> None:
    scheme, authority, said = way
    over_tls = Settings(log_level="ERROR", peer_secret=SECRET, tls_cert=str(PEM))
    second = make_app_state(pair.second, over_tls)
    second.holding = Told()
    url = await serve(second, nursery)
    pair.told.holder = lease(f"{scheme}://localhost:{url.rpartition(':')[2]}")
    run = pair.second.submit(ENDLESS)
    async with open_peers(SECRET, ca_file=authority) as peers:
        pair.first.forwarder = peers
        changed = await pair.ask("POST", f"/backtests/{run.run_id}/pause")
    assert (changed.status_code, run.status.paused) == ((503, False) if said else (200, True))
    lost = [each.message for each in caplog.records if "cannot be reached" in each.message]
    assert [said in each for each in lost if said] == ([True] if said else [])


async def test_what_a_peer_forwards_is_never_forwarded_again(pair: Pair) -> None:
    # Each believes that the other one holds it.
    pair.second_told.holder = lease(pair.first_url)
    run = pair.second.submit(ENDLESS)
    peer = {"Authorization": authorization(SECRET)}
    answer = await pair.ask("GET", f"/v1/backtests/{run.run_id}", headers=peer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "held_elsewhere")
    changed = await pair.ask("POST", f"/v1/backtests/{run.run_id}/cancel")
    assert changed.status_code == 503
    assert "it changes hands" in changed.json()["error"]["message"]
    assert run.status.state.value in ("queued", "running")


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:9"])
async def test_a_holder_out_of_reach_cannot_be_asked_to_change_anything(
    pair: Pair, address: str | None
) -> None:
    pair.told.holder = lease(address)
    answer = await pair.ask("POST", "/v1/backtests/x/cancel")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    message = answer.json()["error"]["message"]
    assert message.startswith("Gateway 7 (process 1 on b) holds run x, and it is out of reach")


async def test_a_read_is_answered_here_if_the_holder_is_out_of_reach(pair: Pair) -> None:
    run = pair.first.gateway.submit(ENDLESS)
    pair.told.holder = lease("http://127.0.0.1:9")
    answer = await pair.ask("GET", f"/backtests/{run.run_id}")
    assert (answer.status_code, answer.json()["run_id"]) == (200, run.run_id)
    assert pair.told.caught_up == [("run", run.run_id)]


@pytest.mark.parametrize(("position", "close", "status"), [(8, 4400, 409), (9, 1011, 503)])
async def test_a_cursor_is_ahead_only_if_the_store_has_no_such_event(
    pair: Pair, position: int, close: int, status: int
) -> None:
    # As at a gateway that was stopped: others went on with what it still takes for its own.
    run = pair.first.gateway.submit(ENDLESS)
    pair.told.holder, pair.told.position = None, position
    path = f"/backtests/{run.run_id}/events?after=9"
    for media in ("application/json", "application/x-ndjson", "text/event-stream"):
        answer = await pair.ask("GET", path, headers={"Accept": media})
        assert (answer.status_code, "Retry-After" in answer.headers) == (status, status == 503)
    with pytest.raises(ServerRefusedError) as refused:
        async with (
            open_client(pair.first_url) as client,
            client.stream(run.run_id, after=9, retry_for=0.0) as events,
        ):
            await anext(events)
    assert refused.value.status == close


async def test_what_another_gateway_has_just_taken_is_changed_there(pair: Pair) -> None:
    run = pair.second.submit(ENDLESS)
    pair.told.holder, pair.told.after_hold = None, pair.told.holder
    answer = await pair.ask("POST", f"/backtests/{run.run_id}/pause")
    assert (answer.status_code, run.status.paused) == (200, True)


async def test_with_the_database_away_memory_is_read_and_nothing_changed(pair: Pair) -> None:
    run = pair.first.gateway.submit(ENDLESS)
    pair.told.away = True
    assert (await pair.ask("GET", f"/backtests/{run.run_id}")).status_code == 200
    assert (await pair.ask("POST", f"/backtests/{run.run_id}/cancel")).status_code == 503
    unknown = await pair.ask("GET", "/backtests/x")
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "5")


async def test_a_gateway_without_a_lease_is_not_ready(pair: Pair) -> None:
    assert (await pair.ask("GET", "/readyz")).status_code == 200
    pair.told.lease_seconds_left = -1.0
    answer = await pair.ask("GET", "/v1/readyz")
    assert answer.status_code == 503
    assert "The database is away" in answer.json()["error"]["message"]


async def test_the_gateways_are_listed_and_counted(pair: Pair) -> None:
    pair.told.held, pair.told.followed = 2, 3
    await pair.ask("GET", "/backtests/x")
    async with open_client(pair.first_url) as client:
        [listed] = await client.gateways()
    assert (listed["epoch"], listed["address"]) == (7, pair.second_url)
    assert (listed["self"], listed["alive"], listed["runs_held"]) == (False, True, 1)
    metrics = (await pair.ask("GET", "/metrics")).text
    assert 'glowback_cluster_work{computed="here"} 2.0' in metrics
    assert 'glowback_cluster_work{computed="elsewhere"} 3.0' in metrics
    assert "glowback_peers_reachable 1.0" in metrics
    assert "glowback_lease_left_seconds 15.0" in metrics
    assert 'glowback_forwarded_requests_total{outcome="answered"} 1.0' in metrics
