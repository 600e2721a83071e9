"""Forwarding: what another gateway computes, that gateway is asked about.

A client may send any request to any gateway of a cluster. One about a run that another gateway
holds and that has not ended is forwarded to it, and its answer is relayed. A gateway never forwards
what a peer has forwarded: it says that it does not hold the run (421), and the peer looks again.
Streams are not forwarded, since the log of such a run is followed here.
"""

from __future__ import annotations

from urllib.parse import quote

from attrs import define
from quart import request
from werkzeug.exceptions import RequestEntityTooLarge

from glowback_trio.actors.cluster.peers import PeerError
from glowback_trio.errors import StoreError
from glowback_trio.server.http.errors import HttpError, too_large
from glowback_trio.server.http.forwarding import Forwarded, ForwardedAnswer
from glowback_trio.server.http.request import RequestContext, current_request
from glowback_trio.server.http.responses import Response
from glowback_trio.server.http.route import Route
from glowback_trio.server.http.router import Match
from glowback_trio.server.pipeline.headers import client_scheme
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.security.peer_identity import CLIENT, CLIENT_SCHEME
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.holding import Holding, named_in
from glowback_trio.store.cluster import HeldElsewhereError, Lease, Named

__all__ = ["answer_elsewhere"]

_SSE = "text/event-stream"
# Who holds a run may change between the look and the question.
_TRIES = 2
_MISDIRECTED, _UPGRADE_REQUIRED = 421, 426
# Of the connection to the client, said anew to the peer, or checked here already.
_NOT_FORWARDED = {
    b"accept-encoding",
    b"authorization",
    b"connection",
    b"content-length",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"keep-alive",
    b"origin",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-api-key",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
    CLIENT.lower().encode(),
    CLIENT_SCHEME.lower().encode(),
}


async def answer_elsewhere(app_state: AppState, match: Match, limit: int) -> Response | None:
    """Return the answer of the gateway that holds what a request is about; None: answer it here.

    Args:
        app_state: The state of the app.
        match: The route, and what the path names.
        limit: Bytes that the body may have.

    Raises:
        HttpError: 421: a peer asks for what is not held here. 503: the holder is out of reach, and
            the request changes something. 413.
        StoreError: It cannot be found out who holds it.
    """
    named = named_in(match.arguments)
    if app_state.holding is None or named is None:
        return None
    question = _Question(app_state, app_state.holding, named, match.route, current_request())
    if question.context.notes.from_peer:
        await question.check_held()
        return None
    return await question.answer(limit)


@define(eq=False)
class _Question:
    """A request about something that any gateway of the cluster may hold."""

    app_state: AppState
    holding: Holding
    named: Named
    route: Route
    context: RequestContext

    async def check_held(self) -> None:
        """Check that this gateway can answer a peer.

        Raises:
            HttpError: 421.
        """
        if await self._holder() is not None:
            message = f"This gateway does not hold {self.named[0]} {self.named[1]}"
            raise HttpError(_MISDIRECTED, message, code=HeldElsewhereError.code)

    async def answer(self, limit: int) -> Response | None:
        """Return the holder's answer; None: answer it here."""
        holder, why = None, "it changes hands"
        for _ in range(_TRIES):
            holder = await self._holder()
            if holder is None:
                break
            if self._wants_stream():
                await self._catch_up()
                return None
            if (answer := await self._ask(holder, await _body(self.route, limit))) is None:
                why = "it is out of reach"
                break
            if answer.status != _MISDIRECTED:
                if self.route.changes_state:
                    self.holding.note_changed(self.named)
                return _relayed(answer)
        if holder is not None and self.route.changes_state:
            raise self._unavailable(holder, why)
        await self._catch_up()
        return None

    async def _holder(self) -> Lease | None:
        """Return which other gateway is to answer; None: this one."""
        try:
            if (holder := await self.holding.holder_of(self.named)) is None:
                # What nobody holds is held from now on by who is to change it.
                if self.route.changes_state:
                    await self.holding.hold(self.named)
                return None
        except HeldElsewhereError:
            return await self.holding.holder_of(self.named)
        except StoreError:
            if self.route.changes_state or not self.app_state.knows(self.named):
                raise
            return None
        return holder

    def _wants_stream(self) -> bool:
        if _UPGRADE_REQUIRED in self.route.errors:
            return True  # it only says where streams are
        media = [each for spec in self.route.responses.values() for each in spec.media]
        if _SSE not in media:
            return False
        return request.accept_mimetypes.best_match(["application/json", *media]) == _SSE

    async def _catch_up(self) -> None:
        try:
            await self.holding.catch_up(self.named)
        except StoreError:
            # What is in memory is answered as it is.
            if not self.app_state.knows(self.named):
                raise

    async def _ask(self, holder: Lease, body: bytes) -> ForwardedAnswer | None:
        """Return the holder's answer; None: it is out of reach."""
        forwarder, metrics = self.app_state.forwarder, self.app_state.metrics.cluster
        if forwarder is None or holder.address is None:
            return None
        try:
            answer = await forwarder.forward(holder.address, self._forwarded(body))
        except PeerError:
            metrics.count_forwarded("unreachable")
            return None
        metrics.count_forwarded("answered")
        return answer

    def _forwarded(self, body: bytes) -> Forwarded:
        context = self.context
        said = {
            CLIENT: context.client,
            CLIENT_SCHEME: client_scheme(self.app_state, context),
            "X-Request-ID": context.request_id,
        }
        if (key := presented_key(context.headers)) is not None:
            said["X-API-Key"] = key
        headers = [line for line in context.scope["headers"] if line[0] not in _NOT_FORWARDED]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
        query = context.scope["query_string"].decode("latin-1")
        target = quote(context.path, safe="/-._~") + (f"?{query}" if query else "")
        # The head of an answer to GET is the answer to HEAD.
        method = "GET" if context.method == "HEAD" else context.method
        return Forwarded(method, target, headers, body)

    def _unavailable(self, holder: Lease, why: str) -> HttpError:
        kind, identity = self.named
        message = (
            f"Gateway {holder.epoch} ({holder.name}) holds {kind} {identity}, and {why}: try again "
            "after the seconds that Retry-After states; if it has ended, another gateway takes over"
        )
        return HttpError(503, message, code="unavailable")


async def _body(route: Route, limit: int) -> bytes:
    # Quart keeps it, so that it can be read again.
    try:
        return bytes(await request.body)
    except RequestEntityTooLarge:
        raise too_large(limit, route.limit) from None


def _relayed(answer: ForwardedAnswer) -> Response:
    headers = dict(answer.headers)
    media = headers.pop("content-type", None)
    return Response(answer.body, answer.status, headers, content_type=media)
