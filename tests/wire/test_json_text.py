"""JSON text: read strictly, with the offset of what is wrong; times written with all their digits.

Doctrine: texts that lenient readers accept are listed and refused.
"""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.wire.json_text import iso_times, parse_json


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b"[1e999]", b"\xff", b'{"a":Infinity}', b"[" * 5000, b"'x'"]
)
def test_text_that_is_not_json_is_one_problem_with_its_offset(text: bytes) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_json(text)
    (problem,) = caught.value.problems
    assert problem.kind == "json_invalid"
    assert isinstance(problem.path[0], int)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (gzip.compress(b"{}", mtime=0), "compressed by gzip"),
        ("\ufeff{}".encode(), "UTF-8 with a byte order mark"),
        ("{}".encode("utf-16"), "UTF-16"),
        ('{"currency": "\u20ac"}'.encode("cp1252"), "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
    ],
)
def test_a_text_in_another_encoding_is_named_by_it(text: bytes, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"this is {said}"):
        parse_json(text)


def test_whole_seconds_have_no_fraction_next_to_others_that_do() -> None:
    times = np.array(["1969-12-31T23:59:59", "2024-01-02T03:04:05.5"], "datetime64[ns]")
    written = ["1969-12-31T23:59:59+00:00", "2024-01-02T03:04:05.500000+00:00"]
    assert iso_times(times) == written
    assert iso_times(times[:1]) == written[:1]


def test_times_a_nanosecond_apart_are_written_apart() -> None:
    times = np.array(["2024-01-02T03:04:05.000000001", "2024-01-02T03:04:05"], "datetime64[ns]")
    written = ["2024-01-02T03:04:05.000000001+00:00", "2024-01-02T03:04:05+00:00"]
    assert iso_times(times) == written
    # A row of its own, as in an event, has the text that it has among others.
    assert [iso_times(times[row : row + 1])[0] for row in (0, 1)] == written
