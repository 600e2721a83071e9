"""Run a simulated test when pytest calls it: kept tokens first, then the search."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from glowback_trio.testing.plugin.kept_tokens import KeptTokens
from glowback_trio.testing.plugin.marker import Simulated
from glowback_trio.testing.plugin.one_round import OneRound
from glowback_trio.testing.plugin.report import page
from glowback_trio.testing.sim import Finding, StaleTokenError, explore, recall

__all__ = ["NEWS", "PAGE", "SimulatedTest"]

#: The page of a test that has failed.
PAGE = pytest.StashKey[str]()
#: The name under which a report carries what the summary says.
NEWS = "sim"


class SimulatedTest:
    """A simulated test.

    Args:
        item: The test.
        function: Its async function.
        marked: What its marker says.
    """

    def __init__(self, item: pytest.Function, function: Any, marked: Simulated) -> None:
        self._item = item
        self._round = OneRound(item, function)
        self._marked = _with_options(marked, item.config)
        self._kept = KeptTokens(item)

    def __call__(self, **_: object) -> None:
        """Run the test; raise what was found."""
        given = self._item.config.getoption("sim_replay")
        if given is not None:
            self._replay(given)
            return
        for token in self._kept.read():
            self._try(token)
        finding = explore(self._round, **asdict(self._marked)).finding
        if finding is not None:
            self._kept.add(finding.token)
            # Once more, for what it prints and logs: other rounds have run since it was found.
            again = recall(self._round, finding.token, allow=self._marked.allow)
            self._raise(replace(again or finding, rounds=finding.rounds), self._keeping)

    @property
    def _keeping(self) -> str:
        return f"The token is kept in {self._kept}, and the next run tries it first."

    def _replay(self, token: str) -> None:
        try:
            finding = recall(self._round, token, allow=self._marked.allow)
        except StaleTokenError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        if finding is not None:
            self._raise(finding, "")

    def _try(self, token: str) -> None:
        """Run the round of a kept token."""
        try:
            finding = recall(self._round, token, allow=self._marked.allow)
        except StaleTokenError as error:
            self._kept.drop(token)
            why = str(error).partition(". ")[0]
            news = f"{self._item.nodeid}: dropped {token} from {self._kept}, for {why}"
            self._item.user_properties.append((NEWS, news))
            return
        if finding is not None:
            if finding.token != token:
                self._kept.drop(token)
                self._kept.add(finding.token)
            self._raise(finding, f"The round was kept in {self._kept}, and is tried first.")

    def _raise(self, finding: Finding, kept: str) -> None:
        self._item.stash[PAGE] = page(self._item, finding, kept)
        raise finding.exception


def _with_options(marked: Simulated, config: pytest.Config) -> Simulated:
    rounds, seed = config.getoption("sim_rounds"), config.getoption("sim_seed")
    return replace(
        marked,
        rounds=marked.rounds if rounds is None else rounds,
        seed=marked.seed if seed is None else seed,
    )
