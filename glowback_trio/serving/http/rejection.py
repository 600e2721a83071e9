"""Rejections: requests that this server answers by itself, and the responses to them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

from attrs import frozen

from glowback_trio.serving.http.request_head import Headers, RequestHead

__all__ = [
    "NO_ANSWER",
    "RejectedError",
    "Rejection",
    "RejectionHandler",
    "RejectionResponse",
    "plain_rejection",
]

#: Of an application that returned, or raised, without a response.
NO_ANSWER = "the application gave no answer"


@frozen
class Rejection:
    """One request that this server answers without the application.

    Attributes:
        status: The HTTP status.
        reason: A sentence for the client.
        method: The request's method; empty when the head could not be read.
        path: The request's path, without the query; empty when the head could not be read.
        headers: The request's headers; empty when the head could not be read.
    """

    status: int
    reason: str
    method: str = ""
    path: str = ""
    headers: Headers = ()

    @classmethod
    def of(cls, request: RequestHead | None, status: int, reason: str) -> Rejection:
        """Return the rejection of a request; None stands for a head that could not be read."""
        if request is None:
            return cls(status, reason)
        path = request.target.partition(b"?")[0].decode("ascii")
        method = request.method.decode("ascii")
        return cls(status, reason, method, path, tuple(request.headers))


@frozen
class RejectionResponse:
    """The response to a rejected request.

    Attributes:
        headers: The headers; this server adds the length, the date and `Connection`.
        body: The body.
    """

    headers: Headers
    body: bytes

    def framed(self, status: int) -> RejectionResponse:
        """Return the response with its length, and with the headers that end a connection."""
        framing = [(b"content-length", b"%d" % len(self.body)), (b"connection", b"close")]
        if status == 426:
            framing.append((b"sec-websocket-version", b"13"))
        return RejectionResponse([*self.headers, *framing], self.body)


#: Makes the response to a rejected request. It must not block.
RejectionHandler: TypeAlias = Callable[[Rejection], RejectionResponse]


class RejectedError(Exception):
    """A request that this server does not serve. It never leaves this folder.

    Attributes:
        status: The status of the response.
        reason: A sentence for the client.
        request: The request, as far as it could be read; None if not even its first line could.
    """

    request: RequestHead | None = None

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def plain_rejection(rejection: Rejection) -> RejectionResponse:
    """Return the status and the reason as plain text, the default of `serve`."""
    phrase = HTTPStatus(rejection.status).phrase
    body = f"{rejection.status} {phrase}: {rejection.reason}\n".encode()
    return RejectionResponse(headers=[(b"content-type", b"text/plain; charset=utf-8")], body=body)
