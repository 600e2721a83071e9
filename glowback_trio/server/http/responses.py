"""Responses and their headers, as handlers give them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping

from attrs import define, field
from quart_trio.wrappers import TrioResponse

from glowback_trio.wire.json_text import dumps

__all__ = ["JSON", "Response", "encode_headers", "for_quart", "json_response"]

JSON = "application/json"


def _as_dict(given: Mapping[str, str] | None) -> dict[str, str]:
    return dict(given) if given else {}


@define(eq=False)
class Response:
    """A response, before it is known who sends it: the fast path, or Quart.

    Attributes:
        body: All of it, or its pieces, one after the other.
        status: The HTTP status.
        headers: Without those of every response.
        content_type: Of the body.
        content_length: Bytes of the body, where it comes in pieces and that is known.
    """

    body: bytes | AsyncIterable[bytes]
    status: int = 200
    headers: dict[str, str] = field(factory=dict, converter=_as_dict)
    content_type: str | None = field(default=None, kw_only=True)
    content_length: int | None = field(default=None, init=False)


def json_response(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a document as compact JSON; bytes are taken for JSON as they are."""
    body = document if isinstance(document, bytes) else dumps(document)
    return Response(body, status, headers, content_type=JSON)


def for_quart(response: Response) -> TrioResponse:
    """Return a response as Quart sends it."""
    theirs = TrioResponse(
        response.body, response.status, response.headers, content_type=response.content_type
    )
    if response.content_length is not None:
        theirs.content_length = response.content_length
    if response.content_type is None:
        del theirs.headers["Content-Type"]  # Quart's own
    return theirs


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers in ASGI form: lower-case names, both sides as bytes."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
