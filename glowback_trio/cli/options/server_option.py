"""The `--url` and `--api-key` options: which server a command talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from attrs import frozen
from cyclopts import Parameter

from glowback_trio.cli.options.advice import advice
from glowback_trio.cli.options.spelling import spelt_in_commands
from glowback_trio.client import Client, open_client
from glowback_trio.errors import GlowbackError, InvalidRequestError

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

        An error of the server gets a note that says what to do, and a problem the name of its
        option.
        """
        # The server's own variable may list several keys, and the same one is read here.
        key = (self.api_key or "").partition(",")[0].strip()
        try:
            async with open_client(self.url, key or None) as client:
                yield client
        except InvalidRequestError as error:
            raise InvalidRequestError(spelt_in_commands(error.problems)) from None
        except GlowbackError as error:
            if note := advice(error, self.url, has_key=bool(key)):
                error.add_note(note)
            raise


LOCAL_SERVER = ServerOption()
