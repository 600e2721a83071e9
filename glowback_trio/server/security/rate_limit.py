"""How often a caller may ask: one bucket of tokens each, filling all the time."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping

import trio
from attrs import define, field, frozen
from attrs.validators import ge, gt

__all__ = ["Buckets", "Verdict", "caller_of"]

# More than one, so that a crowd is forgotten faster than it came; few, so that no request pays for
# the whole crowd.
_FORGOTTEN_AT_ONCE = 4
# Of a token: sums of floats may miss the last one by less than this.
_TOLERANCE = 1e-6
# What one household or one rented machine is given; its addresses change at will within it.
_IPV6_SITE_BITS = 64


def caller_of(key: str | None, address: str) -> str:
    """Name the caller whose bucket a request draws from.

    Args:
        key: The key that let the request in, None where none was needed. Never one that was only
            presented: who may choose a name may choose a new bucket for each request.
        address: The client's address.

    Returns:
        The key's digest, or else the address; of an IPv6 address only the network that one site
        is given, since a site may use a new address for each request.
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
    """Whether a caller may go on, and what it should know of its bucket.

    Attributes:
        allowed: Whether there was a token.
        limit: What a full bucket holds; 0 when nothing is limited.
        remaining: Whole tokens that are left.
        reset_s: Seconds until the bucket is full.
        retry_after_s: Seconds until there is a token; 0 when allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float

    @property
    def headers(self) -> Mapping[str, str]:
        """What an answer says of it, in whole seconds rounded up; nothing when not limited."""
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
        """The header's value: never 0, which would mean at once."""
        return _whole_seconds(max(self.retry_after_s, 1))


def _whole_seconds(seconds: float) -> str:
    return str(math.ceil(round(seconds, 6)))


_UNLIMITED = Verdict(allowed=True, limit=0, remaining=0, reset_s=0.0, retry_after_s=0.0)


@define(eq=False)
class Buckets:
    """A bucket for each caller, which holds `limit` tokens and fills in `window_s` seconds.

    A bucket is one number, the time at which it will be full, because the tokens in it follow from
    that; one that is full says nothing and is forgotten.

    Args:
        limit: Tokens in a full bucket; 0 limits nobody.
        window_s: Seconds in which an empty bucket fills.
        clock: Gives the time in seconds; it never goes back.
        most: Buckets that are kept at most. When there are more callers than that at once, those
            who have not asked for the longest time are forgotten before their buckets are full.
    """

    limit: int = field(validator=ge(0))
    window_s: float = field(validator=gt(0))
    clock: Callable[[], float] = trio.current_time
    most: int = field(default=100_000, validator=ge(1))
    #: The caller that asked last is last.
    _full_at: OrderedDict[str, float] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, caller: str) -> Verdict:
        """Take a token from a caller's bucket, if there is one."""
        if not self.limit:
            return _UNLIMITED
        now = self.clock()
        missing_s = self._missing_s(caller, now)
        allowed = self._wait_s(missing_s) <= 0
        if allowed:
            missing_s += self._token_s
        self._full_at[caller] = now + missing_s
        self._full_at.move_to_end(caller)
        self._forget(now)
        return self._verdict(missing_s, allowed=allowed)

    def look(self, caller: str) -> Verdict:
        """Tell whether `take` would find a token, and take none."""
        if not self.limit:
            return _UNLIMITED
        missing_s = self._missing_s(caller, self.clock())
        return self._verdict(missing_s, allowed=self._wait_s(missing_s) <= 0)

    @property
    def _token_s(self) -> float:
        """Seconds in which one token comes."""
        return self.window_s / self.limit

    def _missing_s(self, caller: str, now: float) -> float:
        """Seconds until a caller's bucket is full."""
        return max(self._full_at.get(caller, now) - now, 0.0)

    def _wait_s(self, missing_s: float) -> float:
        """Seconds until there is a token in a bucket; 0 or less when there is one."""
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
        """Let go of a few buckets that are full, or too many.

        The order is that of asking, not of becoming full, so one that fills late may stand before
        one that is full already; but only until `window_s` after its own last request.
        """
        for _ in range(min(_FORGOTTEN_AT_ONCE, len(self._full_at))):
            caller, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self.most:
                return
            del self._full_at[caller]
