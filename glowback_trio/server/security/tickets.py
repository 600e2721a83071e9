"""Stream tickets: a key that may stand where others can read it, because it opens once and soon.

A browser cannot put a header on a WebSocket, and a key in a URL ends up in logs. So it asks for a
ticket over HTTP, with its key in a header, and offers the ticket as a subprotocol.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable

import trio
from attrs import define, field, frozen
from attrs.validators import ge, gt

from glowback_trio.model.stream_protocol import SUBPROTOCOL, TICKET_PREFIX

__all__ = ["OfferedProtocols", "Ticket", "Tickets", "read_protocols"]

_TICKET = re.compile(rf"{re.escape(TICKET_PREFIX)}(?P<value>[A-Za-z0-9_-]{{1,128}})")


@frozen
class Ticket:
    """A ticket as its owner gets it.

    Attributes:
        value: The secret.
        expires_in_s: Seconds in which it can be used.
    """

    value: str = field(repr=False)
    expires_in_s: float


@frozen
class _Held:
    caller: str
    until: float


@define(eq=False)
class Tickets:
    """The tickets that can still be used.

    Their values are not kept, only digests: a dump opens nothing, and the time a look-up takes says
    nothing about a value that somebody is guessing.

    Args:
        lifetime_s: Seconds in which a ticket can be used.
        most: Tickets that can be open at once; the oldest is void when there is one more.
        entropy: Makes values that cannot be guessed.
        clock: Gives the time in seconds; it never goes back.
    """

    lifetime_s: float = field(default=30.0, validator=gt(0))
    most: int = field(default=10_000, validator=ge(1))
    entropy: Callable[[], str] = secrets.token_urlsafe
    clock: Callable[[], float] = trio.current_time
    #: Oldest first, since all live equally long.
    _held: OrderedDict[bytes, _Held] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._held)

    def issue(self, caller: str) -> Ticket:
        """Make a ticket.

        Args:
            caller: Who asked, as `rates.caller_of` names it; whoever redeems is taken for it.
        """
        now = self.clock()
        value = self.entropy()
        self._held[_digest(value)] = _Held(caller, now + self.lifetime_s)
        self._forget(now)
        return Ticket(value, self.lifetime_s)

    def redeem(self, value: str) -> str | None:
        """Use a ticket up, and return who had asked for it; None when it is not or no more good."""
        self._forget(self.clock())
        held = self._held.pop(_digest(value), None)
        return None if held is None else held.caller

    def _forget(self, now: float) -> None:
        while self._held:
            oldest = next(iter(self._held.values()))
            if oldest.until > now and len(self._held) <= self.most:
                return
            self._held.popitem(last=False)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode(errors="replace")).digest()


@frozen
class OfferedProtocols:
    """What a client says in `Sec-WebSocket-Protocol`.

    Attributes:
        ticket: Its ticket, if it has one.
        subprotocol: The one to select, and to echo; None: none.
    """

    ticket: str | None = field(repr=False)
    subprotocol: str | None


def read_protocols(lines: Iterable[str]) -> OfferedProtocols:
    """Read the subprotocols a client offers.

    Args:
        lines: The values of all its `Sec-WebSocket-Protocol` headers, each a comma list.

    Returns:
        The first ticket, because the first decides among keys, too; what is not known is ignored,
        as RFC 6455 has it.
    """
    offered = [name.strip() for line in lines for name in line.split(",")]
    tickets = [match["value"] for name in offered if (match := _TICKET.fullmatch(name))]
    return OfferedProtocols(
        ticket=tickets[0] if tickets else None,
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
    )
