"""A log that is followed at a peer arrives whole, in order and unchanged, or an error says why not.

Doctrine: the peer is a real server on a real socket; between the two stands a proxy that cuts and
falsifies. What arrives is compared with the log itself, byte for byte. Waiting is for events, never
for a time.
"""

from __future__ import annotations

import pytest
import trio
from support.cutting_proxy import open_cutting_proxy
from support.served import TWO_YEARS, Serve, completed

from glowback_trio import Event, Run
from glowback_trio.actors import Gateway
from glowback_trio.actors.cluster.peers import LogName, PeerError
from glowback_trio.peers import HttpPeers, open_peers


def named(run: Run) -> LogName:
    return LogName(("run", run.run_id))


def logged(run: Run) -> list[bytes]:
    return [event.data for event in run.events()]


async def followed(peers: HttpPeers, url: str, run: Run, after: int = 0) -> list[Event]:
    with trio.fail_after(20):
        async with peers.follow(url, named(run), after) as batches:
            return [event async for batch in batches for event in batch]


@pytest.mark.parametrize("after", [0, 1, 200])
async def test_a_finished_log_is_told_from_a_cursor_on(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers, after: int
) -> None:
    url, run = await serve_with(), await completed(gateway, TWO_YEARS)
    events = await followed(peers, url, run, after)
    assert [event.data for event in events] == logged(run)[after:]
    assert peers.reachable == {url: True}


async def test_a_log_is_told_while_it_grows(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url = await serve_with()
    run = gateway.submit(TWO_YEARS)
    events = await followed(peers, url, run)
    assert [event.data for event in events] == logged(run)


async def test_connections_that_break_leave_no_gap_and_no_repeat(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url, run = await serve_with(), await completed(gateway, TWO_YEARS)
    cuts = [40_000, 35_000, 36_001, 40_002]
    async with open_cutting_proxy(url, cuts) as (proxied, made):
        events = await followed(peers, proxied, run)
    assert [event.data for event in events] == logged(run)
    assert made.made > 1


async def test_a_falsified_event_is_no_log(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url, run = await serve_with(), await completed(gateway, TWO_YEARS)
    lie = (b'"event_id":100,', b'"event_id":101,')
    async with open_cutting_proxy(url, [], lie=lie) as (proxied, _):
        with pytest.raises(PeerError, match="tells what is not the log: law 6"):
            await followed(peers, proxied, run)


async def test_a_changed_number_is_seen_by_the_digest(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url, run = await serve_with(), await completed(gateway, TWO_YEARS)
    async with open_cutting_proxy(url, [], lie=(b'"progress":0.5', b'"progress":0.4')) as (
        lying,
        _,
    ):
        with pytest.raises(PeerError, match="law 8"):
            await followed(peers, lying, run)


async def test_nobody_at_an_address_is_out_of_reach(gateway: Gateway, peers: HttpPeers) -> None:
    run = await completed(gateway, TWO_YEARS)
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    await listener.aclose()
    with pytest.raises(PeerError, match="is out of reach: no connection"):
        await followed(peers, url, run)
    assert peers.reachable == {url: False}


async def test_a_gateway_with_another_secret_is_refused(
    gateway: Gateway, serve_with: Serve
) -> None:
    url, run = await serve_with(), await completed(gateway, TWO_YEARS)
    async with open_peers("another secret, which is long enough") as strangers:
        with pytest.raises(PeerError, match=r"refuses: it answers 401: .*GLOWBACK_PEER_SECRET"):
            await followed(strangers, url, run)


async def test_an_unknown_run_is_an_error(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url = await serve_with()
    with pytest.raises(PeerError, match="closed the stream: 1008 run not found"):
        async with peers.follow(url, LogName(("run", "nobody")), 0) as batches:
            await anext(batches)


async def test_leaving_the_block_closes_the_stream(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url = await serve_with()
    run = gateway.submit(TWO_YEARS)
    run.pause()
    async with peers.follow(url, named(run), 0) as batches:
        assert (await anext(batches))[0].event_id == 1
        with trio.move_on_after(0) as scope:
            await anext(batches)
        assert scope.cancelled_caught
    run.resume()
    await run.wait_finished()


async def test_peers_need_no_key_and_no_place_among_the_streams(
    gateway: Gateway, serve_with: Serve, peers: HttpPeers
) -> None:
    url = await serve_with(api_keys=("key",), max_streams=1)
    run = gateway.submit(TWO_YEARS)
    run.pause()
    async with peers.follow(url, named(run), 0) as one, peers.follow(url, named(run), 0) as two:
        assert (await anext(one))[0].data == (await anext(two))[0].data
    run.resume()
    await run.wait_finished()
