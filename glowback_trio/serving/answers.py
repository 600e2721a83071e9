"""Heads of answers, as this server writes them."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from time import time
from wsgiref.handlers import format_date_time

import h11
from hypercorn.config import Config

from glowback_trio.serving.refusal import Headers

__all__ = ["answer_head"]

PHRASES = {status.value: status.phrase for status in HTTPStatus}


def answer_head(
    status: int, headers: Headers, config: Config
) -> h11.Response | h11.InformationalResponse:
    """Return a head with its words, which old clients look for, and its date.

    Raises:
        h11.LocalProtocolError: If it cannot be a head.
    """
    kind = h11.Response if status >= 200 else h11.InformationalResponse
    dated = [*headers, (b"date", http_date(int(time())))] if config.include_date_header else headers
    return kind(status_code=status, headers=list(dated), reason=PHRASES.get(status, ""))


@lru_cache(maxsize=1)
def http_date(second: int) -> bytes:
    """Return the time of day as HTTP writes it, worked out once a second."""
    return format_date_time(second).encode("ascii")
