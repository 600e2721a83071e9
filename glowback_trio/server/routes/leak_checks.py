"""Leak checks over HTTP: whether a strategy of the server looks ahead."""

from __future__ import annotations

from typing import Annotated, Any

import trio
from attrs import frozen
from quart import request

from glowback_trio.engine.lookahead.check import CUTS, MOST_CUTS
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, Le, did_you_mean
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.registry import with_aliases
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.leak_reports import leak_report_document
from glowback_trio.wire.requests import parse_request

__all__ = ["CheckQuery", "check_strategy"]


@frozen(kw_only=True)
class CheckQuery(Checked):
    """How thoroughly to check.

    Attributes:
        cuts: At how many bars the later ones are taken away.
    """

    cuts: Annotated[int, Ge(1), Le(MOST_CUTS)] = CUTS


async def check_strategy(
    app_state: AppState, name: str, document: object, query: CheckQuery
) -> Response:
    """Check whether a strategy looks ahead: later bars must not change what it has decided.

    The body is a request as `POST /backtests` takes it; its strategy is the one of the path, and
    may be left out. It is carried out in turn with backtests, and is answered when it is done.
    """
    if name not in with_aliases(app_state.gateway.strategies):
        known = did_you_mean(name, app_state.gateway.strategies)
        raise HttpError(404, f"Not Found: there is no strategy {name!r:.100}; {known}")

    def read() -> BacktestRequest:
        with located("body"):
            return parse_request(_with_strategy(document, name), app_state.converter)

    asked = await trio.to_thread.run_sync(read, limiter=app_state.readers)
    with located("body"):
        await app_state.check(asked)
        app_state.admit(asked.priority)
        owner = presented_key(request.headers) or ""
        report = await app_state.gateway.check_strategy(
            asked, cuts=query.cuts, owner=owner, checked=True
        )
    return json_response(leak_report_document(report))


def _with_strategy(document: Any, name: str) -> Any:
    """Return a request whose strategy is the one of the path, unless it names another one."""
    if not isinstance(document, dict):
        return document
    strategy = document.get("strategy", {})
    if not isinstance(strategy, dict):
        return document
    if (given := strategy.get("name", name)) != name:
        message = f"Input should be {name!r}, the strategy of the path, or be left out"
        raise InvalidRequestError([Problem("value_error", ("strategy", "name"), message, given)])
    return {**document, "strategy": {**strategy, "name": name}}
