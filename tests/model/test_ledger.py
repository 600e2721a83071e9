"""The trial ledger: entries, their chain, and the totals that make an honest number of trials.

Doctrine: the hash is worked out again from bytes that are written out here; every tampering with a
chain is found at the entry where it was done; totals are compared with plain sums over all trials.
"""

from __future__ import annotations

import hashlib
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.model.bars import Floats
from glowback_trio.model.ledger.chain import BrokenEntry, first_broken
from glowback_trio.model.ledger.entry import (
    GENESIS,
    LedgerEntry,
    Tally,
    next_entry,
    owner_digest,
)
from glowback_trio.model.ledger.family import Family, family_of
from glowback_trio.model.ledger.totals import TrialTotals, fold_totals, totals_of
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import STRATEGIES, MaCrossover

BARS, OTHER_BARS = (f"sha256:{digit * 64}" for digit in "ab")
CROSSOVER = Family("ma_crossover")


def counted(*sharpes: float | None, family: Family = CROSSOVER, dataset: str = BARS) -> Tally:
    return Tally.of(
        sharpes,
        family=family,
        dataset=dataset,
        origin="optimization",
        origin_id="0001",
        owner=owner_digest("secret"),
    )


def chain(*tallies: Tally) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for one in tallies:
        entries.append(next_entry(entries[-1] if entries else None, one))
    return entries


def test_the_hash_is_of_the_entrys_canonical_json() -> None:
    key = "sha256:" + hashlib.sha256(b"secret").hexdigest()
    written = (
        f'{{"alike":0,"dataset":"{BARS}","family":{{"fingerprint":null,"name":"ma_crossover"}},"number":1,'
        f'"origin":"optimization","origin_id":"0001","owner":"{key}","previous":"{GENESIS}",'
        '"rated":2,"sharpe_square_sum":0.3125,"sharpe_sum":0.75,"trials":3}'
    )
    (entry,) = chain(counted(0.25, 0.5, None))
    assert entry.hash == "sha256:" + hashlib.sha256(written.encode()).hexdigest()


def test_whole_numbers_from_a_store_give_the_same_hash() -> None:
    one = counted(0.0)
    back = evolve(one, sharpe_sum=0, sharpe_square_sum=0)
    assert next_entry(None, back) == next_entry(None, one)


def test_the_key_is_not_in_the_entry() -> None:
    (entry,) = chain(counted(0.1))
    assert "secret" not in repr(entry.tally)
    assert owner_digest(None) == ""


def test_an_empty_ledger_and_a_part_of_one_are_whole() -> None:
    entries = chain(*(counted(number / 10) for number in range(6)))
    assert first_broken([]) is None
    assert first_broken(entries) is None
    assert first_broken(entries[3:], after=entries[2]) is None


@pytest.mark.parametrize("place", range(4))
def test_an_entry_that_was_changed_is_found(place: int) -> None:
    entries = chain(*(counted(0.1 * number) for number in range(4)))
    fewer = evolve(entries[place].tally, origin_id="0002")
    entries[place] = evolve(entries[place], tally=fewer)
    assert first_broken(entries) == BrokenEntry(
        place + 1,
        f"Entry {place + 1} was changed: its content has the hash "
        f"{next_entry(entries[place - 1] if place else None, fewer).hash}, "
        f"not {entries[place].hash}",
    )


def test_an_entry_that_was_changed_with_its_hash_breaks_the_next_one() -> None:
    entries = chain(counted(0.1), counted(0.2), counted(0.3))
    entries[1] = next_entry(entries[0], counted(9.0))
    broken = first_broken(entries)
    assert broken is not None
    assert broken.number == 3
    assert broken.reason.startswith("Entry 3 follows an entry with the hash sha256:")


def test_an_entry_that_was_left_out_is_found() -> None:
    entries = chain(counted(0.1), counted(0.2), counted(0.3))
    assert first_broken([entries[0], entries[2]]) == BrokenEntry(
        2, "Entry 2 has the number 3: entries were left out or put in"
    )


SHARPES = st.lists(st.none() | st.floats(-2, 2) | st.just(math.nan), min_size=1, max_size=9)


@given(st.lists(st.tuples(SHARPES, st.sampled_from([BARS, OTHER_BARS])), max_size=9))
def test_totals_are_those_of_all_trials_ever_made(
    batches: list[tuple[list[float | None], str]],
) -> None:
    tallies = [counted(*sharpes, dataset=dataset) for sharpes, dataset in batches]
    every = [one for sharpes, dataset in batches if dataset == BARS for one in sharpes]
    rated = [one for one in every if one is not None and not math.isnan(one)]
    totals = totals_of(tallies, CROSSOVER, BARS)
    assert totals == fold_totals(tallies).get(("ma_crossover", BARS), TrialTotals())
    assert (totals.trials, totals.rated) == (len(every), len(rated))
    variance = statistics.variance(rated) if len(rated) > 1 else 0.0
    assert totals.variance == pytest.approx(variance, abs=1e-12)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.randoms())
def test_the_order_of_trials_in_a_batch_changes_nothing(
    sharpes: list[float], random: Random
) -> None:
    shuffled = random.sample(sharpes, len(sharpes))
    assert counted(*shuffled) == counted(*sharpes)


def test_trials_that_resemble_others_are_known_at_the_end_and_then_count_no_more() -> None:
    end = evolve(counted(0.0), trials=0, rated=0, alike=5)
    totals = totals_of([counted(0.1, 0.1, 0.1, 0.2), counted(0.1, 0.2, 0.1), end], CROSSOVER, BARS)
    assert (totals.trials, totals.rated, totals.effective) == (7, 7, 2)
    assert first_broken(chain(counted(0.1), end, counted(0.2))) is None


def test_equal_ratios_have_no_variance() -> None:
    assert fold_totals([counted(*[0.1] * 7)])["ma_crossover", BARS].variance == 0.0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trials": 0, "rated": 0}, "0 trials, 0 alike, are nothing"),
        ({"alike": -1}, "1 trials, -1 alike, are nothing"),
        ({"rated": 2}, "2 of 1 trials cannot"),
        ({"sharpe_sum": math.nan}, "should not be .nan, 0.01"),
        ({"sharpe_square_sum": -1.0}, "should not be .0.1, -1.0"),
        ({"dataset": "sha256:12"}, "not 'sha256:12'"),
        ({"owner": "secret"}, "not 'secret'"),
    ],
)
def test_a_tally_that_no_trials_have_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        evolve(counted(0.1), **changes)


def hold(named: str, fraction: float) -> type[TargetStrategy]:
    """Make a class with a name of its own."""

    @frozen
    class Hold(TargetStrategy):
        """Hold a fraction."""

        name: ClassVar[str] = named
        title: ClassVar[str] = "Hold"
        share: float = fraction

        def targets(self, panel: Panel) -> Floats:
            return np.full((len(panel.time), len(panel.symbols)), self.share)

    return Hold


def test_a_class_under_another_name_is_akin_and_one_with_other_defaults_is_not() -> None:
    one, renamed, changed = (family_of(hold(*it)) for it in (("a", 1.0), ("b", 1.0), ("c", 0.5)))
    assert one.is_akin(renamed)
    assert not one.is_akin(changed)
    assert one.is_akin(evolve(changed, name="a"))


def test_a_renamed_class_is_counted_with_what_it_was_before() -> None:
    tallies = [counted(0.1, 0.2, family=family_of(hold("a", 1.0)))]
    assert totals_of(tallies, family_of(hold("b", 1.0)), BARS).trials == 2
    assert totals_of(tallies, family_of(hold("c", 0.5)), BARS).trials == 0


def test_built_in_strategies_have_a_name_only() -> None:
    assert family_of(MaCrossover) == CROSSOVER
    families: Sequence[Family] = [family_of(one) for one in STRATEGIES.values()]
    assert {one.fingerprint for one in families} == {None}
    assert not any(one.is_akin(two) for one in families for two in families if one is not two)


SCRIPT = """
from typing import ClassVar
from attrs import frozen
from glowback_trio.model.ledger.family import family_of
from glowback_trio.model.strategies.api import BarStrategy
@frozen
class Some(BarStrategy):
    name: ClassVar[str] = "some"
    title: ClassVar[str] = "Some"
    symbols: tuple = ("A", "B")
    def start(self):
        def on_bar(context):
            if context.date in {"x", "y", "z", "w"}:
                context.log("seen")
        return on_bar
print(family_of(Some).fingerprint)
"""


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1
