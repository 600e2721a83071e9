"""Moments as numpy has them, and as people read them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from glowback_trio.data.calendars.calendar import Moment

__all__ = ["moment", "span"]


def moment(when: datetime) -> Moment:
    """A UTC datetime as numpy has it."""
    return np.datetime64(when.replace(tzinfo=None), "ns")


def span(start: Moment, end: Moment) -> str:
    """A range of time in words, to the second."""
    return " to ".join(f"{np.datetime_as_string(edge, 's')}Z" for edge in (start, end))
