"""The OpenAPI 3.1 document, generated from the routes, the annotations and the docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from glowback_trio.model.bounds import Checked
from glowback_trio.model.strategies.parameters import STRATEGIES
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.server.http.parameters import parameter_name
from glowback_trio.server.http.route import PREFIXES, ResponseSpec, Route, is_versioned
from glowback_trio.server.openapi.docstrings import description, first_line
from glowback_trio.server.openapi.documents import Envelope, PlainError
from glowback_trio.server.openapi.json_schema import Components, Schema
from glowback_trio.version import VERSION

__all__ = ["openapi_document"]

_ABOUT = """\
Backtests as actors: submit a backtest, stream its events, fetch its result.

Every route exists with and without the prefix `/v1`, and both serve the same runs. Only the body
of errors differs: `{"error": …, "request_id": …}` under `/v1`, `{"detail": …}` elsewhere."""

_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, if the server has keys.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key, if the server has keys and there is no Authorization header.",
    },
}

_HEADERS = {
    "Location": "Path of the status of what was begun.",
    "Content-Disposition": "A file name for the table.",
    "Link": 'The next page, with rel="next"; absent on the last page.',
    "Accept-Encoding": "identity.",
    "Retry-After": "Seconds to wait before trying again.",
    "WWW-Authenticate": "Bearer.",
    "Upgrade": "websocket.",
    "X-RateLimit-Limit": "Requests a caller may send at once.",
    "X-RateLimit-Remaining": "Requests that are left of the limit.",
    "X-RateLimit-Reset": "Seconds until the whole limit is available again.",
}

_RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
# These are answered before the request counts against a rate.
_UNCOUNTED = (400, 401, 413)


def openapi_document(
    routes: Sequence[Route], registry: StrategyRegistry = STRATEGIES
) -> Mapping[str, Any]:
    """Return the OpenAPI document of the API.

    Args:
        routes: The table of routes.
        registry: The strategies that requests may name.
    """
    components = Components(registry)
    paths: dict[str, dict[str, Any]] = {}
    for prefix in PREFIXES:
        for route in (route for route in routes if route.documented):
            # Once per prefix: the operations differ in their ids, their links and their errors.
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
        # Viewers show it as it is: Markdown belongs into the description.
        "summary": first_line(route.handler).rstrip(".").replace("`", ""),
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
    if route.files:
        content = {each: {"schema": {"type": "string", "format": "binary"}} for each in route.files}
        operation["requestBody"] = {"required": True, "content": content}
    if route.needs_key:
        # The empty requirement stands for a server without keys.
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
        described = _without_null(schema)
        parameter: dict[str, Any] = {"name": parameter_name(name), "in": "query"}
        parameter["schema"] = described
        if text := described.pop("description", None):
            parameter["description"] = text
        if "items" in schema:
            # One comma-separated parameter, not one parameter per item.
            parameter |= {"style": "form", "explode": False}
        yield parameter


def _without_null(schema: Schema) -> Schema:
    """Remove null from a parameter's schema: a query cannot spell it, only omit the parameter."""
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
    for status, (meaning, headers) in sorted(_errors(route).items()):
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
        # OpenAPI cannot describe the lines of NDJSON or the columns of Parquet.
        answer.setdefault("content", {})[media] = {"schema": {"type": "string"}}
    return answer


def _links(reply: ResponseSpec, prefix: str) -> Mapping[str, Any]:
    identity = {reply.names: f"$response.body#/{reply.names}"}
    links = {
        name: {"operationId": _operation_id(name, prefix), "parameters": identity}
        for name in reply.leads_to
    }
    return {"links": links} if links else {}


def _described(names: Sequence[str]) -> Mapping[str, Any]:
    """Describe these headers, and the one that every response carries."""
    headers = {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names
    }
    identity = "The id that the client sent, if it is well-formed, else a new one."
    return {**headers, "X-Request-ID": {"description": identity, "schema": {"type": "string"}}}


def _errors(route: Route) -> Mapping[int, tuple[str, Sequence[str]]]:
    """Return the errors a route may answer, by status, with their headers."""
    errors: dict[int, tuple[str, Sequence[str]]] = {
        400: ("The request is malformed, or the server does not serve its Host.", ()),
        413: ("The request body is too large.", ()),
        500: ("A server error; the log has it under the request id.", ()),
    }
    if route.needs_key:
        errors[401] = ("The key is missing or wrong.", ("WWW-Authenticate",))
    if route.rate_limited:
        errors[429] = ("Too many requests, or too many wrong keys.", ("Retry-After",))
    if route.changes_state:
        errors[403] = (
            "A page of another origin sent it, and the server has no keys.",
            (),
        )
    if "_id}" in route.path:
        kind = "optimization" if "{optimization_id}" in route.path else "run"
        errors[404] = (f"There is no {kind} with this id.", ())
    if route.body is not None or route.files:
        errors[415] = ("The request body is compressed.", ("Accept-Encoding",))
    if route.checks_query or route.body is not None:
        errors[422] = ("The request is invalid; each problem is listed with its path.", ())
    for status, meaning in route.errors.items():
        retry = ("Retry-After",) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
        errors[status] = (meaning, ("Upgrade",) if status == 426 else retry)
    return errors
