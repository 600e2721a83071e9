"""Idempotency keys: a request repeated after its response was lost gets the first response."""

from __future__ import annotations

from collections import OrderedDict

import trio
from attrs import define, field, frozen
from werkzeug.datastructures import Headers

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.request import BacktestRequest

__all__ = ["FirstResponse", "IdempotencyCache", "idempotency_key"]

HEADER = "Idempotency-Key"
_LONGEST = 255
_KEPT_S = 24 * 3600.0


def idempotency_key(headers: Headers) -> str | None:
    """Return the idempotency key of a request; None if it has none.

    Raises:
        InvalidRequestError: The key is empty, too long, or not printable ASCII.
    """
    key: str | None = headers.get(HEADER)
    if key is None or (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        return key
    raise _problem(f"Input should be 1 to {_LONGEST} printable ASCII characters", key)


def _problem(message: str, key: str) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("header", HEADER), message, key)])


@frozen
class FirstResponse:
    """The response to the first of several equal requests.

    Attributes:
        run_id: The run that the request started.
        body: The body of the response.
    """

    run_id: str
    body: bytes


@frozen
class _Entry:
    request: BacktestRequest
    response: FirstResponse
    expires_at: float


@define(eq=False)
class IdempotencyCache:
    """First responses by client and idempotency key, kept for 24 hours of trio's clock.

    Args:
        most: Responses to keep; beyond it the oldest is dropped.
    """

    most: int = 10_000
    #: Oldest first, since all are kept for the same time. In a plain dict, finding the first entry
    #: takes time in proportion to the entries deleted before it.
    _entries: OrderedDict[tuple[str, str], _Entry] = field(factory=OrderedDict, init=False)

    def find(self, client: str, key: str, request: BacktestRequest) -> FirstResponse | None:
        """Return the first response to this request; None if it is new.

        Raises:
            InvalidRequestError: The key was used with a different request.
        """
        self._forget_old()
        entry = self._entries.get((client, key))
        if entry is None:
            return None
        if entry.request != request:
            raise _problem("This key was used with a different request before", key)
        return entry.response

    def keep(
        self, client: str, key: str, request: BacktestRequest, response: FirstResponse
    ) -> None:
        """Remember a first response."""
        self._entries[client, key] = _Entry(request, response, trio.current_time() + _KEPT_S)
        self._forget_old()

    def _forget_old(self) -> None:
        now = trio.current_time()
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.expires_at > now and len(self._entries) <= self.most:
                return
            self._entries.popitem(last=False)
