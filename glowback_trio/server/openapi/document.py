"""The OpenAPI 3.1 document, generated from the registry, the annotations and the docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from glowback_trio.model.bounds import Checked
from glowback_trio.model.strategies.parameters import STRATEGIES
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.server.http.route import PREFIXES, ResponseSpec, Route, is_versioned
from glowback_trio.server.openapi.docstrings import description, first_line
from glowback_trio.server.openapi.documents import Envelope, PlainError
from glowback_trio.server.openapi.json_schema import Components, Schema
from glowback_trio.version import VERSION

__all__ = ["openapi_document"]

_ABOUT = """\
Backtests as actors: submit one, watch its events, take its result.

All routes exist with and without the prefix `/v1`, over the same runs. They differ in one thing,
the body of errors: `{"detail": …}` without it, `{"error": …, "request_id": …}` under it."""

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, when keys are set."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key, when keys are set and there is no Authorization header.",
    },
}

_HEADERS = {
    "Location": "Where the run's status is.",
    "Content-Disposition": "The name under which to keep it.",
    "Link": 'Where the rest is, with rel="next"; absent on the last page.',
    "Retry-After": "Seconds after which to try again.",
    "WWW-Authenticate": "Bearer.",
    "Upgrade": "websocket.",
    "X-RateLimit-Limit": "Requests that may come at once.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "Seconds until all of them are.",
}

_RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
# Said before anybody is counted.
_UNCOUNTED = (400, 401, 413)


def openapi_document(
    routes: Sequence[Route], registry: StrategyRegistry = STRATEGIES
) -> Mapping[str, Any]:
    """Describe the API.

    Args:
        routes: The registry.
        registry: The strategies that requests may name.
    """
    components = Components(registry)
    paths: dict[str, dict[str, Any]] = {}
    for prefix in PREFIXES:
        for route in (route for route in routes if route.documented):
            operation = _operation(route, prefix, components)
            paths.setdefault(prefix + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "GlowBack Trio", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components.schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


def _operation(route: Route, prefix: str, components: Components) -> Mapping[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route.name, prefix),
        "tags": [route.tag],
        "summary": first_line(route.handler).rstrip("."),
        "description": description(route.handler),
        "responses": {
            str(status): answer for status, answer in _responses(route, prefix, components)
        },
    }
    if parameters := list(_parameters(route, components)):
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"schema": components.describe(route.body), **_example(route)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if route.needs_key:
        # The empty requirement stands for a server on which no keys are set.
        operation["security"] = [{"bearer": []}, {"header": []}, {}]
    return operation


def _operation_id(name: str, prefix: str) -> str:
    return f"{prefix.strip('/')}_{name}".strip("_")


def _example(route: Route) -> Mapping[str, Any]:
    return {} if route.example is None else {"example": route.example}


def _parameters(route: Route, components: Components) -> Iterator[Mapping[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        schema = {"type": "string", **_choices(route, name)}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if route.query is not None:
        yield from _query_parameters(route.query, components)
    for name, meaning in route.headers.items():
        schema = {"type": "string"}
        yield {"name": name, "in": "header", "description": meaning, "schema": schema}


def _choices(route: Route, name: str) -> Schema:
    return {"enum": list(route.choices[name])} if name in route.choices else {}


def _query_parameters(cls: type[Checked], components: Components) -> Iterator[Mapping[str, Any]]:
    for name, schema in components.object_of(cls)["properties"].items():
        parameter = {"name": name, "in": "query", "schema": _without_null(schema)}
        if text := parameter["schema"].pop("description", None):
            parameter["description"] = text
        if "items" in schema:
            parameter |= {"style": "form", "explode": False}
        yield parameter


def _without_null(schema: Schema) -> Schema:
    """A parameter that is not there cannot be written; so null is not among its values."""
    schema = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    if isinstance(kinds := schema.get("type"), list):
        schema["type"] = kinds[0]
    if "enum" in schema:
        schema["enum"] = [choice for choice in schema["enum"] if choice is not None]
    return schema


def _responses(
    route: Route, prefix: str, components: Components
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for status, reply in sorted(route.responses.items()):
        answer = _reply(reply, _rate(route, status), components)
        yield status, {**answer, **_links(reply, prefix)}
    error = components.describe(Envelope if is_versioned(prefix) else PlainError)
    for status, (meaning, headers) in sorted(_refusals(route).items()):
        yield (
            status,
            {
                "description": meaning,
                "headers": _described((*headers, *_rate(route, status))),
                "content": {"application/json": {"schema": error}},
            },
        )


def _rate(route: Route, status: int) -> Sequence[str]:
    return _RATE if route.rate_limited and status not in _UNCOUNTED else ()


def _reply(reply: ResponseSpec, rate: Sequence[str], components: Components) -> Mapping[str, Any]:
    answer: dict[str, Any] = {
        "description": reply.meaning,
        "headers": _described((*reply.headers, *rate)),
    }
    if reply.schema is not None:
        answer["content"] = {"application/json": {"schema": components.describe(reply.schema)}}
    for media in reply.media:
        answer.setdefault("content", {})[media] = {"schema": {"type": "string"}}
    return answer


def _links(reply: ResponseSpec, prefix: str) -> Mapping[str, Any]:
    run_id = {"run_id": "$response.body#/run_id"}
    links = {
        name: {"operationId": _operation_id(name, prefix), "parameters": run_id}
        for name in reply.leads_to
    }
    return {"links": links} if links else {}


def _described(names: Sequence[str]) -> Mapping[str, Any]:
    """Headers by name, the one that all responses carry among them."""
    headers = {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names
    }
    identity = "The client's own id if it is harmless, else a new one."
    return {**headers, "X-Request-ID": {"description": identity, "schema": {"type": "string"}}}


def _refusals(route: Route) -> Mapping[int, tuple[str, Sequence[str]]]:
    """Everything a route may answer besides its successes, with the headers that come along."""
    refusals: dict[int, tuple[str, Sequence[str]]] = {
        400: ("The request is not well-formed, or its Host is not served here.", ()),
        413: ("The request body is too large.", ()),
        500: ("A fault of the server; the request id finds it in the log.", ()),
    }
    if route.needs_key:
        refusals[401] = ("The key is missing or wrong.", ("WWW-Authenticate",))
    if route.rate_limited:
        refusals[429] = ("Too much was asked, or too many wrong keys came.", ("Retry-After",))
    if route.changes_state:
        refusals[403] = ("A browser's page of another host asked, and no keys are set.", ())
    if "{" in route.path:
        refusals[404] = ("There is no such run.", ())
    if route.query is not None or route.body is not None:
        refusals[422] = ("The request breaks rules; all of them are listed.", ())
    for status, meaning in route.errors.items():
        retry = ("Retry-After",) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
        refusals[status] = (meaning, ("Upgrade",) if status == 426 else retry)
    return refusals
