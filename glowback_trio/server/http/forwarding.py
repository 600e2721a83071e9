"""The port by which a request reaches the gateway that can answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

__all__ = ["Forwarded", "ForwardedAnswer", "Forwarder"]


@frozen
class Forwarded:
    """A request that another gateway is to answer.

    Attributes:
        method: The HTTP method.
        target: The path, without that under which the app is mounted, and the query; encoded.
        headers: What the other gateway should know of the client and of what it sent.
        body: The whole body.
    """

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""


@frozen
class ForwardedAnswer:
    """The answer of another gateway.

    Attributes:
        status: The HTTP status.
        headers: Those of this answer, and none of its connection.
        body: The whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Forwarder(Protocol):
    """What carries requests to other gateways."""

    async def forward(self, address: str, request: Forwarded) -> ForwardedAnswer:
        """Have a request answered by the gateway at an address.

        Raises:
            PeerError: It cannot be reached, does not answer in time, or answers too much. A request
                that changes something may have been carried out nevertheless.
        """

    @property
    def reachable(self) -> Mapping[str, bool]:
        """The addresses that were tried, with whether the last attempt reached somebody."""
