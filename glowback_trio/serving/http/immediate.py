"""Immediate responses: the application gives them without a task, since nothing must wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from glowback_trio.serving.http.request_head import Headers
from glowback_trio.serving.http.response_head import NO_HEADERS, HeaderBlock

__all__ = ["ImmediateHandler", "ImmediateResponse", "never_immediate"]


@frozen
class ImmediateResponse:
    """A whole response.

    Attributes:
        status: The HTTP status, 200 or more.
        headers: All headers but the date, `Content-Length` included.
        body: The body; not sent where the request's method or the status allows none.
        block: Further headers, which were written before.
    """

    status: int
    headers: Headers
    body: bytes
    block: HeaderBlock = NO_HEADERS

    @property
    def all_headers(self) -> Headers:
        """The headers with those of the block."""
        return [*self.block.headers, *self.headers]


#: Called with the ASGI scope of a request without a body; None leaves it to the application.
ImmediateHandler: TypeAlias = Callable[[dict[str, Any]], ImmediateResponse | None]


def never_immediate(_: dict[str, Any]) -> None:
    """Leave every request to the application, the default of `serve`."""
