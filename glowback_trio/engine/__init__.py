"""Arithmetic: request and bars in, events and a result out. Synchronous, numpy only."""

from __future__ import annotations

from glowback_trio.engine.simulation import Simulation, backtest

__all__ = ["Simulation", "backtest"]
