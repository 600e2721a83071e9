"""One load: symbol by symbol, with a chance to stop before each, and the gate at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from glowback_trio.data.request_checks import LoadLimits
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import BacktestRequest

__all__ = ["collect", "raise_problems"]


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise InvalidRequestError with all of them, if there are any."""
    if found := tuple(problems):
        raise InvalidRequestError(found)


def collect(
    request: BacktestRequest,
    load_one: Callable[[str], tuple[Bars, Quality]],
    checkpoint: Callable[[], object],
    limits: LoadLimits,
) -> tuple[tuple[Bars, ...], tuple[Quality, ...]]:
    """Load the request's symbols in its order, its benchmark last.

    Args:
        request: Names the symbols and the quality mode.
        load_one: Gets one symbol's bars and what was wrong with its rows.
        checkpoint: Called before each symbol; what it raises ends the load.
        limits: Kept as the bars come in, for a file may hold more than a calendar foresees.

    Raises:
        DataError: More bars than the limits allow, or critical findings in quality mode `fail`.
    """
    loaded: list[tuple[Bars, Quality]] = []
    total = longest = 0
    for symbol in request.priced:
        checkpoint()
        loaded.append(load_one(symbol))
        size = len(loaded[-1][0])
        total, longest = total + size, max(longest, size)
        for problem in limits.problems(total, longest):
            raise DataError(problem.message)
    bars, quality = zip(*loaded, strict=True)
    findings = [finding for one in quality for finding in one.critical]
    if request.data_quality_mode == "fail" and findings:
        raise DataError(f"data_quality_mode 'fail' refuses the data: {'; '.join(findings)}")
    return bars, quality
