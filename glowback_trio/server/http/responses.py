"""Answers: documents turned into responses."""

from __future__ import annotations

from quart_trio.wrappers import TrioResponse as Response

from glowback_trio.wire.rows import dumps

__all__ = ["JSON", "Response", "json_answer"]

JSON = "application/json"


def json_answer(
    document: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with a document as compact JSON; bytes are taken as JSON already."""
    body = document if isinstance(document, bytes) else dumps(document)
    return Response(body, status, headers, content_type=JSON)
