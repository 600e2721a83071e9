"""Name the problems of a request as the user spelt what caused them: by options, not by fields."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from attrs import evolve

from glowback_trio.errors import Problem

__all__ = ["spelt"]

#: Fields of a request, as beginnings of a problem's path, and the option that sets each.
_OPTIONS: Mapping[tuple[str, ...], str] = {
    ("symbols",): "--symbols",
    ("start_date",): "--start",
    ("end_date",): "--end",
    ("resolution",): "--resolution",
    ("strategy",): "--strategy",
    ("strategy", "params"): "--param",
    ("initial_capital",): "--capital",
    ("execution",): "--execution",
    ("execution", "slippage_bps"): "--slippage-bps",
    ("execution", "commission_bps"): "--commission-bps",
    ("portfolio_construction",): "--weight",
    ("portfolio_construction", "rebalance_frequency"): "--rebalance",
    ("benchmark_symbol",): "--benchmark",
    ("adjustment",): "--adjustment",
    ("calendar",): "--calendar",
    ("stream", "pace_bars_per_s"): "--pace",
}
# Steps of a path that an option's values do not have.
_UNNAMED = frozenset({"name", "target_weights"})


def spelt(problems: Iterable[Problem], given: Collection[str]) -> Iterator[Problem]:
    """Yield problems, those of given options named by the option.

    Args:
        problems: Their paths are fields of a request.
        given: The options that were given; a field without one came from a file.
    """
    for problem in problems:
        path = tuple(str(step) for step in problem.path)
        lengths = range(len(path), 0, -1)
        found = (path[:length] for length in lengths if path[:length] in _OPTIONS)
        field = next(found, ())
        option = _OPTIONS.get(field, "")
        yield (
            evolve(problem, path=(_place(option, problem, len(field)),))
            if (option in given)
            else problem
        )


def _place(option: str, problem: Problem, length: int) -> str:
    """Write an option with what follows it in the path: the name of a pair, or the list's item."""
    rest = [step for step in problem.path[length:] if step not in _UNNAMED]
    words = [step if isinstance(step, str) else str(problem.value) for step in rest]
    return " ".join([option, *words])
