"""The record of a route, from which it is registered, documented and checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from typing import Any, Literal

from attrs import field, frozen

from glowback_trio.model.bounds import Checked
from glowback_trio.server.http.responses import Response

__all__ = ["MOST_VALUES", "PREFIXES", "Handler", "ResponseSpec", "Route", "is_versioned", "prefix"]

#: Twice the values of the largest valid request for a backtest: a thousand symbols and weights.
MOST_VALUES = 4000

#: Every route exists under each of these; they differ in the shape of errors.
PREFIXES = ("", "/v1")

Handler = Callable[..., Response | Awaitable[Response]]


def is_versioned(path: str) -> bool:
    """Return whether a path belongs to `/v1`."""
    return path == "/v1" or path.startswith("/v1/")


def prefix(path: str) -> str:
    """Return the prefix of a path."""
    return PREFIXES[is_versioned(path)]


@frozen
class ResponseSpec:
    """A successful response of a route, as the OpenAPI document describes it.

    Attributes:
        meaning: The description.
        schema: Annotation of the JSON body; None: no JSON.
        media: Further media types.
        headers: Headers that clients may rely on.
        leads_to: Operations that take the id that this response has.
        names: The field with this id.
    """

    meaning: str
    schema: Any = None
    media: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()
    names: str = "run_id"


@frozen(kw_only=True)
class Route:
    """One method on one path.

    Attributes:
        method: The HTTP method; HEAD comes with GET.
        path: With its parameters in braces.
        handler: Called with the app state, the path's parameters, and `query` or `document` if the
            route has them. Its docstring describes the route, its name the operation. A plain
            function without either must not use Quart's request: the fast path calls it without.
        tag: The group that the documentation lists it in.
        choices: The values that a parameter of the path may have, if only certain ones exist.
        responses: The successful responses, by status.
        errors: Descriptions of its errors, by status, beyond those that every route may answer.
        query: The class of its query parameters.
        body: The class of its JSON body.
        most_values: How many values its body may hold, those in lists and objects included.
        files: The media types that its body may have, if that is a file and not JSON.
        limit: The setting that says how many bytes its body may have.
        switch: The setting that must be true for it to be served; None: it always is.
        example: A valid body.
        headers: Descriptions of the request headers that it reads.
        rate_limited: Whether its requests count against the rate of their caller.
        needs_key: Whether it needs a key, on a server that has keys.
        documented: Whether it belongs to the API, unlike the pages about it.
        immediate: True if the handler needs nothing but the path, and does not wait: the fast
            path's.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    handler: Handler
    tag: str
    choices: Mapping[str, tuple[str, ...]] = field(factory=dict)
    responses: Mapping[int, ResponseSpec] = field(factory=dict)
    errors: Mapping[int, str] = field(factory=dict)
    query: type[Checked] | None = None
    body: type[Checked] | None = None
    most_values: int = MOST_VALUES
    files: tuple[str, ...] = ()
    limit: Literal["max_body_bytes", "max_import_bytes", "max_upload_bytes"] = "max_body_bytes"
    switch: Literal["allow_upload"] | None = None
    example: Any = None
    headers: Mapping[str, str] = field(factory=dict)
    rate_limited: bool = True
    needs_key: bool = True
    documented: bool = True
    immediate: bool = field(init=False)

    @property
    def name(self) -> str:
        """Name of the handler and of the operation."""
        return self.handler.__name__

    @immediate.default
    def _is_immediate(self) -> bool:
        # A query or a body would have to be read from Quart's request.
        reads = self.query is not None or self.body is not None or bool(self.files)
        return self.method == "GET" and not reads and not iscoroutinefunction(self.handler)

    @property
    def checks_query(self) -> bool:
        """True if unknown parameters are refused: not where probes and links may add some."""
        return self.documented and self.tag != "health"

    @property
    def changes_state(self) -> bool:
        """True if a page of another origin must not trigger it."""
        return self.method != "GET"
