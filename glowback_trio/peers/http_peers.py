"""The other gateways of a cluster, reached over HTTP and WebSocket like a server by its clients."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import httpcore2
import httpx2
import trio
from attrs import define, field

from glowback_trio.actors.cluster.peers import LogName, PeerError
from glowback_trio.client.backoff import Backoff
from glowback_trio.client.responses import reason_of
from glowback_trio.client.subjects import optimization_subject, run_subject
from glowback_trio.client.websocket import Broken, Rejected, WebSocket, open_websocket
from glowback_trio.errors import ServingError
from glowback_trio.peers.following import HEARTBEAT_S, FollowedStream, verifier_of
from glowback_trio.peers.reach import Reach
from glowback_trio.server.http.forwarding import Forwarded, ForwardedAnswer
from glowback_trio.server.security.peer_identity import SCHEME, authorization

__all__ = ["HttpPeers", "open_peers"]

# Peers are near: who does not answer in this time is stopped, or cut off.
_CONNECT_S, _ANSWER_S = 2.0, 10.0
# How long a stream that was good is connected again, before the store is read instead.
_OUTAGE_S = 2.0
_BATCH = 500
_STRANGER = (
    "it does not take this gateway for a peer; give all gateways of a cluster the same "
    "GLOWBACK_PEER_SECRET"
)
# The answers about a run that has not ended are small; events are at most ten thousand a response.
_MOST_BYTES = 8 << 20
# Of the connection to the peer, or written anew here (RFC 9110, 7.6.1).
_NOT_RELAYED = {
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@define(eq=False)
class HttpPeers:
    """The other gateways, by their addresses. Made by `open_peers`.

    It implements `actors.cluster.peers.Peers` and `server.http.forwarding.Forwarder`.
    """

    _http: httpx2.AsyncClient
    _jitter: Callable[[], float] = random.random
    _reach: Reach = field(factory=Reach, init=False)

    @property
    def reachable(self) -> Mapping[str, bool]:
        """The addresses that were tried, with whether the last attempt reached somebody."""
        return self._reach.known

    @asynccontextmanager
    async def follow(self, address: str, log: LogName, after: int) -> AsyncIterator[FollowedStream]:
        """Follow a log that a peer holds; see `Peers.follow`."""

        async def open_from(cursor: int) -> WebSocket | Rejected | Broken:
            query = {"last_event_id": cursor, "batch": _BATCH, "heartbeat": HEARTBEAT_S}
            attempt = {} if log.attempt is None else {"attempt": log.attempt}
            return await open_websocket(self._http, _stream_url(address, log), query | attempt)

        backoff = Backoff(_OUTAGE_S, self._jitter)
        stream = FollowedStream(address, open_from, verifier_of(log, after), backoff, self._reach)
        try:
            await stream.connect()
            yield stream
        finally:
            await stream.aclose()

    async def forward(self, address: str, request: Forwarded) -> ForwardedAnswer:
        """Have a request answered by the gateway at an address; see `Forwarder.forward`."""
        why = f"no answer within {_ANSWER_S:g} s"
        try:
            with trio.move_on_after(_ANSWER_S):
                answer = await self._answer(address, request)
                self._reach.note(address)
                return answer
        except (httpx2.RequestError, httpcore2.NetworkError) as error:
            why = reason_of(error)
        self._reach.note(address, lost=why)
        raise PeerError(f"The gateway at {address} is out of reach: {why}")

    async def _answer(self, address: str, request: Forwarded) -> ForwardedAnswer:
        url = address.rstrip("/") + request.target
        sent = self._http.build_request(
            request.method, url, headers=list(request.headers), content=request.body
        )
        response = await self._http.send(sent, stream=True)
        try:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MOST_BYTES:
                    message = f"more than {_MOST_BYTES:,} bytes"
                    raise PeerError(f"The gateway at {address} answers with {message}")
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()
        if response.headers.get("WWW-Authenticate") == SCHEME:
            # It is this gateway that is refused, and not its client.
            self._reach.note(address, lost=_STRANGER)
            raise PeerError(f"The gateway at {address} refuses this one: {_STRANGER}")
        headers = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in _NOT_RELAYED
        }
        return ForwardedAnswer(response.status_code, headers, body)


@asynccontextmanager
async def open_peers(
    secret: str,
    *,
    ca_file: str | None = None,
    jitter: Callable[[], float] = random.random,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[HttpPeers]:
    """Open the way to the other gateways for the length of an `async with` block.

    Args:
        secret: The secret of the cluster.
        ca_file: PEM file with the authorities that sign the peers' certificates; None: those that
            the system trusts.
        jitter: Returns numbers from 0 to 1, by which streams vary their delays.
        transport: Carries the requests; None: the network.

    Raises:
        ServingError: The file cannot be read, or holds no certificates.
    """
    verify = True if ca_file is None else _trusting(ca_file)
    # No limit on connections: each followed log occupies one.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx2.AsyncClient(
        headers={"Authorization": authorization(secret), "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
        limits=limits,
        verify=verify,
        transport=transport,
        # Gateways reach each other directly, whatever proxy the environment names.
        trust_env=False,
    ) as http:
        yield HttpPeers(http, jitter)


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.strerror or error
        raise ServingError(f"The certificates in {ca_file} cannot be read: {why}") from error


def _stream_url(address: str, log: LogName) -> str:
    kind, identity = log.named
    subject = run_subject(identity) if kind == "run" else optimization_subject(identity)
    return f"{address.rstrip('/')}/v1{subject.path('/stream')}"
