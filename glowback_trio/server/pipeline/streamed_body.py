"""Answers that are made a piece at a time, off the event loop, as fast as the client takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from glowback_trio.server.http.responses import Response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.tables import Pieces

__all__ = ["stream_body"]


async def stream_body(
    app_state: AppState, pieces: Pieces, media: str, headers: dict[str, str] | None = None
) -> Response:
    """Answer with a body that is written while it is sent.

    Two pieces are made before the answer begins, so that the length of a body of one is declared;
    each of the others is made when the one before has left. Nothing of a body is made for nobody: a
    client that leaves ends it.

    Args:
        app_state: Has the threads in which pieces are made.
        pieces: What the body is made of.
        media: What it is.
        headers: More headers.
    """
    first, second = await _next(app_state, pieces), await _next(app_state, pieces)
    body = (first or b"") if second is None else _all(app_state, [second, first or b""], pieces)
    return Response(body, 200, headers, content_type=media)


async def _next(app_state: AppState, pieces: Pieces) -> bytes | None:
    """Make a piece. Cancelled, it still waits for the one in hand: a matter of milliseconds."""
    return await trio.to_thread.run_sync(next, pieces, None, limiter=app_state.writers)


async def _all(app_state: AppState, made: list[bytes], pieces: Pieces) -> AsyncIterator[bytes]:
    """Give what is made, the last first, and then what is still to make."""
    try:
        while made:
            yield made.pop()
        while (piece := await _next(app_state, pieces)) is not None:
            yield piece
    finally:
        pieces.close()
