"""Requests to one server: its URLs, JSON in both directions, and the errors of failed requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import date, datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx2
from attrs import frozen

from glowback_trio.client.responses import document_of, error_of, reason_of
from glowback_trio.client.subjects import Subject
from glowback_trio.errors import UnreachableError
from glowback_trio.model.instant import stamp, start_instant
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.json_text import dumps

__all__ = ["HttpApi", "Moment", "given", "json_headers", "strategy_of", "without_password"]

#: A point in time for a query; text is left for the server to read.
Moment: TypeAlias = datetime | date | str | None


@frozen(eq=False, repr=False)
class HttpApi:
    """The HTTP API of one server.

    Attributes:
        http: Sends the requests.
        root: URL of the API, its version included and without a slash at the end.
    """

    http: httpx2.AsyncClient
    root: str

    def __repr__(self) -> str:
        return describe(self, self.shown_url())

    def shown_url(self) -> str:
        """Return the root for people to read: without the password that a URL may have."""
        return without_password(self.root)

    def url(self, subject: Subject, resource: str = "") -> str:
        """Return the URL of a run or an optimization, or of something below it.

        Raises:
            UnknownRunError: No server gives such an id.
        """
        return self.root + subject.path(resource)

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request to a path below the root, and return the decoded body of the response.

        Args:
            method: The HTTP method.
            path: Begins with a slash.
            options: For `httpx2.AsyncClient.request`.

        Raises:
            GlowbackError: The error that a refusal stands for, see `error_of`.
            UnreachableError: The server cannot be reached, or the connection broke.
        """
        return await self._send(method, self.root + path, None, **options)

    async def request_about(
        self, subject: Subject, method: str, resource: str = "", **options: Any
    ) -> Any:
        """Send a request about a run or an optimization; see `request`."""
        return await self._send(method, self.url(subject, resource), subject, **options)

    async def post(
        self, path: str, document: object, idempotency_key: str | None = None, **options: Any
    ) -> Any:
        """Send a document to a path below the root; see `request`."""
        body, headers = dumps(document), json_headers(idempotency_key)
        return await self.request("POST", path, content=body, headers=headers, **options)

    async def download(
        self,
        subject: Subject,
        resource: str,
        parameters: Mapping[str, str],
        write: Callable[[bytes], object],
    ) -> None:
        """Get a body of any size, and hand it to `write` chunk by chunk.

        Raises:
            GlowbackError: See `request`.
        """
        url = self.url(subject, resource)
        with self._reporting_lost_connections():
            async with self.http.stream("GET", url, params=parameters) as response:
                if response.is_success:
                    # Closes the response in this task even if `write` raises.
                    async with aclosing(response.aiter_bytes()) as chunks:
                        async for chunk in chunks:
                            write(chunk)
                    return
                await response.aread()
        raise error_of(response, subject)

    async def _send(self, method: str, url: str, subject: Subject | None, **options: Any) -> Any:
        with self._reporting_lost_connections():
            response = await self.http.request(method, url, **options)
        if not response.is_success:
            raise error_of(response, subject)
        return document_of(response) if response.content else None

    @contextmanager
    def _reporting_lost_connections(self) -> Iterator[None]:
        try:
            yield
        except httpx2.RequestError as error:
            raise UnreachableError(f"{self.root}: {reason_of(error)}") from error


def without_password(url: str) -> str:
    """Return a URL without user name and password, for descriptions and logs."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def json_headers(idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a JSON body, and of a request that may be repeated."""
    key = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    return {"Content-Type": "application/json", **key}


def strategy_of(document: Mapping[str, Any]) -> str:
    """Return the name of a request's strategy, or of the one that it has by default."""
    strategy = document.get("strategy")
    name = strategy.get("name") if isinstance(strategy, Mapping) else None
    return name if isinstance(name, str) and name else "buy_and_hold"


def given(**parameters: datetime | date | str | int | None) -> dict[str, str]:
    """Return the query parameters that are not None; a trailing `_` of a name is left out.

    Text is left for the server to read, which says what is wrong with it. So is a date, which means
    its first instant or its last one, by the parameter.
    """
    return {
        name.rstrip("_"): _written(value) for name, value in parameters.items() if value is not None
    }


def _written(value: datetime | date | str | int) -> str:
    if isinstance(value, datetime):
        return stamp(start_instant(value))
    return value.isoformat() if isinstance(value, date) else str(value)
