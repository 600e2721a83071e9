"""Opening a client where no trio loop runs: one sentence that says what to do."""

from __future__ import annotations

import asyncio

import pytest

from glowback_trio.client import open_client
from glowback_trio.errors import EventLoopError


def test_opening_a_client_under_asyncio_says_what_to_do() -> None:
    async def main() -> None:
        async with open_client():
            raise AssertionError("opened")

    with pytest.raises(EventLoopError, match=r"open_client was called under asyncio: .*connect"):
        asyncio.run(main())
    coroutine = main()
    with pytest.raises(EventLoopError, match="open_client was called outside its trio event loop"):
        coroutine.send(None)
