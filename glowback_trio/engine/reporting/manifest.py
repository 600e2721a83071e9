"""The manifest: what was run on what, complete enough to run it again.

It depends on request, bars and package version alone: no time of day, no run id, no path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict

from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Dataset
from glowback_trio.model.instant import stamp
from glowback_trio.model.request import BacktestRequest
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import iso_times
from glowback_trio.wire.requests import request_document

__all__ = ["manifest"]

_MANIFEST_VERSION = "1.0"
_SNAPSHOT = ("final_value", "total_return", "max_drawdown", "sharpe_ratio", "total_trades")


def manifest(
    request: BacktestRequest,
    dataset: Dataset,
    timeline: Timeline,
    metrics: Mapping[str, float | int | None],
) -> Mapping[str, Any]:
    """Write a run down as plain JSON values."""
    return {
        "manifest_version": _MANIFEST_VERSION,
        "engine": {"name": "glowback-trio", "version": VERSION},
        "strategy": {
            "strategy_id": request.strategy.name,
            "name": request.strategy.title,
            "parameters": asdict(request.strategy),
        },
        "dataset": _dataset(request, dataset, timeline),
        "execution": _execution(request),
        "annualisation": {
            "periods_per_year": metrics["periods_per_year"],
            "derived_from": "bars" if request.periods_per_year is None else "request",
            "risk_free_rate": request.risk_free_rate,
            "ddof": 1,
        },
        "metric_snapshot": {name: metrics[name] for name in _SNAPSHOT},
        "replay_request": _replay_request(request, dataset),
    }


def _dataset(request: BacktestRequest, dataset: Dataset, timeline: Timeline) -> dict[str, Any]:
    first, last = iso_times(timeline.time[[0, -1]])
    counts = {bars.symbol: len(bars) for bars in timeline.bars}
    return {
        "data_source": dataset.source,
        "dataset_kind": dataset.kind,
        "resolution": request.resolution,
        "start_date": stamp(request.start_date),
        "end_date": stamp(request.end_date),
        "symbols": list(counts),
        "bar_counts": counts,
        "total_bars": sum(counts.values()),
        "first_bar": first,
        "last_bar": last,
        "digest": f"sha256:{dataset.digest()}",
        "validation_summaries": [
            {
                **asdict(one, recurse=False),
                "critical": list(one.critical),
                "warnings": list(one.warnings),
            }
            for one in sorted(dataset.quality, key=lambda one: one.symbol)
        ],
    }


def _execution(request: BacktestRequest) -> dict[str, Any]:
    """What was carried out: None has become the number it means."""
    resolved = asdict(request.execution)
    for name in ("slippage_bps", "commission_bps", "latency_ms"):
        resolved[name] = resolved[name] or 0
    return {"initial_capital": request.initial_capital, **resolved}


def _replay_request(request: BacktestRequest, dataset: Dataset) -> dict[str, Any]:
    """A request for the wire that gives the same result on the same bars.

    The source is the one that was found behind `default`, except for bars that came from memory.
    What a run tells while it runs is left out: it changes nothing of the result.
    """
    replay = request_document(request)
    del replay["stream"]
    if dataset.source != "memory":
        replay["data_source"] = dataset.source
    return replay
