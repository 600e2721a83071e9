"""The client for programs without trio, such as notebooks: the same verbs, blocking.

    with connect("http://127.0.0.1:8000") as client:
        status = client.submit(BacktestRequest(symbols=["AAPL"], ...))
        for event in client.stream(status.run_id):
            print(event.event_id, event.type, event.payload)
        result = client.results(status.run_id)

A thread runs trio for the length of the `with` block; streams that are still open then are closed.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import wait
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar, cast

import trio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, field

from glowback_trio.client.client import Client
from glowback_trio.client.client_opening import open_client
from glowback_trio.client.files import File, ReportForm
from glowback_trio.client.http_api import Moment
from glowback_trio.client.prices.sync_prices import SyncPrices
from glowback_trio.client.stream import Retry
from glowback_trio.client.sync_optimization import SyncOptimization
from glowback_trio.model.events import Event, EventType
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.leak_report import LeakReport
from glowback_trio.wire.changes import Change, ChangeType
from glowback_trio.wire.exports.verdict import Verdict

__all__ = ["SyncClient", "connect"]

T = TypeVar("T")
E = TypeVar("E")

_CHECK_SIGNALS_S = 1.0


@define(eq=False, repr=False)
class SyncClient:
    """The methods of `Client`, blocking. Made by `connect`.

    They raise the same errors. A KeyboardInterrupt cancels the call that waits, not the client.
    """

    _portal: BlockingPortal
    _client: Client
    #: Streams that are open, as an ordered set.
    _open: dict[AbstractAsyncContextManager[Any], None] = field(factory=dict, init=False)
    _ended: bool = field(default=False, init=False)

    def __repr__(self) -> str:
        return describe(self, repr(self._client), streams=len(self._open))

    def submit(
        self,
        request: BacktestRequest | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> Status:
        """Start a backtest; see `Client.submit`."""
        return self._call(self._client.submit, request, idempotency_key=idempotency_key)

    def status(self, run_id: str) -> Status:
        """Return the status of a run; see `Client.status`."""
        return self._call(self._client.status, run_id)

    def request(self, run_id: str) -> Mapping[str, Any]:
        """Return the request of a run; see `Client.request`."""
        return self._call(self._client.request, run_id)

    def list(
        self,
        *,
        state: State | str | None = None,
        limit: int = 50,
        before: str | None = None,
        tag: str | None = None,
        q: str | None = None,
        search: str | None = None,
        strategy: str | None = None,
        symbol: str | None = None,
        since: Moment = None,
    ) -> Sequence[Status]:
        """List runs, newest first; see `Client.list`."""
        return self._call(
            self._client.list,
            state=state,
            limit=limit,
            before=before,
            tag=tag,
            q=q,
            search=search,
            strategy=strategy,
            symbol=symbol,
            since=since,
        )

    def results(
        self,
        run_id: str,
        *,
        include: Sequence[str] | None = None,
        max_points: int | None = None,
        from_: Moment = None,
        to: Moment = None,
    ) -> Mapping[str, Any]:
        """Return the result of a completed run, or a window of it; see `Client.results`."""
        return self._call(
            self._client.results,
            run_id,
            include=include,
            max_points=max_points,
            from_=from_,
            to=to,
        )

    def download(
        self,
        run_id: str,
        write: Callable[[bytes], object],
        file: File = "results",
        *,
        include: Sequence[str] | None = None,
        max_points: int | None = None,
        from_: Moment = None,
        to: Moment = None,
    ) -> None:
        """Download a result, or a table of it, of any size; see `Client.download`.

        `write` is called in the client's thread.
        """
        self._call(
            self._client.download,
            run_id,
            write,
            file,
            include=include,
            max_points=max_points,
            from_=from_,
            to=to,
        )

    def report(self, run: str | Sequence[str], *, form: ReportForm = "html") -> str:
        """Return the report of a run, or the comparison of several; see `Client.report`."""
        return self._call(self._client.report, run, form=form)

    def export(self, run_id: str, write: Callable[[bytes], object]) -> None:
        """Download a finished run as one file; see `Client.export`."""
        self._call(self._client.export, run_id, write)

    def import_run(self, data: bytes) -> Status:
        """Have the server keep a finished run of another one; see `Client.import_run`."""
        return self._call(self._client.import_run, data)

    def verify(self, run_id: str) -> Verdict:
        """Have a finished run computed again and compared; see `Client.verify`."""
        return self._call(self._client.verify, run_id)

    def difference(self, run_id: str, other: str) -> Mapping[str, Any]:
        """Return the first event at which two runs part; see `Client.difference`."""
        return self._call(self._client.difference, run_id, other)

    def check_strategy(
        self, request: BacktestRequest | Mapping[str, Any], *, cuts: int | None = None
    ) -> LeakReport:
        """Have a strategy checked for looking ahead; see `Client.check_strategy`."""
        return self._call(partial(self._client.check_strategy, request, cuts=cuts))

    def cancel(self, run_id: str) -> Status:
        """Cancel a run; see `Client.cancel`."""
        return self._call(self._client.cancel, run_id)

    def pause(self, run_id: str) -> Status:
        """Pause a run; see `Client.pause`."""
        return self._call(self._client.pause, run_id)

    def resume(self, run_id: str) -> Status:
        """Resume a paused run; see `Client.resume`."""
        return self._call(self._client.resume, run_id)

    def edit(
        self,
        run_id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        note: str | None = None,
    ) -> Status:
        """Change a run's name, tags or note; see `Client.edit`."""
        return self._call(self._client.edit, run_id, name=name, tags=tags, note=note)

    def delete(self, run_id: str) -> None:
        """Delete a run; see `Client.delete`."""
        self._call(self._client.delete, run_id)

    def optimize(
        self,
        request: OptimizationRequest | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> SyncOptimization:
        """Start an optimization; see `Client.optimize`."""
        handle = self._call(self._client.optimize, request, idempotency_key=idempotency_key)
        return SyncOptimization(handle, self._call, self._read)

    def optimization(self, optimization_id: str) -> SyncOptimization:
        """Return what reads and steers an optimization; this sends nothing."""
        handle = self._client.optimization(optimization_id)
        return SyncOptimization(handle, self._call, self._read)

    def optimizations(
        self, *, limit: int = 50, before: str | None = None
    ) -> Sequence[OptimizationStatus]:
        """List optimizations, newest first; see `Client.optimizations`."""
        return self._call(self._client.optimizations, limit=limit, before=before)

    def ledger(
        self, *, strategy: str | None = None, dataset: str | None = None
    ) -> Mapping[str, Any]:
        """Return how many trials the server has counted; see `Client.ledger`."""
        return self._call(self._client.ledger, strategy=strategy, dataset=dataset)

    def strategies(self) -> Sequence[Mapping[str, Any]]:
        """List the strategies that the server offers, with their parameters."""
        return self._call(self._client.strategies)

    def datasets(self) -> Sequence[Mapping[str, Any]]:
        """List the prices that the server has."""
        return self._call(self._client.datasets)

    def gateways(self) -> Sequence[Mapping[str, Any]]:
        """List the gateways that share the server's store; see `Client.gateways`."""
        return self._call(self._client.gateways)

    @property
    def prices(self) -> SyncPrices:
        """Reader of the bars of runs and datasets, and of the quality of datasets."""
        return SyncPrices(self._client.prices, self._call)

    def stream(
        self,
        run_id: str,
        *,
        after: int = 0,
        types: Sequence[EventType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> Generator[Event, None, None]:
        """Stream a run's events to its end; see `Client.stream`.

        `on_retry` is called in the client's thread.
        """
        stream = self._client.stream(
            run_id, after=after, types=types, retry_for=retry_for, on_retry=on_retry
        )
        return self._read(stream)

    def set_pace(self, run_id: str, bars_per_s: float | None) -> Status:
        """Set the pace of a run; see `Client.set_pace`."""
        return self._call(self._client.set_pace, run_id, bars_per_s)

    def changes(
        self,
        *,
        after: int | None = None,
        epoch: str | None = None,
        types: Sequence[ChangeType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> Generator[Change, None, None]:
        """Stream what becomes of all runs and optimizations, without end; see `Client.changes`."""
        return self._read(
            self._client.changes(
                after=after, epoch=epoch, types=types, retry_for=retry_for, on_retry=on_retry
            )
        )

    def _read(
        self, stream: AbstractAsyncContextManager[AsyncIterator[E]]
    ) -> Generator[E, None, None]:
        events = self._call(stream.__aenter__)
        self._open[stream] = None
        try:
            while (event := self._call(_next, events)) is not None:
                yield event
        finally:
            self._close_stream(stream)

    def close(self) -> None:
        """Close the streams that have not been read to their end."""
        for stream in list(self._open):
            self._close_stream(stream)

    def _close_stream(self, stream: AbstractAsyncContextManager[Any]) -> None:
        if stream in self._open:
            del self._open[stream]
            self._call(stream.__aexit__, None, None, None)

    def _call(self, function: Callable[..., Awaitable[T]], *args: object, **more: object) -> T:
        if self._ended:
            raise RuntimeError("Cannot send a request, as the `with` block of the client has ended")
        # The scope exists before the task: an interrupt may arrive while the task is being started,
        # and must still be able to cancel it.
        scope = trio.CancelScope()

        async def within_scope() -> T | None:
            with scope:
                return await function(*args, **more)
            return None  # unused: a caller that cancelled no longer waits

        try:
            future = self._portal.start_task_soon(within_scope)
            # Python handles a signal between two waits only. One that arrives just before an
            # unlimited wait would go unnoticed until the call returns, which may be never.
            while not wait([future], timeout=_CHECK_SIGNALS_S).done:
                pass
            return cast("T", future.result())
        except BaseException:
            self._portal.start_task_soon(scope.cancel)
            raise


async def _next(events: AsyncIterator[E]) -> E | None:
    # StopAsyncIteration cannot be the exception of a future.
    return await anext(events, None)


@contextmanager
def connect(
    url: str = "http://127.0.0.1:8000", api_key: str | None = None, *, silent_for: float = 30.0
) -> Iterator[SyncClient]:
    """Open a client for the length of a `with` block. Opening it sends nothing.

    Args:
        url: The server, with the path under which it is mounted, if any.
        api_key: Sent with every request.
        silent_for: Seconds without a byte from the server until a request fails.

    Raises:
        InvalidRequestError: `url` is not an http(s) URL of a server.
    """
    client_context = open_client(url, api_key, silent_for=silent_for)
    with (
        start_blocking_portal("trio") as portal,
        portal.wrap_async_context_manager(client_context) as client,
    ):
        sync_client = SyncClient(portal, client)
        try:
            yield sync_client
        finally:
            sync_client.close()
            sync_client._ended = True  # noqa: SLF001 - opening owns what it made
