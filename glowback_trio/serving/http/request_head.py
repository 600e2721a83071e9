"""The head of one request, as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

from attrs import define, field

__all__ = ["Headers", "RequestHead"]

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


@define(eq=False)
class RequestHead:
    """A request line and its headers; all requests with the same head share one.

    Attributes:
        method: As the client wrote it.
        target: As the client wrote it.
        http_version: Without the name of the protocol, such as `1.1`.
        headers: Names in lower case, values without the spaces around them; empty until they are
            read.
        named: The headers by their names; of several with one name, the last.
    """

    method: bytes
    target: bytes
    http_version: bytes
    headers: Headers = ()
    named: dict[bytes, bytes] = field(factory=dict, init=False)

    def take(self, headers: Headers) -> None:
        """Take the headers that were read."""
        self.headers, self.named = tuple(headers), dict(headers)

    @cached_property
    def framed(self) -> bool:
        """True if the client states where the body ends, even a body of no bytes."""
        # A request without either has no body (RFC 9112, section 6.3).
        return b"content-length" in self.named or b"transfer-encoding" in self.named

    @cached_property
    def body_length(self) -> int | None:
        """Bytes of the body; None if it comes in chunks."""
        if b"transfer-encoding" in self.named:
            return None
        return int(self.named.get(b"content-length", b"0"))

    @cached_property
    def awaits_invitation(self) -> bool:
        """True if the client sends its body only after a 100 (RFC 9110, section 10.1.1)."""
        return self.http_version != b"1.0" and b"100-continue" in self.tokens(b"expect")

    @cached_property
    def keeps_alive(self) -> bool:
        """True if the client may send another request on this connection."""
        return self.http_version != b"1.0" and b"close" not in self.tokens(b"connection")

    def tokens(self, name: bytes) -> set[bytes]:
        """Return the items of the lists in all headers of a name, in lower case."""
        if name not in self.named:
            return set()
        lines = [value for each, value in self.headers if each == name]
        return {token.strip().lower() for token in b",".join(lines).split(b",")}
