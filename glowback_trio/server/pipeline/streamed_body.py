"""Responses encoded chunk by chunk, in a thread, as fast as the client reads."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from glowback_trio.server.http.responses import Response
from glowback_trio.wire.tables import Chunks

__all__ = ["stream_body"]


async def stream_body(
    threads: trio.CapacityLimiter,
    chunks: Chunks,
    media: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a response whose body is encoded while it is sent.

    Two chunks are encoded before the response starts, so that a body of one chunk gets a
    `Content-Length`. Each further chunk is encoded once the previous one was sent, and none after
    the client has left.

    Args:
        threads: Limits the threads that encode.
        chunks: The chunks of the body.
        media: The media type.
        headers: Further headers.
    """
    first, second = await _next(threads, chunks), await _next(threads, chunks)
    body = (first or b"") if second is None else _all(threads, [second, first or b""], chunks)
    return Response(body, 200, headers, content_type=media)


async def _next(threads: trio.CapacityLimiter, chunks: Chunks) -> bytes | None:
    """Encode the next chunk, None at the end.

    A cancellation takes effect only after that chunk, some milliseconds later, because a thread
    cannot be interrupted.
    """
    return await trio.to_thread.run_sync(next, chunks, None, limiter=threads)


async def _all(
    threads: trio.CapacityLimiter, encoded: list[bytes], chunks: Chunks
) -> AsyncIterator[bytes]:
    """Yield the encoded chunks, last first, then encode and yield the others."""
    try:
        while encoded:
            yield encoded.pop()
        while (chunk := await _next(threads, chunks)) is not None:
            yield chunk
    finally:
        chunks.close()
