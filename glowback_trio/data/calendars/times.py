"""Convert times to numpy and to text."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from glowback_trio.data.calendars.calendar import Timestamp

__all__ = ["format_range", "to_timestamp"]


def to_timestamp(when: datetime) -> Timestamp:
    """Convert a UTC datetime to datetime64[ns]."""
    return np.datetime64(when.replace(tzinfo=None), "ns")


def format_range(start: Timestamp, end: Timestamp) -> str:
    """Write a range of times for a message, to the second."""
    return " to ".join(f"{np.datetime_as_string(edge, 's')}Z" for edge in (start, end))
