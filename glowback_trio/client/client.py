"""The client: one method per verb of a server's API, with values of the model in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from attrs import define

from glowback_trio.client.changes.stream import ChangeStream, open_changes
from glowback_trio.client.files import (
    File,
    ReportForm,
    explaining_no_result,
    file_parameters,
    result_parameters,
    run_report,
)
from glowback_trio.client.http_api import HttpApi, Moment, given, json_headers, strategy_of
from glowback_trio.client.optimization import OptimizationHandle
from glowback_trio.client.prices.prices import Prices
from glowback_trio.client.responses import (
    leak_report_of,
    list_of,
    object_of,
    optimization_status_of,
    status_of,
    verdict_of,
)
from glowback_trio.client.stream import EventStream, LogPart, Retry, StreamOpener
from glowback_trio.client.subjects import run_subject
from glowback_trio.model.events import EVENT_TYPES, EventType
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.leak_report import LeakReport
from glowback_trio.model.stream_protocol import checked_types
from glowback_trio.wire.changes import ChangeType
from glowback_trio.wire.exports.run_export import MEDIA_TYPE
from glowback_trio.wire.exports.verdict import Verdict
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import optimization_document
from glowback_trio.wire.requests import request_document

__all__ = ["Client"]

# Seconds without a byte until a verification is given up: other runs may be computed before it.
_VERIFY_S = 600.0


@define(eq=False, repr=False)
class Client:
    """A client of one server. Made by `open_client`.

    Each request is sent once: only the caller knows whether to repeat it, and `submit` takes an
    `idempotency_key` for that. Streams reconnect by themselves.

    Besides the errors that they list, all methods raise `UnreachableError` if there is no response,
    `UnexpectedAnswerError` if the response is not one of this API, and `ServerRefusedError` for
    refusals that have no error class of their own: a wrong key, too many requests, a server fault.
    """

    _api: HttpApi
    _streams: StreamOpener

    def __repr__(self) -> str:
        return describe(self, self._api.shown_url())

    async def submit(
        self,
        request: BacktestRequest | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> Status:
        """Start a backtest.

        Args:
            request: What to run. A mapping is sent as it is, for the server to check; it may name
                custom strategies that only the server knows.
            idempotency_key: Identifies this request. The same request sent again with the same key
                starts no second run and returns the status of the first.

        Raises:
            InvalidRequestError: The request has problems; or the key was used for another request.
        """
        document = request_document(request) if isinstance(request, BacktestRequest) else request
        return status_of(await self._api.post("/backtests", document, idempotency_key))

    async def status(self, run_id: str) -> Status:
        """Return the status of a run.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._about(run_id, "GET"))

    async def request(self, run_id: str) -> Mapping[str, Any]:
        """Return the request of a run as its JSON document, which `submit` takes.

        Raises:
            UnknownRunError: There is no such run.
        """
        return object_of(await self._about(run_id, "GET", "/request"))

    async def list(
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
        """List runs, newest first.

        Args:
            state: Only runs in this state.
            limit: The most runs to return, from 1 to 200.
            before: Id of a run; only runs older than it.
            tag: Only runs with this tag.
            q: Only runs whose name, note or tags hold this text, in upper or lower case.
            search: Only runs in whose id, labels, strategy or symbols this text occurs.
            strategy: Only runs of the strategy with this name.
            symbol: Only runs with this symbol.
            since: Only runs that were queued at this time or later; without an offset, UTC.

        Raises:
            InvalidRequestError: The server knows no such state or run, or the limit is out of
                bounds.
        """
        parameters = given(
            state=state and str(state),
            limit=limit,
            before=before,
            tag=tag,
            q=q,
            search=search,
            strategy=strategy,
            symbol=symbol,
            since=since,
        )
        statuses = await self._api.request("GET", "/backtests", params=parameters)
        return [status_of(each) for each in list_of(statuses)]

    async def results(
        self,
        run_id: str,
        *,
        include: Sequence[str] | None = None,
        max_points: int | None = None,
        from_: Moment = None,
        to: Moment = None,
    ) -> Mapping[str, Any]:
        """Return the result of a completed run as its JSON document.

        Args:
            run_id: The run.
            include: Fill only these blocks, such as `equity_curve`, and leave the others empty;
                None: all.
            max_points: Downsample the curves to at most this many bars, keeping their extremes.
            from_: Only rows of curves, fills, orders and constraint hits at this time or later.
            to: Only rows at this time or earlier; a date means its last instant.

        Raises:
            InvalidRequestError: The server knows no such block, `max_points` is out of bounds, or
                `to` is before `from_`.
            UnknownRunError: There is no such run.
            NotReadyError: The run is queued or running.
            RunFailedError: The run failed; the message says why.
            RunCancelledError: The run was cancelled; the message says why.
        """
        parameters = result_parameters(include, max_points, from_, to)
        async with explaining_no_result(self._api, run_id):
            return object_of(await self._about(run_id, "GET", "/results", params=parameters))

    async def download(
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
        """Download the result of a completed run, or a table of it, of any size.

        Args:
            run_id: The run.
            write: Called with one chunk of bytes after the other. It runs in the event loop, so it
                should return quickly.
            file: `results`, which is JSON; or `equity`, `trades` or `orders`, as `.csv`, `.ndjson`
                or `.parquet`.
            include: For `results` only; see there.
            max_points: For `results` only; see there.
            from_: For `results` only; see there.
            to: For `results` only; see there.

        Raises:
            InvalidRequestError: As for `results`, and if there is no such file.
            UnknownRunError: As for `results`, and so are `NotReadyError`, `RunFailedError` and
                `RunCancelledError`.
        """
        parameters = file_parameters(file, include, max_points, from_, to)
        async with explaining_no_result(self._api, run_id):
            await self._api.download(run_subject(run_id), f"/{file}", parameters, write)

    async def report(self, run: str | Sequence[str], *, form: ReportForm = "html") -> str:
        """Return the report of a completed run, or the comparison of several, as one text.

        Args:
            run: The run, or 2 to 10 of them.
            form: `html`, a page to keep, print and hand on; `md` or `json`.

        Raises:
            InvalidRequestError: There is no such form, or there are too few or too many runs.
            UnknownRunError: There is no such run.
            NotReadyError: The run is queued or running; likewise `RunFailedError` and
                `RunCancelledError`.
            ServerRefusedError: One of several has not completed; the message says why.
        """
        async with explaining_no_result(self._api, run if isinstance(run, str) else None):
            return await run_report(self._api, run, form)

    async def export(self, run_id: str, write: Callable[[bytes], object]) -> None:
        """Download a finished run as one file, which `import_run` of another server takes.

        Args:
            run_id: The run.
            write: As for `download`.

        Raises:
            UnknownRunError: There is no such run.
            ServerRefusedError: It has not ended.
        """
        await self._api.download(run_subject(run_id), "/export", {}, write)

    async def import_run(self, data: bytes) -> Status:
        """Have the server keep a finished run of another one. The same run may be sent again.

        Args:
            data: What `export` wrote.

        Raises:
            ServerRefusedError: The file is damaged or too large, or another run has its id.
            InvalidRequestError: The server cannot read its request, such as an unknown strategy.
        """
        headers = {"Content-Type": MEDIA_TYPE}
        return status_of(await self._api.request("POST", "/imports", content=data, headers=headers))

    async def verify(self, run_id: str) -> Verdict:
        """Have a finished run computed again, and compared with what is stored of it.

        Raises:
            UnknownRunError: There is no such run.
            ServerRefusedError: It has not ended, or cannot be computed again there.
        """
        return verdict_of(await self._about(run_id, "POST", "/verify", timeout=_VERIFY_S))

    async def difference(self, run_id: str, other: str) -> Mapping[str, Any]:
        """Return the first event at which the logs of two runs part, as the server's document.

        Its keys: `equal`; `events`, their number in each log; `at`, the id of the event; and
        `events_there`, the two events, null where a log has ended. Run ids, times and digests are
        not compared.

        Raises:
            UnknownRunError: There is no such run.
            InvalidRequestError: There is no such other run.
        """
        return object_of(await self._about(run_id, "GET", "/difference", params={"with": other}))

    async def check_strategy(
        self, request: BacktestRequest | Mapping[str, Any], *, cuts: int | None = None
    ) -> LeakReport:
        """Have a strategy of the server checked for looking ahead; it waits its turn there.

        Args:
            request: The strategy, and the run it is checked in, as for `submit`.
            cuts: At how many bars the later ones are taken away; None: the server's 64.

        Raises:
            InvalidRequestError: The request has problems.
            ServerRefusedError: There is no such strategy, or it cannot be checked there.
        """
        document = request_document(request) if isinstance(request, BacktestRequest) else request
        name = quote(strategy_of(document), safe="")
        path = f"/strategies/{name}/check"
        parameters = given(cuts=cuts)
        answer = await self._api.post(path, document, params=parameters, timeout=_VERIFY_S)
        return leak_report_of(answer)

    async def cancel(self, run_id: str) -> Status:
        """Cancel a run; nothing changes if it has ended already.

        Returns:
            The status when the request was handled; the run may end a little later.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._about(run_id, "POST", "/cancel"))

    async def pause(self, run_id: str) -> Status:
        """Pause a run: it emits no events until it is resumed. Its log does not show the pause.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._about(run_id, "POST", "/pause"))

    async def resume(self, run_id: str) -> Status:
        """Resume a paused run.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._about(run_id, "POST", "/resume"))

    async def set_pace(self, run_id: str, bars_per_s: float | None) -> Status:
        """Let a run that has not ended go on at another pace; None: as fast as possible."""
        body, headers = dumps({"bars_per_s": bars_per_s}), json_headers(None)
        return status_of(await self._about(run_id, "POST", "/pace", content=body, headers=headers))

    async def edit(
        self,
        run_id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        note: str | None = None,
    ) -> Status:
        """Change a run's name, tags or note; None: leave it as it is.

        Args:
            run_id: The run.
            name: The new name; empty: none.
            tags: All tags that the run has from now on; empty: none.
            note: The new note; empty: none.

        Raises:
            InvalidRequestError: One of them is out of its bounds.
            UnknownRunError: There is no such run.
        """
        labels = {"name": name, "tags": None if tags is None else [*tags], "note": note}
        body = dumps({field: value for field, value in labels.items() if value is not None})
        headers = json_headers(None)
        return status_of(await self._about(run_id, "PATCH", content=body, headers=headers))

    async def delete(self, run_id: str) -> None:
        """Delete a run, its events and its result; an active run is cancelled first.

        Raises:
            UnknownRunError: There is no such run.
        """
        await self._about(run_id, "DELETE")

    async def optimize(
        self,
        request: OptimizationRequest | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> OptimizationHandle:
        """Start an optimization.

        Args:
            request: What to search. A mapping is sent as it is, for the server to check.
            idempotency_key: As for `submit`.

        Raises:
            InvalidRequestError: The request has problems; or the key was used for another request.
        """
        document = (
            optimization_document(request) if isinstance(request, OptimizationRequest) else request
        )
        answer = await self._api.post("/optimizations", document, idempotency_key)
        return self.optimization(optimization_status_of(answer).optimization_id)

    def optimization(self, optimization_id: str) -> OptimizationHandle:
        """Return what reads and steers an optimization; this sends nothing."""
        return OptimizationHandle(optimization_id, self._api, self._streams)

    async def optimizations(
        self, *, limit: int = 50, before: str | None = None
    ) -> Sequence[OptimizationStatus]:
        """List optimizations, newest first.

        Args:
            limit: The most to return, from 1 to 200.
            before: Id of an optimization; only those older than it.

        Raises:
            InvalidRequestError: The server knows no such optimization, or the limit is out of
                bounds.
        """
        parameters = given(limit=limit, before=before)
        listed = await self._api.request("GET", "/optimizations", params=parameters)
        return [optimization_status_of(each) for each in list_of(listed)]

    async def ledger(
        self, *, strategy: str | None = None, dataset: str | None = None
    ) -> Mapping[str, Any]:
        """Return how many trials the server has counted, and those of this key.

        Args:
            strategy: Only trials of the strategy with this name.
            dataset: Only trials on the bars with this digest.
        """
        parameters = given(strategy=strategy, dataset=dataset)
        return object_of(await self._api.request("GET", "/ledger", params=parameters))

    async def strategies(self) -> Sequence[Mapping[str, Any]]:
        """List the strategies that the server offers, with their parameters."""
        return list_of(await self._api.request("GET", "/strategies"))

    async def datasets(self) -> Sequence[Mapping[str, Any]]:
        """List the prices that the server has."""
        return list_of(await self._api.request("GET", "/datasets"))

    async def gateways(self) -> Sequence[Mapping[str, Any]]:
        """List the gateways that share the store of the server, oldest first, itself included."""
        return list_of(object_of(await self._api.request("GET", "/gateways")).get("gateways"))

    @property
    def prices(self) -> Prices:
        """Reader of the bars of runs and datasets, and of the quality of datasets."""
        return Prices(self._api)

    @asynccontextmanager
    async def stream(
        self,
        run_id: str,
        *,
        after: int = 0,
        types: Sequence[EventType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> AsyncIterator[EventStream]:
        """Stream a run's events to its end, each once and in order, across lost connections.

        Args:
            run_id: The run.
            after: Only events with higher ids.
            types: Only events of these types, and the terminal one; None: all. A stream of all
                events from the first one is checked against the digest in the terminal event.
            retry_for: Seconds to try to reconnect before giving up.
            on_retry: Called before each attempt to reconnect.

        Raises:
            InvalidRequestError: `after` is negative, `types` is empty or names an unknown type.
        """
        part = LogPart(
            subject=run_subject(run_id),
            after=after,
            types=checked_types(after, types),
            known_types=EVENT_TYPES,
        )
        async with self._streams.opened(part, retry_for, on_retry) as events:
            yield events

    def changes(
        self,
        *,
        after: int | None = None,
        epoch: str | None = None,
        types: Sequence[ChangeType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> ChangeStream:
        """Stream what becomes of all runs and optimizations; use it in an `async with` block.

        It goes on after the change `after` of `epoch`, and else begins with a `reset`.
        """
        return open_changes(self._streams, (after, epoch), types, retry_for, on_retry)

    async def _about(self, run_id: str, method: str, resource: str = "", **options: Any) -> Any:
        return await self._api.request_about(run_subject(run_id), method, resource, **options)
