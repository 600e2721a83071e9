"""The `--url` and `--api-key` options: which server a command speaks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.client import Client, open_client
from glowback_trio.errors import UnknownRunError

__all__ = ["LOCAL_SERVER", "ServerOption"]


@Parameter(name="*")
@frozen(kw_only=True)
class ServerOption:
    """A server as the command line has it.

    Attributes:
        url: The server.
        api_key: The server's key; of a comma list, the first.
    """

    url: Annotated[str, Parameter(env_var="GLOWBACK_URL")] = "http://127.0.0.1:8000"
    api_key: Annotated[str | None, Parameter(env_var="GLOWBACK_API_KEY", show_default=False)] = None

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[Client]:
        """A client of the server, for the length of an `async with` block.

        Raises:
            UnknownRunError: With a word on why a run that was there may be there no more.
        """
        key = (self.api_key or "").partition(",")[0].strip()
        async with open_client(self.url, key or None) as client:
            try:
                yield client
            except UnknownRunError as error:
                raise _UnknownThereError(error.run_id, self.url) from error


class _UnknownThereError(UnknownRunError):
    """A server has no such run; somebody may remember one from before the server was started."""

    def __init__(self, run_id: str, url: str) -> None:
        super().__init__(run_id)
        self.url = url

    def __str__(self) -> str:
        return (
            f"{super().__str__()}: {self.url} keeps its runs in memory, the newest of them, and "
            "forgets them when it ends"
        )


LOCAL_SERVER = ServerOption()
