"""The `--url` and `--api-key` options: which server a command talks to."""

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
    """A server, as flags.

    Attributes:
        url: URL of the server.
        api_key: API key of the server; the first one of a comma list.
    """

    url: Annotated[str, Parameter(env_var="GLOWBACK_URL")] = "http://127.0.0.1:8000"
    api_key: Annotated[str | None, Parameter(env_var="GLOWBACK_API_KEY", show_default=False)] = None

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[Client]:
        """Open a client of the server for the length of an `async with` block.

        Raises:
            UnknownRunError: The server has no such run; the message says why it may have lost it.
        """
        # The server's own variable may list several keys, and the same one is read here.
        key = (self.api_key or "").partition(",")[0].strip()
        async with open_client(self.url, key or None) as client:
            try:
                yield client
            except UnknownRunError as error:
                raise _LostRunError(error.run_id, self.url) from error


class _LostRunError(UnknownRunError):
    """The server has no such run, perhaps because it was restarted since the run was made."""

    def __init__(self, run_id: str, url: str) -> None:
        super().__init__(run_id)
        self.url = url

    def __str__(self) -> str:
        return (
            f"{super().__str__()}: {self.url} keeps only its most recent runs, in memory, "
            "and loses them when it stops"
        )


LOCAL_SERVER = ServerOption()
