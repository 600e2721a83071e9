"""The `--url` and `--api-key` options: which server a command speaks to."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.client import Client, open_client

__all__ = ["LOCAL", "Remote"]


@Parameter(name="*")
@frozen(kw_only=True)
class Remote:
    """A server as the command line has it.

    Attributes:
        url: The server.
        api_key: The server's key; of a comma list, the first.
    """

    url: Annotated[str, Parameter(env_var="GLOWBACK_URL")] = "http://127.0.0.1:8000"
    api_key: Annotated[str | None, Parameter(env_var="GLOWBACK_API_KEY", show_default=False)] = None

    def opened(self) -> AbstractAsyncContextManager[Client]:
        """A client of the server, for the length of an `async with` block."""
        key = (self.api_key or "").partition(",")[0].strip()
        return open_client(self.url, key or None)


LOCAL = Remote()
