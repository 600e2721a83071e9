"""Typed dicts of the documents that clients receive, the source of the OpenAPI schemas.

Each class describes what another module writes: `wire` the status, results and their rows, `data`
the datasets. No code builds a document from them; a test compares real responses with them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from glowback_trio.model.bounds import Ge, Le
from glowback_trio.model.orders import Kind, TimeInForce
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.server.openapi.json_schema import Format
from glowback_trio.server.openapi.ledger_documents import Overfit
from glowback_trio.server.openapi.portfolio_documents import ConstraintHit, PortfolioRow

__all__ = [
    "DatasetDocument",
    "Envelope",
    "EquityRow",
    "Fraction",
    "GatewayDocument",
    "GatewaysDocument",
    "Health",
    "Instant",
    "OrderEvent",
    "PlainError",
    "Readiness",
    "ResultDocument",
    "RunId",
    "StatusDocument",
    "StrategyDescription",
    "StreamTicket",
    "Trade",
]

Instant = Annotated[str, Format("date-time")]
RunId = Annotated[str, Format("uuid")]
Fraction = Annotated[float, Ge(0), Le(1)]


class HeadlineDocument(TypedDict):
    """The metrics by which a list shows a completed run, as in its result; null: undefined.

    Attributes:
        total_return: In percent.
        sharpe_ratio: Per year.
        max_drawdown: In percent.
        num_trades: Number of fills, which is `total_trades` in the result.
    """

    total_return: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    num_trades: int | None


class StatusDocument(TypedDict):
    """The status of a run.

    Attributes:
        progress: From 0 to 1; exactly 1 once completed.
        created_at: Time it was queued.
        started_at: Time it began to run; null before.
        finished_at: Time it ended; null before.
        error: Why it failed or was cancelled; null otherwise.
        strategy: Name of the strategy.
        event_count: Events in its log so far, which is also the id of the newest.
        paused: Whether it is paused.
        name: Its name; empty: none.
        tags: Its tags.
        note: Its note; empty: none.
        metrics: The headline of its result; null unless it has completed.
        pace_bars_per_s: Its pace, in bars per second; null: as fast as possible, or it has ended.
    """

    run_id: RunId
    state: StateName
    progress: Fraction
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    error: str | None
    strategy: str
    symbols: list[str]
    event_count: Annotated[int, Ge(1)]
    paused: bool
    name: str
    tags: list[str]
    note: str
    metrics: HeadlineDocument | None
    pace_bars_per_s: float | None


class EquityRow(TypedDict):
    """The account at one bar.

    Attributes:
        value: Cash plus the market value of all positions, in currency.
        cash: In currency; negative for money borrowed.
        positions: Sum of the positions' signed market values, in currency.
        total_pnl: Value minus capital, in currency.
        returns: Return since the start, in percent.
        daily_return: Return since the previous bar, in percent.
        drawdown: Decline from the peak so far, in percent.
    """

    timestamp: Instant
    value: float
    cash: float
    positions: float
    total_pnl: float
    returns: float
    daily_return: float
    drawdown: float


class ExposureRow(TypedDict):
    """Exposure at one bar, in percent of value; null where the value is not positive."""

    timestamp: Instant
    cash_pct: float | None
    positions_pct: float | None
    gross_exposure_pct: float | None
    net_exposure_pct: float | None


class Trade(TypedDict):
    """One fill.

    Attributes:
        shares: Always positive.
        price: After slippage.
        slippage_cost: Difference to the price before slippage (the open; for a stop order that was
            reached later in the bar, the stop), times `shares`, in currency; never negative.
        pnl: Profit or loss this fill realises, in currency; null if it only opens a position.
    """

    timestamp: Instant
    symbol: str
    action: Literal["BUY", "SELL"]
    shares: float
    price: float
    commission: float
    slippage_cost: float
    pnl: float | None
    strategy_id: str
    order_id: str


class OrderEvent(TypedDict):
    """One event of an order.

    Attributes:
        quantity: Quantity ordered (submitted, amended), filled, or remaining (cancelled,
            rejected); always positive.
        limit: Limit price; null for an order without one.
        stop: Stop price; null for an order without one.
        trail: Distance of a trailing stop from the best price so far, in currency; null for other
            orders.
        price: Price of the fill; null for all other events.
        reason: Why the order was amended, cancelled or rejected.
    """

    event: Literal["submitted", "filled", "amended", "cancelled", "rejected"]
    timestamp: Instant
    order_id: str
    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: float
    order_type: Kind
    time_in_force: TimeInForce
    limit: float | None
    stop: float | None
    trail: float | None
    price: float | None
    reason: str | None


class ResultDocument(TypedDict):
    """The result of a completed run.

    Attributes:
        metrics_summary: Metrics by name; null where undefined. Returns, volatility and drawdowns
            are in percent, rates and shares are fractions, wins and losses in currency.
        order_events: The events of all orders, oldest first.
        final_positions: Signed quantity by symbol; symbols without a position are absent.
        manifest: The request, the data and the version behind the result. Submitting its
            `replay_request` gives the same result.
        overfit: How far to trust the Sharpe ratio; no part of the result, since it changes whenever
            somebody looks again.
    """

    run_id: RunId
    metrics_summary: dict[str, float | None]
    equity_curve: list[EquityRow]
    benchmark_curve: list[dict[str, Any]]
    benchmark_symbol: str | None
    trades: list[Trade]
    exposures: list[ExposureRow]
    order_events: list[OrderEvent]
    option_trades: list[dict[str, Any]]
    option_events: list[dict[str, Any]]
    portfolio_construction: dict[str, Any]
    portfolio_diagnostics: list[PortfolioRow]
    constraint_hits: list[ConstraintHit]
    tearsheet: dict[str, Any]
    logs: list[str]
    final_cash: float
    final_positions: dict[str, float]
    manifest: dict[str, Any]
    overfit: Overfit | dict[str, Any]


class DatasetDocument(TypedDict):
    """Prices of one symbol from one source at one resolution.

    Attributes:
        symbol: `*` if the source has prices for every symbol.
        first_bar: Time of the first bar.
        last_bar: Time of the last bar.
        rows: Number of rows; null if they are generated on demand or cannot be read.
        problem: Why the prices cannot be read; null if they can.
    """

    symbol: str
    source: Literal["sample", "csv", "parquet", "memory"]
    resolution: Literal["second", "minute", "hour", "day"] | None
    first_bar: str | None
    last_bar: str | None
    rows: int | None
    problem: str | None


class StrategyParameter(TypedDict):
    """One parameter of a strategy, with its range as JSON Schema states it.

    Attributes:
        enum: The values it may have, if only certain ones are allowed.
    """

    name: str
    type: str
    default: Any
    description: NotRequired[str]
    enum: NotRequired[list[str]]
    minimum: NotRequired[float]
    exclusiveMinimum: NotRequired[float]
    maximum: NotRequired[float]


class StrategyDescription(TypedDict):
    """A strategy and its parameters.

    Attributes:
        name: Its name in requests.
        aliases: Other names that requests may use.
        title: Its name for people.
    """

    name: str
    aliases: list[str]
    title: str
    description: str
    parameters: list[StrategyParameter]


class StreamTicket(TypedDict):
    """A ticket that opens one WebSocket without a key.

    Attributes:
        ticket: The value; offer it as the subprotocol `ticket.` followed by the value.
        expires_at: Time after which it is void.
    """

    ticket: str
    expires_at: Instant


class Health(TypedDict):
    """The state of the server."""

    status: Literal["healthy", "ready"]
    version: str


class StuckRun(TypedDict):
    """A run that holds a slot and makes no step.

    Attributes:
        run_id: The run's id.
        seconds: Seconds since its last step, the turns of others apart.
    """

    run_id: str
    seconds: float


class Slots(TypedDict):
    """The slots in which runs are computed.

    Attributes:
        all: How many there are.
        held: How many are held now.
        stuck: Those that have made no step for more than 30 seconds.
    """

    all: int
    held: int
    stuck: list[StuckRun]


class Readiness(Health):
    """The state of a server that accepts runs.

    Attributes:
        durability: What an event that a client has received survives: nothing, the end of the
            server's process, or a power cut, too.
        slots: The slots in which runs are computed.
    """

    durability: Literal["memory", "process", "power"]
    slots: Slots


class GatewayDocument(TypedDict):
    """A gateway, as the others on its store see it.

    Attributes:
        epoch: Number of its lease; a gateway that joins again has a higher one; null: it has a
            store of its own.
        name: Its process and host.
        address: Where the others reach it; null: nowhere.
        version: Its version.
        started_at: When it joined.
        seconds_left: How long its lease still lives, by the clock of the store; negative: it has
            expired; null: it has none.
        alive: Whether its lease has not expired.
        self: Whether it is the one that answers.
        runs_held: Runs that it computes, or that wait there.
    """

    epoch: Annotated[int, Ge(1)] | None
    name: str
    address: str | None
    version: str
    started_at: Instant
    seconds_left: float | None
    alive: bool
    self: bool
    runs_held: Annotated[int, Ge(0)]


class GatewaysDocument(TypedDict):
    """The gateways that share a store, oldest first."""

    gateways: list[GatewayDocument]


class Complaint(TypedDict):
    """One problem of a request.

    Attributes:
        type: A stable code for the kind of problem.
        loc: Its location: `body`, `query` or `header`, then the path within.
        msg: What was expected.
        input: What was sent; long texts are cut, containers summarised.
    """

    type: str
    loc: list[str | int]
    msg: str
    input: Any


class PlainError(TypedDict):
    """An error of an unversioned route: a message, or the problems of a request."""

    detail: str | list[Complaint]


class ErrorBody(TypedDict):
    """The error itself.

    Attributes:
        code: A stable code for programs.
        message: A message for people.
        details: The problems of an invalid request; null for other errors.
    """

    code: str
    message: str
    details: list[Complaint] | None


class Envelope(TypedDict):
    """An error of a `/v1` route.

    Attributes:
        request_id: The id in `X-Request-ID` and in the server's log.
    """

    error: ErrorBody
    request_id: str
