"""Submissions: a request is read, checked and begun once, however often it is sent with one key."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

import trio
from attrs import evolve, frozen
from quart import request

from glowback_trio.errors import StoreError
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import (
    KEPT_S,
    FirstResponse,
    check_same,
    digest_of,
    idempotency_key,
    stored_key,
)
from glowback_trio.server.state.key_claims import make_claim
from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.store.shared_state import KeyClaim
from glowback_trio.wire.converter import Converter, Document

__all__ = ["Begun", "Submittable", "submission_response"]

R = TypeVar("R")


class Begun(Protocol):
    """The work that a request has begun: a run, for example."""

    async def wait_stored(self) -> None:
        """Wait until it is as durable as the store promises."""


class Submittable(Protocol[R]):
    """One kind of request, and what it begins."""

    @property
    def path(self) -> str:
        """The path that requests of this kind are sent to, without its prefix."""

    def read(self, document: object, converter: Converter) -> R:
        """Read a request; in a thread."""

    def write(self, requested: R) -> Document:
        """Write a request, by which it is known again; in a thread."""

    async def check(self, app_state: AppState, requested: R) -> str | None:
        """Check what needs more than the fields; return the fingerprint of the bars, if known."""

    def begin(
        self,
        app_state: AppState,
        requested: R,
        owner: str,
        key: str | None,
        fingerprint: str | None,
    ) -> FirstResponse:
        """Begin what is requested, on an owner's account, kept with a key."""

    async def find(
        self, app_state: AppState, key: str, max_age_s: float
    ) -> tuple[R, FirstResponse] | None:
        """Find what was begun with a key, if the store remembers it."""

    def begun(self, app_state: AppState, identity: str) -> Begun | None:
        """Return what was begun, as long as it is in memory."""

    def delete(self, app_state: AppState, identity: str) -> None:
        """Let what was begun never have been."""


@frozen
class _Sent:
    """Who sent a request, what tells it apart from others, and which bars it needs."""

    client: str
    key: str | None
    digest: bytes
    fingerprint: str | None = None


async def submission_response(
    app_state: AppState, document: object, kind: Submittable[R]
) -> Response:
    """Respond to a submission, once what it began is as durable as the store promises.

    A request that is repeated with its idempotency key gets the first response again.
    """
    client, key = presented_key(request.headers) or "", idempotency_key(request.headers)

    def read() -> tuple[R, bytes]:
        with located("body"):
            requested = kind.read(document, app_state.converter)
        # Parsed requests are compared: their JSON may differ in order, spelling and defaults.
        return requested, digest_of(kind.write(requested))

    # A request of a thousand symbols takes milliseconds to read and tens of them to check.
    requested, digest = await trio.to_thread.run_sync(read, limiter=app_state.readers)
    sent = _Sent(client, key, digest)
    first, claim = await _first_response(app_state, kind, requested, sent), None
    if first is None:
        with located("body"):
            sent = evolve(sent, fingerprint=await kind.check(app_state, requested))
        first, claim = await _begin_once(app_state, kind, requested, sent)
    await _wait_stored(app_state, kind, first.identity, sent, claim)
    location = f"{prefix(request.path)}{kind.path}/{first.identity}"
    return json_response(first.body, 201, {"Location": location})


async def _begin_once(
    app_state: AppState, kind: Submittable[R], requested: R, sent: _Sent
) -> tuple[FirstResponse, KeyClaim | None]:
    """Begin what is requested, unless it was begun meanwhile with this key, here or elsewhere.

    Returns:
        The first response, and the claim to release once what was begun is stored.
    """
    claims = app_state.key_claims
    if sent.key is None or claims is None:
        first = await _first_response(app_state, kind, requested, sent)
        return first or _begin(app_state, kind, requested, sent), None
    claim = make_claim(kind.path, stored_key(sent.client, sent.key), sent.digest)
    async with claims.turn(claim.key):
        find = partial(_first_response, app_state, kind, requested, sent)
        if (first := await claims.claim(claim, find, sent.key)) is not None:
            return first, None
        try:
            return _begin(app_state, kind, requested, sent), claim
        except Exception:
            await claims.release(claim)
            raise


def _begin(app_state: AppState, kind: Submittable[R], requested: R, sent: _Sent) -> FirstResponse:
    kept_key = stored_key(sent.client, sent.key) if sent.key else None
    with located("body"):
        first = kind.begin(app_state, requested, sent.client, kept_key, sent.fingerprint)
    if sent.key:
        # Only a success is kept, so that a corrected request may use the same key.
        app_state.idempotency.keep(sent.client, sent.key, sent.digest, first)
    return first


async def _first_response(
    app_state: AppState, kind: Submittable[R], requested: R, sent: _Sent
) -> FirstResponse | None:
    """Return the first response to a request that is repeated; None if it is new.

    There is no wait between the last look and the return, so a second request finds the first.
    """
    if sent.key is None:
        return None
    if (first := _remembered(app_state, kind, sent.key, sent)) is not None:
        return first
    kept = await kind.find(app_state, stored_key(sent.client, sent.key), KEPT_S)
    if kept is not None:
        known, first = kept
        check_same(same=known == requested, key=sent.key)
        return first
    return _remembered(app_state, kind, sent.key, sent)


def _remembered(
    app_state: AppState, kind: Submittable[R], key: str, sent: _Sent
) -> FirstResponse | None:
    def alive(identity: str) -> bool:
        return kind.begun(app_state, identity) is not None

    return app_state.idempotency.find(sent.client, key, sent.digest, alive=alive)


async def _wait_stored(
    app_state: AppState,
    kind: Submittable[R],
    identity: str,
    sent: _Sent,
    claim: KeyClaim | None,
) -> None:
    """Wait until what was begun is stored.

    Where it cannot be, it shall never have been, unless it has a key in a cluster: it may be stored
    by now, or later, and another gateway may have responded with it. The claim of the key holds on
    then, so that a repeated request gets it from any gateway, once it is stored.

    Raises:
        StoreError: It cannot be stored at the moment.
    """
    try:
        # What was deleted, or has left memory for the store, is not waited for.
        if (begun := kind.begun(app_state, identity)) is not None:
            await begun.wait_stored()
    except StoreError:
        if sent.key is None or app_state.key_claims is None:
            _undo(app_state, kind, identity, sent)
        raise
    if sent.key is not None:
        app_state.idempotency.note_stored(sent.client, sent.key, identity)
    await _release(app_state, claim)


def _undo(app_state: AppState, kind: Submittable[R], identity: str, sent: _Sent) -> None:
    if kind.begun(app_state, identity) is not None:
        # It was stored after all, and another gateway has taken it: it stays.
        with suppress(HeldElsewhereError):
            kind.delete(app_state, identity)
    if sent.key is not None:
        app_state.idempotency.forget(sent.client, sent.key, identity)


async def _release(app_state: AppState, claim: KeyClaim | None) -> None:
    if claim is not None and app_state.key_claims is not None:
        await app_state.key_claims.release(claim)
