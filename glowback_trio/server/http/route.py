"""A route as a value: what registers it, documents it and checks its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from typing import Any, Literal

from attrs import field, frozen

from glowback_trio.model.bounds import Checked
from glowback_trio.server.http.responses import Response

__all__ = ["PREFIXES", "Handler", "ResponseSpec", "Route", "is_versioned", "prefix"]

#: Every route exists under each of these; they differ in the shape of errors.
PREFIXES = ("", "/v1")

Handler = Callable[..., Response | Awaitable[Response]]


def is_versioned(path: str) -> bool:
    """Whether a path belongs to `/v1`."""
    return path == "/v1" or path.startswith("/v1/")


def prefix(path: str) -> str:
    """The prefix under which a path was asked for."""
    return PREFIXES[is_versioned(path)]


@frozen
class ResponseSpec:
    """One way a route answers.

    Attributes:
        meaning: What this answer says.
        schema: The annotation of its JSON body; None: no JSON.
        media: Media types besides.
        headers: Names of headers that clients may rely on.
        leads_to: Names of operations that take the `run_id` of this answer.
    """

    meaning: str
    schema: Any = None
    media: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()


@frozen(kw_only=True)
class Route:
    """One method on one path.

    Attributes:
        method: The HTTP method; HEAD comes with GET.
        path: With its parameters in braces.
        handler: Called with the app_state, the path's parameters, and `query` or `document` if the
            route takes them. Its docstring describes the route. A plain function that takes neither
            is not given the framework's request, because it may be called without one.
        tag: The group it is listed in.
        choices: Parameters of the path that take certain values only, with these.
        responses: Its successes, by status.
        refusals: What else it may answer besides what all routes may, by status.
        query: The class of its query parameters.
        body: The class of its JSON body.
        example: A body that works.
        headers: Request headers it reads, with their meaning.
        rate_limited: Whether a caller may ask for it only so often.
        needs_key: Whether a key is needed when keys are set.
        listed: Whether it belongs to the API, rather than to the pages about it.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    tag: str
    choices: Mapping[str, tuple[str, ...]] = field(factory=dict)
    responses: Mapping[int, ResponseSpec] = field(factory=dict)
    errors: Mapping[int, str] = field(factory=dict)
    query: type[Checked] | None = None
    body: type[Checked] | None = None
    example: Any = None
    headers: Mapping[str, str] = field(factory=dict)
    rate_limited: bool = True
    needs_key: bool = True
    documented: bool = True

    @property
    def name(self) -> str:
        """The handler's name, which is the operation's."""
        return self.handler.__name__

    @property
    def immediate(self) -> bool:
        """Whether it answers without waiting, from its path alone."""
        reads = self.query is not None or self.body is not None
        return self.method == "GET" and not reads and not iscoroutinefunction(self.handler)

    @property
    def changes_state(self) -> bool:
        """Whether a browser must not be led into it by another host's page."""
        return self.method != "GET"
