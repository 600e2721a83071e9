"""Stream tickets: one-time keys for WebSockets, valid for seconds.

A browser cannot set a header on a WebSocket, and a key in a URL ends up in logs. So a page gets a
ticket over HTTP, with its key in a header, and offers the ticket as a subprotocol.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

import trio
from attrs import define, field, frozen
from attrs.validators import ge, gt

from glowback_trio.model.stream_protocol import SUBPROTOCOL, TICKET_PREFIX
from glowback_trio.store.shared_state import SharedState

__all__ = [
    "OfferedProtocols",
    "SharedTickets",
    "Ticket",
    "TicketBox",
    "Tickets",
    "read_protocols",
]

_TICKET = re.compile(rf"{re.escape(TICKET_PREFIX)}(?P<value>[A-Za-z0-9_-]{{1,128}})")


@frozen
class Ticket:
    """A stream ticket as its owner receives it.

    Attributes:
        value: The secret.
        expires_in_s: Seconds for which it is valid.
    """

    value: str = field(repr=False)
    expires_in_s: float


class TicketBox(Protocol):
    """Issues tickets, and knows which of them are still valid."""

    async def issue(self, caller: str) -> Ticket:
        """Make a ticket.

        Args:
            caller: The caller it is issued to, as `rate_limit.caller_of` names it.
        """

    async def redeem(self, value: str) -> str | None:
        """Use a ticket up and return its caller; None if it is unknown, used or expired."""


@frozen
class _Issued:
    caller: str
    expires_at: float


@define(eq=False)
class Tickets:
    """The tickets of a gateway that is alone.

    Only digests of their values are stored: a memory dump opens nothing, and the time of a look-up
    reveals nothing about a guessed value.

    Args:
        lifetime_s: Seconds for which a ticket is valid.
        most: Tickets that are valid at once; one more voids the oldest.
        entropy: Returns values that cannot be guessed.
        clock: Returns the time in seconds; it never goes back.
    """

    lifetime_s: float = field(default=30.0, validator=gt(0))
    most: int = field(default=10_000, validator=ge(1))
    entropy: Callable[[], str] = secrets.token_urlsafe
    clock: Callable[[], float] = trio.current_time
    #: Oldest first, since all have the same lifetime.
    _issued: OrderedDict[bytes, _Issued] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._issued)

    async def issue(self, caller: str) -> Ticket:
        """Make a ticket."""
        now = self.clock()
        value = self.entropy()
        self._issued[_digest(value)] = _Issued(caller, now + self.lifetime_s)
        self._forget(now)
        return Ticket(value, self.lifetime_s)

    async def redeem(self, value: str) -> str | None:
        """Use a ticket up and return its caller; None if it is unknown, used or expired."""
        self._forget(self.clock())
        # Removed before anything else can use it: a ticket opens one stream.
        issued = self._issued.pop(_digest(value), None)
        return None if issued is None else issued.caller

    def _forget(self, now: float) -> None:
        while self._issued:
            oldest = next(iter(self._issued.values()))
            if oldest.expires_at > now and len(self._issued) <= self.most:
                return
            self._issued.popitem(last=False)


@frozen(eq=False)
class SharedTickets:
    """The tickets of all gateways of a cluster: each opens one stream, on any of them.

    Args:
        shared: What the gateways share.
        lifetime_s: Seconds for which a ticket is valid.
    """

    _shared: SharedState
    lifetime_s: float = 30.0

    async def issue(self, caller: str) -> Ticket:
        """Make a ticket.

        Raises:
            StoreError: The store cannot be written at the moment.
        """
        value = secrets.token_urlsafe()
        await self._shared.keep_ticket(_digest(value), caller, self.lifetime_s)
        return Ticket(value, self.lifetime_s)

    async def redeem(self, value: str) -> str | None:
        """Use a ticket up and return its caller; None if it is unknown, used or expired.

        Raises:
            StoreError: The store cannot be read at the moment.
        """
        return await self._shared.take_ticket(_digest(value))


def _digest(value: str) -> bytes:
    # A header may hold bytes that are no UTF-8; such a value is simply unknown.
    return hashlib.sha256(value.encode(errors="replace")).digest()


@frozen
class OfferedProtocols:
    """The subprotocols that a client offers in `Sec-WebSocket-Protocol`.

    Attributes:
        ticket: The value of a ticket among them; None if there is none.
        subprotocol: The one to select; None if none is known. Never a ticket, which would echo it.
    """

    ticket: str | None = field(repr=False)
    subprotocol: str | None


def read_protocols(lines: Iterable[str]) -> OfferedProtocols:
    """Read the subprotocols that a client offers.

    Args:
        lines: The values of all its `Sec-WebSocket-Protocol` headers, each a comma-separated list.

    Returns:
        The first ticket, as the first of several keys decides. Unknown subprotocols are ignored
        (RFC 6455, 4.2.2).
    """
    offered = [name.strip() for line in lines for name in line.split(",")]
    tickets = [match["value"] for name in offered if (match := _TICKET.fullmatch(name))]
    return OfferedProtocols(
        ticket=tickets[0] if tickets else None,
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
    )
