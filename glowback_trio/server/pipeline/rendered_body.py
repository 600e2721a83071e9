"""Responses whose bodies are long: written first, then sent as fast as the client reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.renderings import Draft, Renderings

__all__ = ["rendered_response"]


async def rendered_response(
    renderings: Renderings,
    key: object,
    draft: Callable[[], Awaitable[Draft]],
    media: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a response with a body that is written once for all who want it at the same time.

    Args:
        renderings: Write it.
        key: What is wanted.
        draft: Begins the body.
        media: The media type.
        headers: Further headers.

    Raises:
        ResourceError: It cannot be written at the moment.
    """
    body = await renderings.of(key, draft)
    if isinstance(body, bytes):
        return Response(body, 200, headers, content_type=media)
    headers = {**(headers or {}), "Content-Length": str(body.size)}
    return Response(renderings.body(body), 200, headers, content_type=media)
