"""Simulate a backtest: request and bars in, event drafts and a result out.

Belongs here: synchronous arithmetic on arrays, from signals to fills to measures.
Never here: tasks, clocks, files, sockets, randomness without a seed.
May be imported by: `compute`, `actors`, `server`, `cli` and `testing`.
"""

from __future__ import annotations

from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.engine.backtest import backtest
from glowback_trio.engine.lookahead.check import check_strategy
from glowback_trio.engine.reporting.result_rows import result_json, result_rows
from glowback_trio.engine.simulation import Simulation

__all__ = ["Simulation", "backtest", "check_strategy", "result_json", "result_rows", "tear_sheet"]
