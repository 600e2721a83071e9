"""Rate limits: a token bucket per caller, refilled continuously."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping

import trio
from attrs import define, field, frozen
from attrs.validators import ge, gt

__all__ = ["Buckets", "Verdict", "caller_of"]

# Full buckets dropped per request: more than one, so that they go faster than they come; few, so
# that no single request pays for a crowd.
_FORGOTTEN_AT_ONCE = 4
# Fraction of a token: float sums may miss the last token by less than this.
_TOLERANCE = 1e-6
# The network that one household or rented machine gets; it may use any address within.
_IPV6_SITE_BITS = 64


def caller_of(key: str | None, address: str) -> str:
    """Return the name of the caller whose bucket a request draws from.

    Args:
        key: The key that admitted the request; None if none was needed. Never an unchecked key: a
            client that can choose its name can choose a new bucket for every request.
        address: The client's address.

    Returns:
        The digest of the key, or else the address. An IPv6 address is cut to its /64 network,
        since one site may use a new address for every request.
    """
    if key is not None:
        return f"key {hashlib.sha256(key.encode()).hexdigest()}"
    return _ipv6_site(address) if ":" in address else address


def _ipv6_site(address: str) -> str:
    try:
        return str(ipaddress.IPv6Network((address, _IPV6_SITE_BITS), strict=False))
    except ValueError:
        return address


@frozen
class Verdict:
    """The verdict on a request: if it is within its caller's rate, and the state of the bucket.

    Attributes:
        allowed: True if there was a token.
        limit: Tokens in a full bucket; 0 if nothing is limited.
        remaining: Whole tokens left.
        reset_s: Seconds until the bucket is full.
        retry_after_s: Seconds until there is a token; 0 if allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float

    @property
    def headers(self) -> Mapping[str, str]:
        """The rate headers of the response, in seconds rounded up; none if nothing is limited."""
        if not self.limit:
            return {}
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": _whole_seconds(self.reset_s),
        }
        return headers if self.allowed else headers | {"Retry-After": self.retry_after}

    @property
    def retry_after(self) -> str:
        """Value of the `Retry-After` header; at least 1, since 0 would mean at once."""
        return _whole_seconds(max(self.retry_after_s, 1))


def _whole_seconds(seconds: float) -> str:
    return str(math.ceil(round(seconds, 6)))


_UNLIMITED = Verdict(allowed=True, limit=0, remaining=0, reset_s=0.0, retry_after_s=0.0)


@define(eq=False)
class Buckets:
    """A bucket per caller, which holds `limit` tokens and fills in `window_s` seconds.

    A bucket is stored as the time at which it will be full, from which the tokens in it follow. A
    full bucket carries no information and is dropped.

    Args:
        limit: Tokens in a full bucket; 0 for no limit.
        window_s: Seconds in which an empty bucket fills.
        clock: Returns the time in seconds; it never goes back.
        most: Buckets to keep. With more callers than that at once, the buckets of the least recent
            ones are dropped before they are full.
    """

    limit: int = field(validator=ge(0))
    window_s: float = field(validator=gt(0))
    clock: Callable[[], float] = trio.current_time
    most: int = field(default=100_000, validator=ge(1))
    #: Tokens taken by each caller since they were collected; None: nobody collects them.
    _taken: Counter[str] | None = field(default=None, init=False)
    #: In order of the last request, the latest at the end.
    _full_at: OrderedDict[str, float] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, caller: str) -> Verdict:
        """Take a token from a caller's bucket, if it has one."""
        if not self.limit:
            return _UNLIMITED
        now = self.clock()
        missing_s = self._missing_s(caller, now)
        allowed = self._wait_s(missing_s) <= 0
        if allowed:
            missing_s += self._token_s
            if self._taken is not None:
                self._taken[caller] += 1
        self._full_at[caller] = now + missing_s
        self._full_at.move_to_end(caller)
        self._forget(now)
        return self._verdict(missing_s, allowed=allowed)

    def collect_taken(self) -> Mapping[str, int]:
        """Return the tokens that each caller has taken here since the last call."""
        taken, self._taken = self._taken or Counter[str](), Counter()
        return taken

    def charge(self, caller: str, tokens: int) -> None:
        """Take tokens that a caller has used at another gateway; there may be fewer left."""
        if self.limit:
            now = self.clock()
            missing_s = self._missing_s(caller, now) + tokens * self._token_s
            self._full_at[caller] = now + min(missing_s, self.window_s)
            self._full_at.move_to_end(caller)
            self._forget(now)

    def look(self, caller: str) -> Verdict:
        """Return what `take` would find, without taking a token."""
        if not self.limit:
            return _UNLIMITED
        missing_s = self._missing_s(caller, self.clock())
        return self._verdict(missing_s, allowed=self._wait_s(missing_s) <= 0)

    @property
    def _token_s(self) -> float:
        """Seconds in which one token accrues."""
        return self.window_s / self.limit

    def _missing_s(self, caller: str, now: float) -> float:
        """Return the seconds until a caller's bucket is full."""
        return max(self._full_at.get(caller, now) - now, 0.0)

    def _wait_s(self, missing_s: float) -> float:
        """Return the seconds until a bucket has a token; 0 or less if it has one."""
        return missing_s - self.window_s + self._token_s * (1 - _TOLERANCE)

    def _verdict(self, missing_s: float, *, allowed: bool) -> Verdict:
        tokens = (self.window_s - missing_s) / self._token_s
        return Verdict(
            allowed=allowed,
            limit=self.limit,
            remaining=max(math.floor(tokens + _TOLERANCE), 0),
            reset_s=missing_s,
            retry_after_s=0.0 if allowed else self._wait_s(missing_s),
        )

    def _forget(self, now: float) -> None:
        """Drop a few buckets that are full, or beyond `most`.

        The order is that of requests, not of filling up: a bucket that fills late may keep full
        ones behind it, but for no longer than `window_s` after its last request.
        """
        for _ in range(min(_FORGOTTEN_AT_ONCE, len(self._full_at))):
            caller, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self.most:
                return
            del self._full_at[caller]
