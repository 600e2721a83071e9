"""Answers given without the application: what was refused, and what the client is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TypeAlias

import h11
from attrs import frozen

__all__ = [
    "Headers",
    "RejectedError",
    "Rejection",
    "RejectionHandler",
    "RejectionResponse",
    "plain_rejection",
]

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


@frozen
class Rejection:
    """One request that this server answers by itself.

    Attributes:
        status: The HTTP status.
        reason: A sentence for the client.
        method: The request's method; empty when the head could not be read.
        path: The path asked for, without its query; empty when the head could not be read.
        headers: The request's headers; empty when the head could not be read.
    """

    status: int
    reason: str
    method: str = ""
    path: str = ""
    headers: Headers = ()

    @classmethod
    def of(cls, request: h11.Request | None, status: int, reason: str) -> Rejection:
        """Return the refusal of a request, or of what was to become one."""
        if request is None:
            return cls(status, reason)
        path = request.target.partition(b"?")[0].decode("ascii")
        method = request.method.decode("ascii")
        return cls(status, reason, method, path, tuple(request.headers))


@frozen
class RejectionResponse:
    """The headers and the body of a refusal; length, date and `Connection` are the server's."""

    headers: Headers
    body: bytes

    def framed(self, status: int) -> RejectionResponse:
        """Return the answer with the headers that end a connection."""
        framing = [(b"content-length", b"%d" % len(self.body)), (b"connection", b"close")]
        if status == 426:
            framing.append((b"sec-websocket-version", b"13"))
        return RejectionResponse([*self.headers, *framing], self.body)


RejectionHandler: TypeAlias = Callable[[Rejection], RejectionResponse]


class RejectedError(h11.RemoteProtocolError):
    """A request breaks a rule that h11 does not keep; it never leaves this room.

    Raised where h11 would raise its own error, so that both take the same way out.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason, error_status_hint=status)


def plain_rejection(refusal: Rejection) -> RejectionResponse:
    """Answer with the status and its reason as plain text, the default of `serve`."""
    phrase = HTTPStatus(refusal.status).phrase
    body = f"{refusal.status} {phrase}: {refusal.reason}\n".encode()
    return RejectionResponse(headers=[(b"content-type", b"text/plain; charset=utf-8")], body=body)
