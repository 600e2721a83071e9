"""The documents clients get, described: from these the OpenAPI document takes its schemas.

Each class describes what its maker writes: `model.wire` the status, `model.payload` results and
their rows, `data` its listings. Nothing is built from them; a test holds real answers against them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from glowback_trio.model.bounds import Ge, Le
from glowback_trio.model.orders import Kind, TimeInForce
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.server.openapi.json_schema import Format
from glowback_trio.server.openapi.portfolio_documents import ConstraintHit, PortfolioRow

__all__ = [
    "DatasetDocument",
    "Envelope",
    "EquityRow",
    "Fraction",
    "Health",
    "Instant",
    "OrderEvent",
    "PlainError",
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


class StatusDocument(TypedDict):
    """Where a run stands.

    Attributes:
        progress: From 0 to 1; exactly 1 once completed.
        created_at: When it was queued.
        started_at: When it began to run.
        finished_at: When it ended.
        error: Why it failed or was cancelled.
        strategy: The strategy's name.
        event_count: Events in its log so far, which is the newest event's id.
        paused: Whether it is held.
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


class EquityRow(TypedDict):
    """The account at one bar.

    Attributes:
        value: Cash plus the market value of all positions, in currency.
        cash: In currency; negative when borrowed.
        positions: Sum of the positions' signed market values, in currency.
        total_pnl: Value minus capital, in currency.
        returns: Since the start, in percent.
        daily_return: Since the bar before, in percent.
        drawdown: Fall from the running peak, in percent.
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
    """What was held at one bar, in percent of value; null where the value is not positive."""

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
        slippage_cost: Given away against the bar's open, in currency.
        pnl: Realised by this fill, in currency; null where it only opens a position.
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
    """One step in an order's life.

    Attributes:
        quantity: What is ordered, from now on (submitted, amended), filled, or left over; always
            positive.
        limit: The worst price it takes; null unless it has a limit.
        stop: The price that sets it off; null unless it has one.
        trail: How far its stop follows the best price, in currency; null unless it trails.
        price: The fill's price; null unless filled.
        reason: Why it was amended, cancelled or rejected.
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
        order_events: The life of every order.
        final_positions: Signed quantity by symbol; flat symbols are absent.
        manifest: What was run on what. Posting its `replay_request` gives the same result.
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


class DatasetDocument(TypedDict):
    """Prices of one symbol from one source at one resolution.

    Attributes:
        symbol: `*` where every symbol is served.
        first_bar: Time of the first bar.
        last_bar: Time of the last bar.
        rows: How many rows there are; null where they are made on demand or cannot be read.
        problem: Why the prices cannot be read, if they cannot.
    """

    symbol: str
    source: Literal["sample", "csv", "parquet", "memory"]
    resolution: Literal["second", "minute", "hour", "day"] | None
    first_bar: str | None
    last_bar: str | None
    rows: int | None
    problem: str | None


class StrategyParameter(TypedDict):
    """One parameter, its range in the words of JSON Schema.

    Attributes:
        enum: The values there are, where they are few.
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
    """A strategy, and what can be set about it.

    Attributes:
        name: What requests call it.
        aliases: Other names it answers to.
        title: What people call it.
    """

    name: str
    aliases: list[str]
    title: str
    description: str
    parameters: list[StrategyParameter]


class StreamTicket(TypedDict):
    """What opens one WebSocket without a key.

    Attributes:
        ticket: To be offered as the subprotocol `ticket.` followed by this.
        expires_at: Until when it can be used.
    """

    ticket: str
    expires_at: Instant


class Health(TypedDict):
    """How the server is."""

    status: Literal["healthy", "ready"]
    version: str


class Complaint(TypedDict):
    """One thing wrong with a request.

    Attributes:
        type: A stable word for the sort of problem.
        loc: Where it stands: `body`, `query` or `header`, then the way down.
        msg: What was expected.
        input: What was given; long texts are cut, containers summarised.
    """

    type: str
    loc: list[str | int]
    msg: str
    input: Any


class PlainError(TypedDict):
    """An error of an unversioned route: a sentence, or all complaints about a request."""

    detail: str | list[Complaint]


class ErrorBody(TypedDict):
    """What went wrong.

    Attributes:
        code: A stable word for programs.
        message: A sentence for people.
        details: All complaints about a request that was refused.
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
