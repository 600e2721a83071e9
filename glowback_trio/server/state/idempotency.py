"""Requests that are sent again because their answer was lost: the first answer is repeated."""

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
    """The key a client marked its request with, if it did.

    Raises:
        InvalidRequestError: It is empty, too long, or not printable ASCII.
    """
    key: str | None = headers.get(HEADER)
    if key is None or (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        return key
    raise _refusal(f"Input should be 1 to {_LONGEST} printable ASCII characters", key)


def _refusal(message: str, key: str) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("header", HEADER), message, key)])


@frozen
class FirstResponse:
    """What the first of several equal requests was answered.

    Attributes:
        run_id: The run it started.
        body: The answer's body.
    """

    run_id: str
    body: bytes


@frozen
class _Kept:
    request: BacktestRequest
    answer: FirstResponse
    until: float


@define(eq=False)
class IdempotencyCache:
    """First answers by client and idempotency key, for 24 hours of trio's clock.

    Args:
        most: How many are kept; the oldest leaves first.
    """

    most: int = 10_000
    #: Oldest first, since all are kept for the same time. A plain dict would search for its first
    #: entry among all that it has lost.
    _kept: OrderedDict[tuple[str, str], _Kept] = field(factory=OrderedDict, init=False)

    def find(self, client: str, key: str, request: BacktestRequest) -> FirstResponse | None:
        """The first answer to this very request, if there was one.

        Raises:
            InvalidRequestError: The key came with another request before.
        """
        self._forget_old()
        kept = self._kept.get((client, key))
        if kept is None:
            return None
        if kept.request != request:
            raise _refusal("This key was used with a different request before", key)
        return kept.answer

    def keep(self, client: str, key: str, request: BacktestRequest, answer: FirstResponse) -> None:
        """Remember a first answer."""
        self._kept[client, key] = _Kept(request, answer, trio.current_time() + _KEPT_S)
        self._forget_old()

    def _forget_old(self) -> None:
        now = trio.current_time()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.until > now and len(self._kept) <= self.most:
                return
            self._kept.popitem(last=False)
