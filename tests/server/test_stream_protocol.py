"""The copies of the stream protocol: what cannot import `model.stream_protocol` is held to it.

Rule: the page's module, the OpenAPI description and the docs are read as text, and each must name
the terms that the server uses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from support.pages import page

import glowback_trio
from glowback_trio.model.stream_protocol import (
    CLOSES,
    ENDED,
    RUN_NOT_FOUND,
    SHUTTING_DOWN,
    SUBPROTOCOL,
    TICKET_PREFIX,
    EndStateName,
    StreamClose,
    is_final,
)
from glowback_trio.server.openapi.docstrings import description
from glowback_trio.server.routes.tickets import create_stream_ticket
from glowback_trio.server.streaming.run_stream import explain_stream
from glowback_trio.serving import CLOSE_REASONS

PACKAGE = Path(glowback_trio.__file__).parent


@pytest.fixture(scope="module")
def module() -> str:
    """The JavaScript module for pages."""
    return (PACKAGE / "server" / "assets" / "glowback-stream.js").read_text("utf-8")


def test_a_page_offers_the_subprotocol_and_the_ticket_of_the_protocol(module: str) -> None:
    assert f'["{SUBPROTOCOL}", `{TICKET_PREFIX}${{ticket}}`]' in module


def test_a_page_knows_the_end_states(module: str) -> None:
    (listed,) = re.findall(r'type === "state" && \[(.*?)\]\.includes\(payload\.state\)', module)
    assert listed == ", ".join(f'"{name}"' for name in get_args(EndStateName))


def test_a_page_takes_the_same_closes_for_final(module: str) -> None:
    assert f"code === {ENDED.code}) return;" in module
    final = f"code === {RUN_NOT_FOUND.code} || (code >= 4400 && code < 4500)"
    assert f"failure({final}, code, reason)" in module
    first_of_each = [code for code in range(1001, 5000) if is_final(code) != is_final(code - 1)]
    assert first_of_each == [1001, RUN_NOT_FOUND.code, RUN_NOT_FOUND.code + 1, 4400, 4500]


@pytest.mark.parametrize("close", CLOSES, ids=lambda close: str(close.code))
def test_every_close_code_is_described(close: StreamClose) -> None:
    assert str(close.code) in description(explain_stream)
    assert f"| {close.code} " in page("docs/streams.md")


def test_the_description_of_tickets_names_the_subprotocols() -> None:
    assert f"`{SUBPROTOCOL}` and `{TICKET_PREFIX}<ticket>`" in description(create_stream_ticket)


def test_the_serving_room_closes_with_the_same_reason() -> None:
    # It knows nothing of runs and may not import the protocol.
    assert SHUTTING_DOWN.reason in CLOSE_REASONS
