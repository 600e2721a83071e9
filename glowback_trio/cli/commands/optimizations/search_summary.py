"""Print what a search has found on one screen: the best trials, and how likely they are luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glowback_trio.cli.commands.optimizations.heat_map import heat_map
from glowback_trio.cli.commands.optimizations.search_view import SearchView, best_table
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.short_repr import counted
from glowback_trio.search.outcome.objective_cells import pick_two

__all__ = ["print_search"]


def print_search(
    view: SearchView, trials: Sequence[Trial], diagnostics: Mapping[str, Any], console: Console
) -> None:
    """Print the ranking, a heat map of two parameters where two have several values, and the odds.

    Args:
        view: The search as its events have shown it.
        trials: All trials.
        diagnostics: Those of its result.
        console: Where to print.
    """
    failed = f", {view.failed:,} failed" if view.failed else ""
    console.print(f"[bold]{counted(view.done, 'trial')}[/]{failed}", highlight=False)
    if not view.ranking:
        return
    console.print(best_table(view.request, view.ranking))
    whole = [trial for trial in trials if trial.split is None]
    if (names := pick_two(whole)) is not None:
        maximize = view.request.scored_by[0].direction == "maximize"
        colour = console.color_system is not None
        drawn = heat_map(whole, names, maximize=maximize, colour=colour)
        if drawn is not None:
            console.print(Text(), drawn)
    console.print(Text(), _odds(diagnostics))


def _odds(diagnostics: Mapping[str, Any]) -> Table:
    """Return the figures that say whether the best trial is luck."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(style="bold")
    for label, text in _figures(diagnostics):
        table.add_row(label, text)
    table.add_row("Qualified", _verdict(diagnostics))
    return table


def _figures(diagnostics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # With the ledger where there is one: it knows of the trials of all earlier searches.
    known = {**diagnostics, **diagnostics.get("ledger", {})}
    effective = known.get("effective_number_of_trials", 0)
    differ = f"{effective:,} {'differs' if effective == 1 else 'differ'}"
    yield "Trials considered", f"{known.get('trials_considered', 0):,}, of which {differ}"
    for label, name in (
        ("Sharpe above 0, if alone", "probabilistic_sharpe_ratio"),
        ("Deflated Sharpe ratio", "deflated_sharpe_ratio"),
        ("Probability of overfitting", "probability_of_backtest_overfitting"),
        ("Superior ability, p value", "superior_ability_p_value"),
    ):
        value = known.get(name)
        yield label, "n/a" if value is None else f"{value:.3f}"
    surface = diagnostics.get("surface_stability")
    if surface is not None:
        yield "Best parameters", "on a plateau" if surface["plateau"] else "on a spike"


def _verdict(diagnostics: Mapping[str, Any]) -> Text:
    known = {**diagnostics, **diagnostics.get("ledger", {})}
    if known.get("qualified"):
        return Text("yes", style="green")
    return Text("\n".join(["no", *known.get("not_qualified_because", ())]), style="yellow")
