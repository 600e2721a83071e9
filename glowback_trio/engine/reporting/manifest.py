"""The manifest: request, data and package version of a run, complete enough to run it again.

It depends on nothing else: it holds no time of day, no run id and no path, so that the same run
has the same manifest wherever and whenever it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glowback_trio.engine.analytics.annualisation import Annualisation
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Adjustment, Dataset, Quality
from glowback_trio.model.instant import stamp
from glowback_trio.model.request import BacktestRequest
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import iso_times
from glowback_trio.wire.requests import field_names, plain_fields, request_document

__all__ = ["manifest"]

_MANIFEST_VERSION = "1.0"
_SNAPSHOT = ("final_value", "total_return", "max_drawdown", "sharpe_ratio", "total_trades")


def manifest(
    request: BacktestRequest,
    dataset: Dataset,
    timeline: Timeline,
    metrics: Mapping[str, float | int | None],
    year: Annualisation,
) -> Mapping[str, Any]:
    """Return the manifest of a run as plain JSON values.

    Args:
        request: The run's request.
        dataset: The bars it was given.
        timeline: The bars that were traded.
        metrics: All metrics of the run.
        year: Its bars per year.
    """
    return {
        "manifest_version": _MANIFEST_VERSION,
        "engine": {"name": "glowback-trio", "version": VERSION},
        "strategy": {
            "strategy_id": request.strategy.name,
            "name": request.strategy.title,
            "parameters": plain_fields(request.strategy),
        },
        "dataset": _dataset(request, dataset, timeline),
        "execution": _execution(request),
        "annualisation": {
            "periods_per_year": year.periods,
            "derived_from": "bars" if request.periods_per_year is None else "request",
            "how": year.how,
            "risk_free_rate": request.risk_free_rate,
            "ddof": 1,
        },
        "metric_snapshot": {name: metrics[name] for name in _SNAPSHOT},
        "replay_request": _replay_request(request, dataset),
    }


def _dataset(request: BacktestRequest, dataset: Dataset, timeline: Timeline) -> dict[str, Any]:
    first, last = iso_times(timeline.time[[0, -1]])
    counts = {bars.symbol: len(bars) for bars in timeline.bars}
    bars = sorted(dataset.bars, key=lambda one: one.symbol)
    return {
        "data_source": dataset.source,
        "dataset_kind": dataset.kind,
        "provenance": dataset.provenance.source,
        "adjusted_for": _adjusted_for(request, dataset),
        "resolution": request.resolution,
        "start_date": stamp(request.start_date),
        "end_date": stamp(request.end_date),
        "symbols": list(counts),
        "bar_counts": counts,
        "total_bars": sum(counts.values()),
        "first_bar": first,
        "last_bar": last,
        # Of the sessions, which may not be the dates of those times in UTC.
        "first_date": str(timeline.date[0]),
        "last_date": str(timeline.date[-1]),
        "bars": len(timeline),
        **_warmup(dataset),
        "digest": f"sha256:{dataset.digest()}",
        "bar_digests": {one.symbol: f"sha256:{one.digest()}" for one in bars},
        "validation_summaries": [
            {
                **{name: getattr(one, name) for name in field_names(Quality)},
                "critical": list(one.critical),
                "warnings": list(one.warnings),
            }
            for one in sorted(dataset.quality, key=lambda one: one.symbol)
        ],
    }


def _warmup(dataset: Dataset) -> dict[str, Any]:
    """Return the bars before the range, where there are some."""
    bars = sorted(dataset.warmup, key=lambda one: one.symbol)
    if not bars:
        return {}
    counts = {one.symbol: len(one) for one in bars}
    (first,) = iso_times(min(one.time[:1] for one in bars))
    digests = {one.symbol: f"sha256:{one.digest()}" for one in bars}
    return {"warmup": {"bar_counts": counts, "first_bar": first, "bar_digests": digests}}


def _adjusted_for(request: BacktestRequest, dataset: Dataset) -> Adjustment | None:
    """Return what the prices are adjusted for; None if nobody has said so."""
    if dataset.kind == "sample":
        return "none"
    stated = dataset.provenance.adjusted_for
    return stated if request.adjustment == "none" else request.adjustment


def _execution(request: BacktestRequest) -> dict[str, Any]:
    """Return the execution settings, with the numbers that None stands for."""
    resolved = plain_fields(request.execution)
    for name in ("slippage_bps", "commission_bps", "latency_ms"):
        resolved[name] = resolved[name] or 0
    return {"initial_capital": request.initial_capital, **resolved}


def _replay_request(request: BacktestRequest, dataset: Dataset) -> dict[str, Any]:
    """Return the document of a request that gives the same result on the same bars.

    Its data source is the one that `default` stood for, except for bars held in memory.
    """
    replay = request_document(request)
    del replay["stream"]  # changes which events are emitted, but nothing in the result
    del replay["on_restart"]  # changes neither
    for label in ("name", "tags", "note"):  # these change while the result stays
        del replay[label]
    if dataset.source != "memory":
        replay["data_source"] = dataset.source
    return replay
