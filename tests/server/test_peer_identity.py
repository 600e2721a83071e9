"""Who is taken for a peer, and what a peer is let do that a client is not.

Doctrine: a token is that of the cluster's secret or it is refused, also where clients need no key.
A peer carries the key of its client, which is checked as if the client had come by itself; only the
rate is not counted a second time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio.errors import InvalidRequestError
from glowback_trio.server import Settings
from glowback_trio.server.security.peer_identity import PeerIdentity, authorization

ClientOf = Callable[..., Client]

SECRET = "a secret of more than 16 characters"
PEER = {"Authorization": authorization(SECRET)}
STRANGER = {"Authorization": authorization("another one, which is as long as it")}


async def test_a_wrong_token_is_refused_where_clients_need_no_key(client_of: ClientOf) -> None:
    client = client_of(peer_secret=SECRET)
    refused = await client.get("/v1/backtests", headers=STRANGER)
    assert refused.status_code == 401
    assert "GLOWBACK_PEER_SECRET" in (await refused.get_json())["error"]["message"]
    assert (await client.get("/v1/backtests", headers=PEER)).status_code == 200


async def test_nobody_is_a_peer_of_a_server_without_a_secret(client_of: ClientOf) -> None:
    assert (await client_of().get("/backtests", headers=PEER)).status_code == 401


async def test_wrong_tokens_are_counted_as_wrong_keys_are(client_of: ClientOf) -> None:
    client = client_of(peer_secret=SECRET)
    for _ in range(30):
        assert (await client.get("/backtests", headers=STRANGER)).status_code == 401
    assert (await client.get("/backtests", headers=STRANGER)).status_code == 429
    assert (await client.get("/backtests")).status_code == 200


async def test_a_peer_does_not_draw_from_the_rate_of_its_client(client_of: ClientOf) -> None:
    client = client_of(peer_secret=SECRET, rate_limit=1)
    forwarded = [await client.get("/backtests", headers=PEER) for _ in range(3)]
    assert [each.status_code for each in forwarded] == [200, 200, 200]
    assert "X-RateLimit-Limit" not in forwarded[0].headers
    own = [await client.get("/backtests") for _ in range(2)]
    assert [each.status_code for each in own] == [200, 429]


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), ("right", 200)])
async def test_the_key_of_the_client_decides_and_not_the_token(
    client_of: ClientOf, key: str | None, status: int
) -> None:
    client = client_of(peer_secret=SECRET, api_keys=("right",))
    carried = {} if key is None else {"X-API-Key": key}
    assert (await client.get("/backtests", headers=PEER | carried)).status_code == status


async def test_a_client_s_key_makes_nobody_a_peer(client_of: ClientOf) -> None:
    client = client_of(peer_secret=SECRET, api_keys=("right",))
    headers = {"Authorization": "Glowback-Peer right", "X-API-Key": "right"}
    assert (await client.get("/backtests", headers=headers)).status_code == 401


def test_the_secret_is_in_no_token_and_in_no_description() -> None:
    identity, settings = PeerIdentity.of(SECRET), Settings(peer_secret=SECRET)
    assert SECRET not in authorization(SECRET)
    assert identity.token is not None
    shown = repr(identity) + repr(settings)
    assert SECRET not in shown
    assert identity.token not in shown


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequestError, match="at least 16 characters") as refused:
        Settings(peer_secret="hunter2")
    assert "hunter2" not in str(refused.value)
