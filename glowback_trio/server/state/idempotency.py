"""Idempotency keys: a request repeated after its response was lost gets the first response."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import trio
from attrs import define, field, frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.memory import Account
from glowback_trio.server.http.request import RequestHeaders
from glowback_trio.wire.converter import Document
from glowback_trio.wire.json_text import dumps

__all__ = [
    "KEPT_S",
    "FirstResponse",
    "IdempotencyCache",
    "check_same",
    "digest_of",
    "idempotency_key",
    "stored_key",
]

HEADER = "Idempotency-Key"
_LONGEST = 255
#: Seconds for which a key is remembered.
KEPT_S = 24 * 3600.0
# Bytes that an entry takes besides its body: key, digest, objects. Rounded up.
_ENTRY = 1000


def idempotency_key(headers: RequestHeaders) -> str | None:
    """Return the idempotency key of a request; None if it has none.

    Raises:
        InvalidRequestError: The key is empty, too long, or not printable ASCII.
    """
    key: str | None = headers.get(HEADER)
    if key is None or (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        return key
    raise _problem(f"Input should be 1 to {_LONGEST} printable ASCII characters", key)


def stored_key(client: str, key: str) -> str:
    """Return the key as it is kept with a run: no store shows the API key of a client."""
    return hashlib.sha256(f"{client}\0{key}".encode()).hexdigest()


def check_same(*, same: bool, key: str) -> None:
    """Check that a key comes with the request that it came with before.

    Raises:
        InvalidRequestError: It comes with another one.
    """
    if not same:
        raise _problem("This key was used with a different request before", key)


def _problem(message: str, key: str) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("header", HEADER), message, key)])


@frozen
class FirstResponse:
    """The response to the first of several equal requests.

    Attributes:
        identity: The id of what the request started.
        body: The body of the response.
    """

    identity: str
    body: bytes


def digest_of(document: Document) -> bytes:
    """Return what stands for a request; equal requests have the same. Blocks for a long one.

    Args:
        document: The request as it is written, not as it was sent.
    """
    return hashlib.sha256(dumps(document)).digest()


@define
class _Entry:
    digest: bytes
    response: FirstResponse
    expires_at: float
    #: True once what the request began is stored: until then it may be lost.
    stored: bool = False

    @property
    def size(self) -> int:
        return len(self.response.body) + _ENTRY


@define(eq=False)
class IdempotencyCache:
    """First responses by client and idempotency key, kept for 24 hours of trio's clock.

    Args:
        account: Told of what they take; where it has no room, the oldest are dropped.
        most: Responses to keep; beyond it the oldest is dropped.
    """

    _account: Account
    most: int = 10_000
    #: Oldest first, since all are kept for the same time. In a plain dict, finding the first entry
    #: takes time in proportion to the entries deleted before it.
    _entries: OrderedDict[tuple[str, str], _Entry] = field(factory=OrderedDict, init=False)

    def find(
        self, client: str, key: str, digest: bytes, *, alive: Callable[[str], bool]
    ) -> FirstResponse | None:
        """Return the first response to the request with this digest; None if it is new.

        Args:
            client: Who sent it.
            key: Its key.
            digest: Stands for the request.
            alive: Returns whether what a request began, by its id, is in memory. What is not, and
                was not stored as far as is known, may be lost: its response is forgotten.

        Raises:
            InvalidRequestError: The key was used with a different request.
        """
        self._forget_old()
        entry = self._entries.get((client, key))
        if entry is None:
            return None
        if not (entry.stored or alive(entry.response.identity)):
            self._forget(client, key)
            return None
        check_same(same=entry.digest == digest, key=key)
        return entry.response

    def keep(self, client: str, key: str, digest: bytes, response: FirstResponse) -> None:
        """Remember a first response."""
        self._forget(client, key)
        entry = _Entry(digest, response, trio.current_time() + KEPT_S)
        while self._entries and not self._account.has_room(entry.size):
            self._drop_oldest()
        self._entries[client, key] = entry
        self._account.add(entry.size)
        self._forget_old()

    def note_stored(self, client: str, key: str, identity: str) -> None:
        """Take note that what a request began is stored."""
        entry = self._entries.get((client, key))
        if entry is not None and entry.response.identity == identity:
            entry.stored = True

    def forget(self, client: str, key: str, identity: str) -> None:
        """Forget the response that names what a request began, so that it may be repeated.

        Another request may have begun something else with the key since: that is remembered.
        """
        entry = self._entries.get((client, key))
        if entry is not None and entry.response.identity == identity:
            self._forget(client, key)

    def _forget(self, client: str, key: str) -> None:
        if (entry := self._entries.pop((client, key), None)) is not None:
            self._account.release(entry.size)

    def _forget_old(self) -> None:
        now = trio.current_time()
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.expires_at > now and len(self._entries) <= self.most:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _key, entry = self._entries.popitem(last=False)
        self._account.release(entry.size)
