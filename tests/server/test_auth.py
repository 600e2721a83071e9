"""Rates, wrong keys, tickets, proxies and hosts, as clients meet them.

Rule: every limit is tried at its edge, and what an error reveals is part of its test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import orjson
import pytest
import trio
import trio.testing
from quart.typing import TestClientProtocol as Client
from support.raw_http import shake
from support.served import Serve
from support.watcher import connected

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.security.hosts import ServedHosts

ClientOf = Callable[..., Client]

RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
KEY = {"X-API-Key": "right"}
WRONG = {"X-API-Key": "wrong"}


# Rates


async def test_a_response_states_what_is_left_of_the_rate_and_429_if_nothing_is(
    client_of: ClientOf, mock_clock: trio.testing.MockClock
) -> None:
    client = client_of(rate_limit=2, rate_window=60)
    first, second, third = [await client.get("/v1/backtests") for _ in range(3)]
    assert [first.headers[name] for name in RATE] == ["2", "1", "30"]
    assert [second.headers[name] for name in RATE] == ["2", "0", "60"]
    assert third.status_code == 429
    assert [third.headers[name] for name in RATE] == ["2", "0", "60"]
    assert third.headers["Retry-After"] == "30"
    assert (await third.get_json())["error"]["code"] == "too_many_requests"
    mock_clock.jump(30)
    assert (await client.get("/v1/backtests")).status_code == 200


async def test_each_key_has_a_rate_of_its_own(client_of: ClientOf) -> None:
    client = client_of(rate_limit=1, api_keys=("a", "b"))
    responses = [await client.get("/backtests", headers={"X-API-Key": key}) for key in "aba"]
    assert [response.status_code for response in responses] == [200, 200, 429]


async def test_a_key_that_is_not_required_names_no_caller(client_of: ClientOf) -> None:
    client = client_of(rate_limit=1)
    responses = [await client.get("/backtests", headers={"X-API-Key": key}) for key in "ab"]
    assert [response.status_code for response in responses] == [200, 429]


async def test_the_key_comes_before_the_rate_and_the_rate_before_the_body(
    client_of: ClientOf,
) -> None:
    client = client_of(rate_limit=1, api_keys=("right",))
    assert (await client.get("/backtests", headers=KEY)).status_code == 200
    keyless = await client.post("/backtests", data=b"{")
    assert keyless.status_code == 401
    assert "X-RateLimit-Limit" not in keyless.headers
    assert (await client.post("/backtests", data=b"{", headers=KEY)).status_code == 429


async def test_an_error_after_the_rate_check_states_the_rate_too(client_of: ClientOf) -> None:
    client = client_of(rate_limit=3)
    responses = [await client.get("/backtests/x"), await client.post("/backtests", json={})]
    assert [response.status_code for response in responses] == [404, 422]
    assert [response.headers["X-RateLimit-Remaining"] for response in responses] == ["2", "1"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/healthz"])
async def test_health_checks_are_not_counted(client_of: ClientOf, path: str) -> None:
    client = client_of(rate_limit=1)
    for _ in range(3):
        response = await client.get(path)
        assert response.status_code == 200
        assert "X-RateLimit-Limit" not in response.headers


async def test_a_limit_of_0_is_none(client_of: ClientOf) -> None:
    response = await client_of(rate_limit=0).get("/backtests")
    assert response.status_code == 200
    assert "X-RateLimit-Limit" not in response.headers


async def test_stream_handshakes_are_not_counted(serve_with: Serve, finished: Run) -> None:
    url = await serve_with(rate_limit=1)
    for _ in range(3):
        assert (await shake(url, f"/backtests/{finished.run_id}/stream")).status == 101


async def test_pages_of_listed_origins_may_read_the_rate(client_of: ClientOf) -> None:
    client = client_of(cors_origins=("https://listed.example",))
    response = await client.get("/backtests", headers={"Origin": "https://listed.example"})
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(exposed) >= {*RATE, "Retry-After"}


# Wrong keys


async def test_after_thirty_wrong_keys_an_address_gets_429(
    client_of: ClientOf, mock_clock: trio.testing.MockClock
) -> None:
    client = client_of(api_keys=("right",))
    tried = [await client.get("/backtests", headers=WRONG) for _ in range(31)]
    assert [response.status_code for response in tried] == [401] * 30 + [429]
    assert tried[-1].headers["Retry-After"] == "2"
    assert (await client.get("/backtests", headers=KEY)).status_code == 429
    assert (await client.get("/healthz")).status_code == 200
    mock_clock.jump(2)
    assert (await client.get("/backtests", headers=KEY)).status_code == 200


async def test_a_request_without_a_key_is_no_wrong_key(client_of: ClientOf) -> None:
    client = client_of(api_keys=("right",))
    for _ in range(40):
        assert (await client.get("/backtests")).status_code == 401
    assert (await client.get("/backtests", headers=KEY)).status_code == 200


async def test_wrong_keys_and_tickets_of_streams_count_with_the_others(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(api_keys=("right",), log_level="ERROR")
    path = f"/v1/backtests/{finished.run_id}/stream"
    for number in range(30):
        presented = ("X-API-Key: wrong", "Sec-WebSocket-Protocol: glowback.v1, ticket.wrong")
        assert (await shake(url, path, presented[number % 2])).status == 401
    for even_right in ("X-API-Key: right", "Sec-WebSocket-Protocol: ticket.x"):
        answer = await shake(url, path, even_right)
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) in {1, 2}
        assert orjson.loads(answer.body)["error"]["code"] == "too_many_requests"


# Tickets


async def ticket_of(url: str) -> str:
    async with httpx2.AsyncClient(base_url=url) as http:
        response = await http.post("/stream-tickets", headers=KEY)
    assert response.status_code == 201
    ticket: str = response.json()["ticket"]
    return ticket


async def test_a_ticket_opens_one_stream_and_is_not_echoed(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(api_keys=("right",))
    path = f"/backtests/{finished.run_id}/stream"
    offer = f"Sec-WebSocket-Protocol: glowback.v1, ticket.{await ticket_of(url)}"
    first, second = await shake(url, path, offer), await shake(url, path, offer)
    assert (first.status, first.headers["sec-websocket-protocol"]) == (101, "glowback.v1")
    assert second.status == 401
    assert second.headers["www-authenticate"] == "Bearer"
    assert orjson.loads(second.body) == {
        "detail": "This ticket is unknown, used or expired: get one by POST /stream-tickets"
    }


async def test_a_ticket_decides_before_a_key(serve_with: Serve, finished: Run) -> None:
    url = await serve_with(api_keys=("right",), log_level="ERROR")
    path = f"/backtests/{finished.run_id}/stream"
    offer = "Sec-WebSocket-Protocol: ticket.wrong"
    assert (await shake(url, path, offer, "X-API-Key: right")).status == 401


async def test_a_stream_comes_with_a_ticket_from_a_browser(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(api_keys=("right",))
    offered = ("glowback.v1", f"ticket.{await ticket_of(url)}")
    with trio.fail_after(5):
        async with connected(f"{url}/backtests/{finished.run_id}/stream", *offered) as socket:
            assert socket.subprotocol == "glowback.v1"
            assert orjson.loads(await socket.get_message())["event_id"] == 1


async def test_a_ticket_says_when_it_ends_and_then_it_does(
    gateway: Gateway, mock_clock: trio.testing.MockClock
) -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    app = create_app(gateway, Settings(api_keys=("right",)), clock=lambda: noon)
    response = await app.test_client().post("/stream-tickets", headers=KEY)
    document = await response.get_json()
    assert datetime.fromisoformat(document["expires_at"]) == noon + timedelta(seconds=30)
    assert (await app.test_client().post("/stream-tickets")).status_code == 401


async def test_without_keys_a_ticket_is_not_checked(url: str, finished: Run) -> None:
    offer = "Sec-WebSocket-Protocol: glowback.v1, ticket.old"
    answer = await shake(url, f"/backtests/{finished.run_id}/stream", offer)
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "glowback.v1")


# Proxies


def through(*hops: str, proto: str | None = None) -> dict[str, str]:
    forwarded = {"X-Forwarded-For": ", ".join(hops)}
    return forwarded if proto is None else forwarded | {"X-Forwarded-Proto": proto}


async def test_clients_behind_a_trusted_proxy_have_rates_of_their_own(serve_with: Serve) -> None:
    url = await serve_with(rate_limit=1, trusted_proxies=("127.0.0.1",), log_level="ERROR")
    async with httpx2.AsyncClient(base_url=url) as http:
        responses = [
            await http.get("/backtests", headers=through(hop))
            for hop in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
        ]
    assert [response.status_code for response in responses] == [200, 200, 429]


async def test_forwarded_headers_of_other_peers_do_not_count(serve_with: Serve) -> None:
    url = await serve_with(rate_limit=1, log_level="ERROR")
    async with httpx2.AsyncClient(base_url=url) as http:
        responses = [
            await http.get("/backtests", headers=through(hop, proto="https"))
            for hop in ("192.0.2.1", "192.0.2.2")
        ]
    assert [response.status_code for response in responses] == [200, 429]
    assert "strict-transport-security" not in responses[0].headers


async def test_the_log_names_the_client_behind_the_proxy(
    serve_with: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await serve_with(trusted_proxies=("127.0.0.0/8",), stall_log_ms=0)
    async with httpx2.AsyncClient(base_url=url) as http:
        await http.get("/healthz", headers=through("203.0.113.9", "192.0.2.7"))
    text = ""
    with trio.fail_after(10):
        while not text.endswith("\n"):  # a thread writes the line
            await trio.lowlevel.checkpoint()
            text += capsys.readouterr().err
    assert orjson.loads(text)["client"] == "192.0.2.7"


@pytest.mark.parametrize(("proto", "encrypted"), [("https", True), ("http", False), (None, False)])
async def test_hsts_is_sent_where_a_trusted_proxy_speaks_tls(
    serve_with: Serve, proto: str | None, *, encrypted: bool
) -> None:
    url = await serve_with(trusted_proxies=("127.0.0.1",))
    async with httpx2.AsyncClient(base_url=url) as http:
        response = await http.get("/nowhere", headers=through("192.0.2.1", proto=proto))
    assert ("strict-transport-security" in response.headers) == encrypted


# Hosts


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example", 200),
        ("API.example:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("api.example.evil.example", 400),
        ("user@api.example", 400),
        ("api.example:80:80", 400),
        ("::1", 400),
    ],
)
async def test_only_allowed_hosts_are_answered(client_of: ClientOf, host: str, status: int) -> None:
    client = client_of(allowed_hosts=("Api.example", "[::1]"))
    response = await client.get("/v1/healthz", headers={"Host": host})
    assert response.status_code == status
    if status == 400:
        error = (await response.get_json())["error"]
        assert error["code"] == "bad_request"
        assert error["message"] == (
            "This server does not serve that Host; its operator can list it in "
            "GLOWBACK_ALLOWED_HOSTS"
        )
        assert response.headers["X-Request-ID"]


async def test_a_stream_is_for_an_allowed_host_too(serve_with: Serve, finished: Run) -> None:
    path = f"/backtests/{finished.run_id}/stream"
    assert (await shake(await serve_with(allowed_hosts=("a.example",)), path)).status == 400
    assert (await shake(await serve_with(allowed_hosts=("localhost",)), path)).status == 101


def test_no_list_allows_every_host() -> None:
    for host in ("", "x", "[[["):
        ServedHosts().check(host)


LOCAL_NAMES = [
    "",  # of HTTP/1.0, which no browser speaks
    "localhost",
    "LOCALHOST:1",
    "localhost.:8000",
    "app.localhost",
    "127.0.0.1",
    "127.8.9.10:80",
    "[::1]",
    "[::1]:8000",
    "[::ffff:127.0.0.1]",
]
OTHER_NAMES = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "evillocalhost",
    "127.0.0.1.evil.example",
    "0.0.0.0",
    "128.0.0.1",
    "192.168.1.4",
    "[::]",
    "[::2]",
    "user@localhost",
]


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
@pytest.mark.parametrize("host", [*LOCAL_NAMES, *OTHER_NAMES])
def test_a_server_of_this_machine_only_serves_the_names_of_this_machine(
    host: str, bind: str
) -> None:
    hosts = ServedHosts.of((), (), bind)
    if host in LOCAL_NAMES:
        hosts.check(host)
    else:
        with pytest.raises(HttpError, match="GLOWBACK_ALLOWED_HOSTS") as refused:
            hosts.check(host)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("listed", "keys", "bind"),
    [
        (("evil.example",), (), "127.0.0.1:0"),
        ((), ("k",), "127.0.0.1:0"),
        ((), (), "0.0.0.0:0"),
        ((), (), ":0"),
        ((), (), "192.168.1.4:8000"),
        ((), (), "server.example:8000"),
        ((), (), "unix:/run/glowback.sock"),
        ((), (), ["127.0.0.1:0", "0.0.0.0:0"]),
        ((), (), []),
    ],
)
def test_a_list_keys_or_a_public_address_say_themselves_who_may_come(
    listed: tuple[str, ...], keys: tuple[str, ...], bind: str | list[str]
) -> None:
    ServedHosts.of(listed, keys, bind).check("evil.example")


def test_a_unix_socket_beside_a_loopback_address_serves_every_host() -> None:
    hosts = ServedHosts.of((), (), ["unix:/run/glowback.sock", "127.0.0.1:0"])
    hosts.check("evil.example", internet=False)
    with pytest.raises(HttpError):
        hosts.check("evil.example")


async def test_the_address_of_an_open_listener_counts_like_a_bind() -> None:
    for host, loopback in (("127.0.0.1", True), ("0.0.0.0", False)):
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        async with listener:
            assert ServedHosts.of((), (), listeners=[listener]).loopback is loopback


async def test_a_page_of_a_name_that_was_rebound_reads_nothing(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with()
    rebound = {"Host": "evil.example"}
    async with httpx2.AsyncClient(base_url=url, headers=rebound) as http:
        for path in ("/healthz", "/backtests", "/nowhere", f"/backtests/{finished.run_id}"):
            assert (await http.get(path)).status_code == 400
        assert (await http.post("/backtests", json={})).status_code == 400
        assert (await http.delete(f"/backtests/{finished.run_id}")).status_code == 400
    answer = await shake(url, f"/backtests/{finished.run_id}/stream", host="evil.example")
    assert answer.status == 400


async def test_with_keys_a_server_of_this_machine_serves_every_host(serve_with: Serve) -> None:
    url = await serve_with(api_keys=("k",))
    async with httpx2.AsyncClient(base_url=url, headers={"Host": "api.example"}) as http:
        assert (await http.get("/healthz")).status_code == 200
