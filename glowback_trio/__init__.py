"""Backtests as actors: submit a request, watch its events, take the result.

Belongs here: the names of the embedding API, each imported when it is first used.
Never here: code, and names that need a server, a terminal or the web stack.
May be imported by: users, examples and tests; the package's own modules import from the rooms.

    async with open_gateway() as gateway:
        run = gateway.submit(BacktestRequest(symbols=["AAPL"], start_date=..., end_date=...))
        with run.subscribe() as events:
            async for event in events:
                print(event.event_id, event.type, event.payload)
        result = run.result()

`glowback_trio.server` puts the same gateway on HTTP.
"""

from typing import TYPE_CHECKING

from glowback_trio.lazy import lazy_names
from glowback_trio.version import VERSION as __version__

# Type checkers and editors read the imports; Python reads the table, and imports a module when one
# of its names is first used. A test holds both, and `__all__`, to the same names.
if TYPE_CHECKING:
    from glowback_trio.actors import Attempt, Gateway, Optimization, Run, Subscription, open_gateway
    from glowback_trio.compute import (
        InlineCompute,
        ProcessCompute,
        RayCompute,
        ThreadCompute,
        verify,
        warm,
    )
    from glowback_trio.data import Catalogue, FileLimits, MemoryCatalogue, demo_path, load_dataset
    from glowback_trio.engine import backtest, check_strategy, result_json, result_rows
    from glowback_trio.model.bars import Bars
    from glowback_trio.model.events import Event
    from glowback_trio.model.invariants import assert_sound
    from glowback_trio.model.lifecycle import State, Status
    from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
    from glowback_trio.model.optimization.objectives import Objective
    from glowback_trio.model.optimization.request import OptimizationRequest
    from glowback_trio.model.optimization.result import OptimizationResult
    from glowback_trio.model.optimization.space import Parameter, SearchSpace
    from glowback_trio.model.optimization.trial import Trial
    from glowback_trio.model.portfolio_construction import PortfolioConstruction
    from glowback_trio.model.request import BacktestRequest, Execution, Stream
    from glowback_trio.model.result import Result
    from glowback_trio.model.strategies.api import (
        Bar,
        BarStrategy,
        Context,
        OnBar,
        Panel,
        TargetStrategy,
    )
    from glowback_trio.model.strategies.leak_report import ChangedDecision, LeakReport
    from glowback_trio.model.strategies.parameters import (
        BuyAndHold,
        MaCrossover,
        MeanReversion,
        Momentum,
        Rsi,
    )
    from glowback_trio.reports.subjects import Comparison, ReportedRun
    from glowback_trio.reports.verification import verify_report
    from glowback_trio.reports.writing import report
    from glowback_trio.search.optimize import SearchProgress, optimize
    from glowback_trio.store import MemoryStore, RunFilter
    from glowback_trio.store.postgres import PostgresStore
    from glowback_trio.store.sqlite import SqliteStore
    from glowback_trio.wire.exports.run_export import RunExport, read_export, write_export
    from glowback_trio.wire.exports.verdict import Difference, Verdict
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "glowback_trio.actors": (
                "Attempt",
                "Gateway",
                "Optimization",
                "Run",
                "Subscription",
                "open_gateway",
            ),
            "glowback_trio.compute": (
                "InlineCompute",
                "ProcessCompute",
                "RayCompute",
                "ThreadCompute",
                "verify",
                "warm",
            ),
            "glowback_trio.data": (
                "Catalogue",
                "FileLimits",
                "MemoryCatalogue",
                "demo_path",
                "load_dataset",
            ),
            "glowback_trio.engine": ("backtest", "check_strategy", "result_json", "result_rows"),
            "glowback_trio.model.bars": ("Bars",),
            "glowback_trio.model.events": ("Event",),
            "glowback_trio.model.invariants": ("assert_sound",),
            "glowback_trio.model.lifecycle": ("State", "Status"),
            "glowback_trio.model.optimization.lifecycle": (
                "OptimizationState",
                "OptimizationStatus",
            ),
            "glowback_trio.model.optimization.objectives": ("Objective",),
            "glowback_trio.model.optimization.request": ("OptimizationRequest",),
            "glowback_trio.model.optimization.result": ("OptimizationResult",),
            "glowback_trio.model.optimization.space": ("Parameter", "SearchSpace"),
            "glowback_trio.model.optimization.trial": ("Trial",),
            "glowback_trio.model.portfolio_construction": ("PortfolioConstruction",),
            "glowback_trio.model.request": ("BacktestRequest", "Execution", "Stream"),
            "glowback_trio.model.result": ("Result",),
            "glowback_trio.model.strategies.api": (
                "Bar",
                "BarStrategy",
                "Context",
                "OnBar",
                "Panel",
                "TargetStrategy",
            ),
            "glowback_trio.model.strategies.leak_report": ("ChangedDecision", "LeakReport"),
            "glowback_trio.model.strategies.parameters": (
                "BuyAndHold",
                "MaCrossover",
                "MeanReversion",
                "Momentum",
                "Rsi",
            ),
            "glowback_trio.reports.subjects": ("Comparison", "ReportedRun"),
            "glowback_trio.reports.verification": ("verify_report",),
            "glowback_trio.reports.writing": ("report",),
            "glowback_trio.search.optimize": ("SearchProgress", "optimize"),
            "glowback_trio.store": ("MemoryStore", "RunFilter"),
            "glowback_trio.store.postgres": ("PostgresStore",),
            "glowback_trio.store.sqlite": ("SqliteStore",),
            "glowback_trio.wire.exports.run_export": ("RunExport", "read_export", "write_export"),
            "glowback_trio.wire.exports.verdict": ("Difference", "Verdict"),
        },
    )

__all__ = [
    "Attempt",
    "BacktestRequest",
    "Bar",
    "BarStrategy",
    "Bars",
    "BuyAndHold",
    "Catalogue",
    "ChangedDecision",
    "Comparison",
    "Context",
    "Difference",
    "Event",
    "Execution",
    "FileLimits",
    "Gateway",
    "InlineCompute",
    "LeakReport",
    "MaCrossover",
    "MeanReversion",
    "MemoryCatalogue",
    "MemoryStore",
    "Momentum",
    "Objective",
    "OnBar",
    "Optimization",
    "OptimizationRequest",
    "OptimizationResult",
    "OptimizationState",
    "OptimizationStatus",
    "Panel",
    "Parameter",
    "PortfolioConstruction",
    "PostgresStore",
    "ProcessCompute",
    "RayCompute",
    "ReportedRun",
    "Result",
    "Rsi",
    "Run",
    "RunExport",
    "RunFilter",
    "SearchProgress",
    "SearchSpace",
    "SqliteStore",
    "State",
    "Status",
    "Stream",
    "Subscription",
    "TargetStrategy",
    "ThreadCompute",
    "Trial",
    "Verdict",
    "__version__",
    "assert_sound",
    "backtest",
    "check_strategy",
    "demo_path",
    "load_dataset",
    "open_gateway",
    "optimize",
    "read_export",
    "report",
    "result_json",
    "result_rows",
    "verify",
    "verify_report",
    "warm",
    "write_export",
]
