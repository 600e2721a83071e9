"""What can be answered without waiting is answered without the framework.

Whether the server lives and where a run stands is asked for far more often than anything else, and
a framework takes several times longer to carry such a question than it takes to answer it. The
checks, the errors and the headers are the very functions that the framework calls, so that an
answer is the same whichever way it comes.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import define, field
from quart.wrappers.response import DataBody

from glowback_trio.server.http.request import Asked
from glowback_trio.server.http.responses import Response
from glowback_trio.server.http.route import PREFIXES, Route
from glowback_trio.server.pipeline.checks import check, error_answer, greet, logging_faults
from glowback_trio.server.pipeline.headers import complete
from glowback_trio.server.state.app_state import Site
from glowback_trio.server.streaming.websocket import encoded
from glowback_trio.serving import Prompt

__all__ = ["PromptAnswers", "whole"]


@define(eq=False)
class PromptAnswers:
    """The routes that are answered at once, and their answers."""

    site: Site
    _routes: list[tuple[re.Pattern[str], str, Route]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._routes = [
            (_pattern(prefix + route.path), prefix + route.path, route)
            for prefix in PREFIXES
            for route in self.site.routes
            if route.prompt
        ]

    def __call__(self, scope: dict[str, Any]) -> Prompt | None:
        """Answer a request; None where that is the framework's business."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        for pattern, template, route in self._routes:
            if match := pattern.fullmatch(scope["path"]):
                return self._answer(Asked.of(scope), template, route, match.groupdict())
        return None

    def _answer(self, asked: Asked, template: str, route: Route, path: dict[str, str]) -> Prompt:
        try:
            greet(self.site, asked, template)
            with logging_faults():
                check(self.site, asked, route)
                answer = route.handler(self.site, **path)
        except Exception as error:  # noqa: BLE001 - every error has its answer
            answer = error_answer(error, asked)
        assert isinstance(answer, Response)
        return whole(self.site, asked, answer)


def whole(site: Site, asked: Asked, answer: Response) -> Prompt:
    """Write an answer out, with all that an answer carries."""
    assert isinstance(answer.response, DataBody)
    headers = dict(answer.headers)
    complete(site, asked, headers)
    return Prompt(answer.status_code, encoded(headers), answer.response.data)


def _pattern(path: str) -> re.Pattern[str]:
    """What a path must look like, its parameters as groups by their names.

    They are letters, digits and dashes, as ids of runs are; anything odd is left to the router.
    """
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9-]+)", path))
