"""The parts of the serving room by themselves, without a server.

What has a law (joined bodies, clean heads, rates) is tested with drawn examples.
"""

from __future__ import annotations

from typing import cast

import pytest
import trio
from hypercorn.typing import (
    HTTPDisconnectEvent,
    HTTPRequestEvent,
    WebsocketDisconnectEvent,
    WebsocketReceiveEvent,
)
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_net import KIB, stream_pair
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.border import leaves
from glowback_trio.serving import Limits, Rejection
from glowback_trio.serving.app_runner import Inbox
from glowback_trio.serving.http.head_checks import read_head
from glowback_trio.serving.http.head_parser import END_OF_HEAD, check_beginning
from glowback_trio.serving.http.rejection import RejectedError, plain_rejection
from glowback_trio.serving.progress_stream import ProgressStream
from glowback_trio.serving.websocket.rate import Rate


@pytest.mark.parametrize(
    "wrong",
    [{"connections": 0}, {"grace": -1}, {"header_bytes": 10}, {"body_bytes": -1}, {"backlog": 0}],
)
def test_a_limit_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)  # type: ignore[arg-type] # a mapping has one type for all values


def test_a_group_of_errors_is_flattened() -> None:
    one, two = ValueError("one"), KeyError("two")
    group = ExceptionGroup("outer", [one, ExceptionGroup("inner", [two])])
    assert list(leaves(group)) == [one, two]
    assert list(leaves(one)) == [one]


def test_a_plain_rejection_gives_status_and_reason() -> None:
    answer = plain_rejection(Rejection(431, "the request head is too long"))
    assert answer.body == b"431 Request Header Fields Too Large: the request head is too long\n"


async def test_a_disconnect_comes_last_and_never_waits() -> None:
    inbox = Inbox(1)
    await inbox.put(WebsocketReceiveEvent(type="websocket.receive", bytes=None, text="first"))
    await inbox.put(WebsocketDisconnectEvent(type="websocket.disconnect", code=1006))
    kinds = [(await inbox.receive())["type"] for _ in range(3)]
    assert kinds == ["websocket.receive", "websocket.disconnect", "websocket.disconnect"]


@given(st.lists(st.sampled_from([0, 1, 100, 5 * KIB, 16 * KIB, 64 * KIB]), max_size=30))
def test_pieces_of_a_body_are_joined_but_not_without_bound(sizes: list[int]) -> None:
    body = bytes(range(256)) * KIB * 8
    taken: list[bytes] = []

    async def take(inbox: Inbox) -> None:
        more = True
        while more:
            event = cast("HTTPRequestEvent", await inbox.receive())
            taken.append(bytes(event["body"]))
            more = event["more_body"]

    async def scenario() -> None:
        inbox, at = Inbox(4), 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, inbox)
            for size in sizes:
                piece = body[at : at + size]
                await inbox.put(HTTPRequestEvent(type="http.request", body=piece, more_body=True))
                at += size
            await inbox.put(HTTPRequestEvent(type="http.request", body=b"", more_body=False))

    trio.run(scenario)
    assert b"".join(taken) == body[: sum(sizes)]
    assert max(map(len, taken)) <= 64 * KIB
    if max(sizes, default=0) <= 100:
        assert len(taken) <= 2


async def test_a_waiting_put_returns_when_either_side_ends() -> None:
    event = HTTPRequestEvent(type="http.request", body=b"x" * 64 * KIB, more_body=True)
    for end in ("close", "disconnect"):
        inbox = Inbox(1)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(inbox.put, event)
            await wait_all_tasks_blocked()
            if end == "close":
                inbox.close()
            else:
                await inbox.put(HTTPDisconnectEvent(type="http.disconnect"))


async def test_a_rate_forgets_what_is_a_second_old(mock_clock: MockClock) -> None:
    rate = Rate(messages=2, size=10)
    assert [rate.allows(1) for _ in range(3)] == [True, True, False]
    mock_clock.jump(1)
    assert [rate.allows(5), rate.allows(6)] == [True, False]
    mock_clock.jump(1)
    assert rate.allows(10)


async def test_a_send_may_take_long_while_bytes_move(autojump_clock: MockClock) -> None:
    far, near = stream_pair(1, capacity=1000)
    stream = ProgressStream(near, timeout=30)

    async def read_slowly() -> None:
        for _ in range(10):
            await trio.sleep(20)
            await far.receive_some(1000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_slowly)
        await stream.send_all(bytes(10_000))
        assert trio.current_time() > 100
    with pytest.raises(trio.BrokenResourceError, match="no byte moved for 30 seconds"):
        await stream.send_all(bytes(10_000))


HEADERS = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z-]{1,20}", fullmatch=True),
        st.from_regex(r"[!-~]{0,30}", fullmatch=True),
    ),
    max_size=10,
    unique_by=lambda header: header[0].lower(),
)


def whole_head(headers: list[tuple[str, str]]) -> bytes:
    lines = [b"GET / HTTP/1.1", b"Host: test", *(f"X-{n}: {v}".encode() for n, v in headers)]
    return b"\r\n".join(lines) + END_OF_HEAD


@given(HEADERS)
def test_a_clean_head_is_accepted_at_every_length(headers: list[tuple[str, str]]) -> None:
    head = whole_head(headers)
    for end in range(1, len(head)):
        check_beginning(head[:end])
    found = [(f"x-{name}".lower().encode(), value.encode()) for name, value in headers]
    assert list(read_head(head).headers) == [(b"host", b"test"), *found]


@given(HEADERS, st.data())
def test_a_missing_carriage_return_is_always_found(
    headers: list[tuple[str, str]], data: st.DataObject
) -> None:
    head = whole_head(headers)
    ends = [at for at, byte in enumerate(head) if byte == 0x0D]
    at = data.draw(st.sampled_from(ends))
    bad = head[:at] + head[at + 1 :] + b"GET / HTTP/1.1\r\n\r\n"
    with pytest.raises(RejectedError, match="not well-formed"):
        read_head(bad[: bad.index(END_OF_HEAD) + len(END_OF_HEAD)])
    with pytest.raises(RejectedError, match="not well-formed"):
        check_beginning(bad)
