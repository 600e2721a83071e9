"""Fills on bars with a volume of 0 are said, once a symbol, at the end of the run.

Rule: the engine fills there, as no market may have; the sentence is the same however the run is
sliced, and symbols beyond ten are counted.
"""

from __future__ import annotations

from attrs import evolve
from support.engine_bars import make_bars, make_request, run_slices

from glowback_trio.engine import backtest
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover

CLOSES = [10.0, 11.0, 9.0, 12.0, 8.0, 13.0, 7.0, 14.0]
CROSSOVER = MaCrossover(short_period=1, long_period=2)


def said(logs: list[str]) -> list[str]:
    return [one for one in logs if "volume" in one or "more symbols" in one]


def test_fills_on_bars_without_volume_are_counted_and_the_first_is_named() -> None:
    bars = make_bars("A", CLOSES)
    volume = bars.volume.copy()
    volume[[3, 5]] = 0.0
    silent = evolve(bars, volume=volume)
    request = make_request("A", CROSSOVER)
    sentence = (
        "A: 2 of 6 fills are on bars with a volume of 0, the first at 2024-01-04; "
        "nobody may have traded there, and max_volume_participation keeps orders off such bars"
    )
    assert said(list(backtest(request, [silent]).logs)) == [sentence]
    whole, _ = run_slices(request, [silent], [1_000])
    for slices in ([1], [3], [7, 1]):
        assert run_slices(request, [silent], slices)[0] == whole
    logged = [
        draft for draft in whole if draft.type == "log" and sentence.encode() in draft.payload
    ]
    assert [draft.bar for draft in logged] == [len(CLOSES) - 1]


def test_nothing_is_said_where_no_fill_is_or_the_volume_is_known_or_unknown() -> None:
    volumes = (0.0, 5.0, float("nan"))
    idle, busy, unknown = (make_bars("A", CLOSES, volume=volume) for volume in volumes)
    request = make_request("A", CROSSOVER)
    limited = make_request("A", CROSSOVER, execution={"max_volume_participation": 0.5})
    assert said(list(backtest(limited, [idle]).logs)) == []
    assert said(list(backtest(request, [busy]).logs)) == []
    assert said(list(backtest(request, [unknown]).logs)) == []


def test_symbols_beyond_ten_are_counted() -> None:
    names = "ABCDEFGHIJKLM"
    bars = [make_bars(name, CLOSES, volume=0.0) for name in names]
    logs = said(list(backtest(make_request(names, BuyAndHold()), bars).logs))
    assert len(logs) == 11
    assert logs[0].startswith("A: 1 of 1 fills")
    assert logs[-1] == "So are fills of 3 more symbols"
