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

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response, encode_headers
from glowback_trio.server.http.route import PREFIXES, Route
from glowback_trio.server.pipeline.checks import check, error_response, identify, logging_faults
from glowback_trio.server.pipeline.headers import add_common_headers
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import ImmediateResponse

__all__ = ["FastPath", "serialize"]


@define(eq=False)
class FastPath:
    """The routes that are answered at once, and their answers."""

    app_state: AppState
    _routes: list[tuple[re.Pattern[str], str, Route]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._routes = [
            (_pattern(prefix + route.path), prefix + route.path, route)
            for prefix in PREFIXES
            for route in self.app_state.routes
            if route.immediate
        ]

    def __call__(self, scope: dict[str, Any]) -> ImmediateResponse | None:
        """Answer a request; None where that is the framework's business."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        for pattern, template, route in self._routes:
            if match := pattern.fullmatch(scope["path"]):
                return self._answer(RequestContext.of(scope), template, route, match.groupdict())
        return None

    def _answer(
        self, context: RequestContext, template: str, route: Route, path: dict[str, str]
    ) -> ImmediateResponse:
        try:
            identify(self.app_state, context, template)
            with logging_faults():
                check(self.app_state, context, route)
                answer = route.handler(self.app_state, **path)
        except Exception as error:  # noqa: BLE001 - every error has its answer
            answer = error_response(error, context)
        assert isinstance(answer, Response)
        return serialize(self.app_state, context, answer)


def serialize(app_state: AppState, context: RequestContext, answer: Response) -> ImmediateResponse:
    """Write an answer out, with all that an answer carries."""
    assert isinstance(answer.response, DataBody)
    headers = dict(answer.headers)
    add_common_headers(app_state, context, headers)
    return ImmediateResponse(answer.status_code, encode_headers(headers), answer.response.data)


def _pattern(path: str) -> re.Pattern[str]:
    """What a path must look like, its parameters as groups by their names.

    They are letters, digits and dashes, as ids of runs are; anything odd is left to the router.
    """
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9-]+)", path))
