"""Describe requests, statuses and times in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import asdict

from glowback_trio.model.lifecycle import Status
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import listed
from glowback_trio.wire.requests import request_document

__all__ = ["backtest_line", "moment", "request_facts", "short_time", "state_words", "status_facts"]

_SYMBOLS = 5  # by name; more are counted
# The values of fields that a request need not give.
_DEFAULTS = request_document(
    BacktestRequest(symbols=["A"], start_date="2000-01-01", end_date="2000-01-01")
)
_DEFAULTS["portfolio_construction"] = asdict(PortfolioConstruction(target_weights={"A": 1.0}))
_FACTS = {"execution": "Execution", "portfolio_construction": "Portfolio", "stream": "Stream"}
_LABELS = ("name", "tags", "note")  # those of the status are newer
_SHOWN = {"symbols", "start_date", "end_date", "resolution", "strategy", *_LABELS, *_FACTS}


def short_time(text: str) -> str:
    """Shorten an RFC 3339 time to minutes, or to its date if that is all it says."""
    day, _, clock = text.partition("T")
    whole = clock.startswith(("00:00:00", "23:59:59"))
    return day if whole or not clock else f"{day} {clock[:5]}"


def state_words(status: Status) -> str:
    """Write a state with the progress of a run that has not ended, such as `running 12%`."""
    if status.finished:
        return status.state
    return f"{'paused' if status.paused else status.state} {status.progress:.0%}"


def status_facts(status: Status) -> Mapping[str, str | None]:
    """Return what there is to say about a status by name; None: nothing to say."""
    return {
        "Run": status.run_id,
        "Name": status.name or None,
        "Tags": ", ".join(status.tags) or None,
        "Note": status.note or None,
        "State": state_words(status),
        "Error": status.error,
        "Events": f"{status.event_count:,}",
        "Created": moment(status.created_at),
        "Started": None if status.started_at is None else moment(status.started_at),
        "Finished": None if status.finished_at is None else moment(status.finished_at),
    }


def request_facts(request: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Return what a request asks for by name, defaults apart; None: nothing but defaults.

    Args:
        request: Its document.
    """
    others = {name: value for name, value in request.items() if name not in _SHOWN}
    changed = {words: _pairs(_changes(request, name)) for name, words in _FACTS.items()}
    return {
        "Strategy": _strategy(request),
        "Symbols": ", ".join(request["symbols"]),
        "Period": f"{_period(request)}, resolution {request['resolution']}",
        **changed,
        "Other": _pairs({k: v for k, v in others.items() if v != _DEFAULTS.get(k)}),
    }


def backtest_line(request: Mapping[str, Any]) -> str:
    """Describe a request on one line: strategy with parameters, symbols, period, costs."""
    parts = [
        _strategy(request),
        listed(request["symbols"], _SYMBOLS),
        _period(request),
        _pairs(_changes(request, "execution")),
    ]
    return "; ".join(filter(None, parts))


def _strategy(request: Mapping[str, Any]) -> str:
    strategy, portfolio = request["strategy"], request.get("portfolio_construction")
    params = strategy.get("params", {}) if portfolio is None else portfolio["target_weights"]
    return " ".join(filter(None, (strategy["name"], _pairs(params))))


def _period(request: Mapping[str, Any]) -> str:
    return f"{short_time(request['start_date'])} to {short_time(request['end_date'])}"


def _changes(request: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given, defaults = request.get(name) or {}, _DEFAULTS[name]
    # The weights stand beside the strategy.
    return {
        key: value
        for key, value in given.items()
        if value != defaults.get(key) and key != "target_weights"
    }


def _pairs(values: Mapping[str, Any]) -> str | None:
    return " ".join(_written(values)) or None


def _written(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def moment(of: datetime) -> str:
    """Write a point in time, to the minute."""
    return f"{of:%Y-%m-%d %H:%M}Z"
