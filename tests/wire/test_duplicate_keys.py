"""Keys that stand twice in one object, found in the text, because decoding hides them.

Doctrine: the standard library's decoder, which can report pairs, says which texts have such keys.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.errors import InvalidRequestError
from glowback_trio.wire.duplicate_keys import check_keys, containers

LARGE = b"[" + b"0," * 20_000 + b"0]"


def repeated(text: bytes) -> list[tuple[str | int, ...]]:
    """The paths that are reported for a text."""
    try:
        check_keys(text, orjson.loads(text))
    except InvalidRequestError as error:
        return [problem.path for problem in error.problems if problem.kind == "duplicate"]
    return []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (b'{"a":1,"b":1}', []),
        (b'{"a":1,"a":1}', [("a",)]),
        (b'{"a":1,"b":2,"a":3,"b":4,"a":5}', [("a",), ("b",)]),
        (b'{"a":{"a":{"a":1}}}', []),
        (b'{"x":{"a":1},"y":{"a":1}}', []),
        (b'[{"a":1},{"a":1}]', []),
        (b'{"x":[0,[1,{"a":[],"b":{},"a":{}}]]}', [("x", 1, 1, "a")]),
        (b'{"x":{"a":1,"a":2},"x":3}', [("x", "a"), ("x",)]),
        (b'{"x":[{"a":1,"a":2}],"x":3}', [("x", 0, "a"), ("x",)]),
        (b' { "a" : [ 1 , 2 ] , "a" : 3 } ', [("a",)]),
        # The same key, written in two ways; and text that only looks like a key.
        (b'{"a":1,"\\u0061":1}', [("a",)]),
        (b'{"\\"":1,"\\u0022":1}', [('"',)]),
        (b'{"a":"a","b":"\\"a\\":1"}', []),
        (b'{"a":"\\u003a","a":"\\u003a"}', [("a",)]),
        (b'{"a":"2024-01-01T00:00:00","b":"{\\"b\\":[,:"}', []),
        (b'{"a\\\\":1,"a":":"}', []),
        (b'{"":0,"":1}', [("",)]),
        (b'[0,":",[],{}]', []),
        (b'":"', []),
        (b"7", []),
    ],
)
def test_a_key_that_stands_twice_is_reported_with_its_path(
    text: bytes, paths: list[tuple[str | int, ...]]
) -> None:
    assert repeated(text) == paths


KEYS = st.sampled_from(["a", "b", ":", '"', "\\", "\\u0061", "{", ""])
SCALARS = st.one_of(KEYS, st.integers(0, 9), st.none())


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may be repeated."""


def written(value: Any) -> str:
    if isinstance(value, Pairs):
        members = (f"{json.dumps(key)}:{written(member)}" for key, member in value)
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def has_repeated(text: str) -> bool:
    found = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        found.append(len(dict(pairs)) < len(pairs))

    json.loads(text, object_pairs_hook=note)
    return any(found)


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs),
        ),
        max_leaves=20,
    )
)
def test_it_agrees_with_a_decoder_that_reports_pairs(value: Any) -> None:
    text = written(value)
    assert bool(repeated(text.encode())) == has_repeated(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":' + LARGE + b',"a":0}',
        b"{" + b'"a":0,' * 20_000 + b'"a":0}',
        b'{"a":[' + b'"",' * 20_000 + b'0],"a":0}',
    ],
    ids=["hidden", "many", "strings"],
)
def test_a_large_text_is_refused_without_a_search(text: bytes) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_keys(text, orjson.loads(text))
    assert [problem.kind for problem in caught.value.problems] == ["too_long"]


def test_a_deep_text_has_a_short_report() -> None:
    text = b'{"k":' * 1000 + b'{"a":1,"a":2}' + b"}" * 1000
    assert repeated(text) == [("k",) * 16]


def test_containers_are_all_objects_and_arrays() -> None:
    assert list(containers({"a": [1, {}], "b": "c"})) == [{"a": [1, {}], "b": "c"}, [1, {}], {}]
    assert list(containers(7)) == []
