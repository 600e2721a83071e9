"""Near words: what a misspelt word is taken for, and how much a search compares.

Doctrine: the work is counted, not timed. Whatever is given, few words are compared in full.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import pytest

from glowback_trio import spelling
from glowback_trio.spelling import near_words

TICKERS = [f"{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST" for c in "UVWXYZABCD"]


@pytest.mark.parametrize(
    ("word", "meant"), [("MSTF", "MSFT"), ("aapl", "AAPL"), ("APPL", "AAPL"), ("MSF", "MSFT")]
)
def test_the_word_that_was_meant_is_among_the_nearest(word: str, meant: str) -> None:
    assert meant in near_words(word, [*TICKERS, "AAPL", "MSFT"])


def test_the_known_spelling_is_returned() -> None:
    assert near_words("RSL", ["rsi", "momentum"]) == ["rsi"]
    assert near_words("zzz", ["rsi", "momentum"]) == []
    assert near_words("", ["rsi"]) == near_words("rsi", []) == []


def test_few_words_are_compared_whatever_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Sequence[str]] = []

    def counted(word: str, names: Sequence[str], n: int) -> list[str]:
        compared.append(names)
        assert len(word) <= 64
        return difflib.get_close_matches(word, names, n=n)

    monkeypatch.setattr(spelling, "get_close_matches", counted)
    alike = [f"SYMBOL-WITH-A-LONG-NAME-{number:06}" for number in range(20_000)]
    near_words("SYMBOL-WITH-A-LONG-NAMF-000003" + "X" * 10_000, alike)
    assert alike[3] in near_words("SYMBOL-WITH-A-LONG-NAMF-000003", alike)
    assert [len(names) for names in compared] == [40, 40]
