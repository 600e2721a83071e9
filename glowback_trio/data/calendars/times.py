"""Moments as numpy has them, and as people read them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from glowback_trio.data.calendars.calendar import Timestamp

__all__ = ["format_range", "to_timestamp"]


def to_timestamp(when: datetime) -> Timestamp:
    """A UTC datetime as numpy has it."""
    return np.datetime64(when.replace(tzinfo=None), "ns")


def format_range(start: Timestamp, end: Timestamp) -> str:
    """A range of time in words, to the second."""
    return " to ".join(f"{np.datetime_as_string(edge, 's')}Z" for edge in (start, end))
