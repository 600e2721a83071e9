"""Verification: a run is the same, or the verdict says where it first differs.

Doctrine: one difference is planted at a time, in bars, events, result or request, with every sum
and digest right again, so that only computing the run anew can find it.
"""

from __future__ import annotations

from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import evolve, frozen
from support.exports import REQUEST, export_of, file_of, finished_export, with_events

from glowback_trio import (
    BacktestRequest,
    Bars,
    BarStrategy,
    Context,
    InlineCompute,
    MemoryCatalogue,
    OnBar,
    open_gateway,
    verify,
)
from glowback_trio.errors import InvalidRequestError
from glowback_trio.wire.exports.run_export import RunExport, read_export
from glowback_trio.wire.exports.verdict import Difference, parse_verdict, verdict_document

EXPORT = finished_export()


def difference_in(export: RunExport, data: Any = "sample") -> Difference:
    verdict = verify(file_of(export), data)
    assert not verdict.same
    assert verdict.difference is not None
    assert parse_verdict(verdict_document(verdict)).difference is not None
    return verdict.difference


def test_an_untouched_run_is_the_same() -> None:
    verdict = verify(file_of(EXPORT), "sample")
    assert verdict.same, verdict
    assert (verdict.symbols, verdict.events) == (2, len(EXPORT.events))
    assert verdict_document(verdict)["difference"] is None
    assert parse_verdict(verdict_document(verdict)) == verdict


def test_every_changed_event_is_found_at_its_id() -> None:
    for event in EXPORT.events[:-1]:
        name = next(iter(event.payload))
        value = "other" if event.type == "log" else event.payload[name]
        changed = {"state": {"message": "x"}}.get(event.type, {name: _other(value)})
        found = difference_in(with_events(EXPORT, {event.event_id: changed}))
        assert (found.part, found.event_id) == ("events", event.event_id), found
        assert found.field == f"payload.{next(iter(changed))}"
        assert found.then != found.now


def _other(value: Any) -> Any:
    return f"{value}x" if isinstance(value, str) else (value or 0) + 1


def test_a_log_that_breaks_a_law_is_found_as_the_log() -> None:
    lines = EXPORT.lines.replace(b'"digest":"sha256:', b'"digest":"sha256:0', 1)
    found = difference_in(evolve(EXPORT, lines=lines))
    assert found.part == "log"
    assert "law 8" in found.message


def test_a_changed_field_of_the_result_is_found_with_its_place_and_both_values() -> None:
    result = EXPORT.result
    assert result is not None
    value = result.curve.value.copy()
    value[7] += 1.0
    planted = {
        "curve.value[7]": evolve(result, curve=evolve(result.curve, value=value)),
        "final_cash": evolve(result, final_cash=result.final_cash + 1),
        "metrics.total_trades": evolve(result, metrics={**result.metrics, "total_trades": 999}),
        "logs.length": evolve(result, logs=[*result.logs, "one more"]),
    }
    for field, changed in planted.items():
        found = difference_in(evolve(EXPORT, result=changed))
        assert (found.part, found.field) == ("result", field)
        assert found.then != found.now
        assert field in found.message


def test_another_version_of_the_package_is_no_difference_and_is_said() -> None:
    assert EXPORT.result is not None
    engine = {"name": "glowback-trio", "version": "0.0.1"}
    older = evolve(EXPORT.result, manifest={**EXPORT.result.manifest, "engine": engine})
    verdict = verify(evolve(EXPORT, result=older), "sample")
    assert verdict.same
    assert verdict.computed_then_by == "0.0.1"


@pytest.mark.parametrize(
    ("field", "value"),
    [("initial_capital", 5.0), ("symbols", ["AAPL"]), ("end_date", "2024-02-01T00:00:00Z")],
)
def test_a_changed_request_is_found_by_its_field(field: str, value: Any) -> None:
    found = difference_in(evolve(EXPORT, request={**EXPORT.request, field: value}))
    assert found.part == "request"
    assert found.field is not None
    assert found.field.startswith(field)


def test_a_request_that_asks_for_other_events_is_found_by_the_events() -> None:
    stream = {**EXPORT.request["stream"], "metrics_every": 7}
    found = difference_in(evolve(EXPORT, request={**EXPORT.request, "stream": stream}))
    assert found.part == "events"


def bars(last: float) -> MemoryCatalogue:
    time = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]").astype("datetime64[ns]")
    close = np.linspace(100.0, 120.0, len(time))
    made = []
    for symbol in ("A", "B"):
        end = last if symbol == "B" else 120.0
        prices = np.append(close[:-1], end)
        made.append(
            Bars(symbol, time, prices, prices + 1, prices - 1, prices, np.full(len(time), 1e6))
        )
    return MemoryCatalogue(made)


IN_MEMORY = BacktestRequest(symbols=["A", "B"], start_date="2024-01-01", end_date="2024-02-01")


def test_bars_for_warming_up_are_verified_too() -> None:
    request = evolve(IN_MEMORY, start_date="2024-01-11", warmup_bars=5)
    source = bars(120.0)
    export = finished_export(request, source)
    assert verify(export, source).same
    early = source.bars["B"]
    close = early.close.copy()
    close[7] += 0.5  # of 2024-01-08
    columns = (early.open, early.high, early.low, close, early.volume)
    changed = MemoryCatalogue([source.bars["A"], Bars("B", early.time, *columns)])
    found = difference_in(export, changed)
    assert (found.part, found.symbol) == ("bars", "B")
    assert "bars for warming up of B differ" in found.message
    assert verify(finished_export(evolve(request, warmup_bars=2), source), changed).same
    more = {**export.request, "warmup_bars": 4}
    assert difference_in(evolve(export, request=more), source).part == "request"


def test_changed_bars_are_found_by_their_symbol_and_digests() -> None:
    export = finished_export(IN_MEMORY, bars(120.0))
    assert verify(export, bars(120.0)).same
    found = difference_in(export, bars(120.5))
    assert (found.part, found.symbol) == ("bars", "B")
    assert found.then.startswith("sha256:")
    assert found.then != found.now


def test_bars_that_are_not_there_are_a_difference() -> None:
    export = finished_export(IN_MEMORY, bars(120.0))
    assert difference_in(export, "demo").part == "bars"


async def test_a_cancelled_run_is_compared_as_far_as_it_had_come() -> None:
    async with open_gateway(data="sample", compute=InlineCompute()) as gateway:
        run = gateway.submit(REQUEST)
        with run.subscribe() as events:
            async for event in events:
                if event.event_id == 10:
                    run.cancel("enough")
        export = export_of(run)
        queued = gateway.submit(REQUEST)
        queued.cancel("at once")
        await queued.wait_finished()
    assert verify(export, "sample").same
    assert verify(export_of(queued), "sample").same
    found = difference_in(with_events(export, {5: {"planted": 1}}))
    assert (found.part, found.event_id) == ("events", 5)


@frozen
class Fragile(BarStrategy):
    """Raises at the tenth bar."""

    name: ClassVar[str] = "fragile"
    title: ClassVar[str] = "Fragile"

    def start(self) -> OnBar:
        bars = count(1)

        def on_bar(_context: Context) -> None:
            if next(bars) == 10:
                raise ZeroDivisionError

        return on_bar


async def test_a_failed_run_is_the_same_if_it_fails_again_in_the_same_way() -> None:
    asked = evolve(REQUEST, strategy=Fragile())
    async with open_gateway(
        data="sample", compute=InlineCompute(), strategies=[Fragile]
    ) as gateway:
        run = gateway.submit(asked)
        await run.wait_finished()
        export = export_of(run)
    assert export.result is None
    assert verify(export, "sample", strategies=[Fragile]).same
    last = len(export.events)
    changed = with_events(export, {last: {"error": "something else"}})
    found = verify(changed, "sample", strategies=[Fragile]).difference
    assert found is not None
    assert (found.event_id, found.field, found.then) == (last, "payload.error", "something else")
    with pytest.raises(InvalidRequestError, match="strategy"):
        verify(export, "sample")


def test_a_file_is_verified_by_its_path(tmp_path: Any) -> None:
    path = tmp_path / "run.gbt"
    path.write_bytes(file_of(EXPORT))
    assert verify(path, "sample").same
    assert verify(str(path), "sample").same
    assert read_export(path.read_bytes()).run_id == EXPORT.run_id
