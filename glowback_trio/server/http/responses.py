"""Responses and their headers."""

from __future__ import annotations

from collections.abc import Mapping

from quart_trio.wrappers import TrioResponse as Response

from glowback_trio.wire.json_text import dumps

__all__ = ["JSON", "Response", "encode_headers", "json_response"]

JSON = "application/json"


def json_response(
    document: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a response with a document as compact JSON; bytes are taken for JSON as they are."""
    body = document if isinstance(document, bytes) else dumps(document)
    return Response(body, status, headers, content_type=JSON)


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers in ASGI form: lower-case names, both sides as bytes."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
