"""Find what serves a path: the routes of a table, under every prefix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from attrs import define, field, frozen

from glowback_trio.server.http.route import PREFIXES, Route

__all__ = ["FoundPath", "Match", "Router"]


@frozen
class Match:
    """The route of one request.

    Attributes:
        route: The route.
        arguments: The parameters in the request's path.
    """

    route: Route
    arguments: Mapping[str, str]


@frozen
class FoundPath:
    """A path that the server has.

    Attributes:
        template: The path with its prefix, and with its parameters in braces.
        routes: Its routes, by method.
        arguments: The parameters in the path of the request.
    """

    template: str
    routes: Mapping[str, Route]
    arguments: Mapping[str, str] = {}

    def match(self, method: str) -> Match | None:
        """Return the route of a method; None if the path does not take it."""
        route = self.routes.get(method)
        return None if route is None else Match(route, self.arguments)


@define(eq=False)
class Router:
    """Finds paths in a table of routes."""

    _fixed: dict[str, FoundPath] = field(factory=dict, init=False)
    #: By the number of slashes.
    _varying: dict[int, list[tuple[re.Pattern[str], FoundPath]]] = field(factory=dict, init=False)

    @classmethod
    def of(cls, routes: Iterable[Route]) -> Router:
        """Return the router of these routes."""
        router = cls()
        for template, methods in _by_path(routes).items():
            path, found = template.removesuffix("/"), FoundPath(template, methods)
            if "{" in path:
                alike = router._varying.setdefault(path.count("/"), [])
                alike.append((_pattern(path), found))
            else:
                router._fixed[path] = found
        return router

    #: Remembers what was found, for those who ask for the same run again and again.
    find_match: Callable[[str, str], tuple[FoundPath | None, Match | None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.find_match = lru_cache(maxsize=1024)(self._find_match)

    def _find_match(self, path: str, method: str) -> tuple[FoundPath | None, Match | None]:
        found = self.find(path)
        return found, None if found is None else found.match(method)

    def find(self, path: str) -> FoundPath | None:
        """Find a path, with or without a slash at its end; None if the server has no such path."""
        # Clients that join an address and a path may send two slashes at the front.
        path = f"/{path.lstrip('/')}".removesuffix("/")
        if (fixed := self._fixed.get(path)) is not None:
            return fixed
        for pattern, found in self._varying.get(path.count("/"), ()):
            if match := pattern.fullmatch(path):
                return FoundPath(found.template, found.routes, match.groupdict())
        return None


def _by_path(routes: Iterable[Route]) -> dict[str, dict[str, Route]]:
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        for prefix in PREFIXES:
            methods = paths.setdefault(prefix + route.path, {})
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route
    return paths


def _pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for a path, with a named group for each parameter."""
    # Parts alternate between text and the names of parameters.
    parts = re.split(r"\{(\w+)\}", path)
    texts, names = map(re.escape, parts[::2]), [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    return re.compile("".join(text + name for text, name in zip(texts, [*names, ""], strict=True)))
