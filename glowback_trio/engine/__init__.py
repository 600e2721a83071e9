"""Arithmetic: request and bars in, events and a result out. Synchronous, numpy only."""

from __future__ import annotations

from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.engine.backtest import backtest
from glowback_trio.engine.simulation import Simulation

__all__ = ["Simulation", "backtest", "tear_sheet"]
