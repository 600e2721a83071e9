"""A server's API as methods that take and give values of the model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

import httpx2
from attrs import define

from glowback_trio.client.backoff import Backoff
from glowback_trio.client.files import File, file_parameters, result_parameters
from glowback_trio.client.log_verifier import LogVerifier
from glowback_trio.client.responses import (
    document_of,
    list_of,
    object_of,
    refusal,
    status_of,
    why,
)
from glowback_trio.client.stream import EventStream, Retry
from glowback_trio.errors import (
    GlowbackError,
    NotReadyError,
    ServerRefusedError,
    UnknownRunError,
    UnreachableError,
)
from glowback_trio.model.events import EventType
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.wire.converter import request_document

__all__ = ["Client"]

Document = Mapping[str, Any]

# What a server gives as a run's id; anything else could lead to another path than the run's.
_RUN_ID = re.compile(r"[A-Za-z0-9-]{1,128}")
_CONFLICT = 409


@define(eq=False)
class Client:
    """A server's API. Made by `open_client`.

    A request is sent once: whether to repeat it is for the caller to say, and `submit` has its
    `idempotency_key` for that. Streams reconnect by themselves.

    Besides what they list, all methods raise `UnreachableError` where there is no answer,
    `UnexpectedAnswerError` where the answer is not this API's, and `ServerRefusedError` for
    refusals that have no error of their own: a wrong key, too many requests, a fault.
    """

    _http: httpx2.AsyncClient
    _url: str
    _jitter: Callable[[], float]
    _sleep: Callable[[float], Awaitable[object]]

    async def submit(
        self, request: BacktestRequest, *, idempotency_key: str | None = None
    ) -> Status:
        """Start a backtest.

        Args:
            request: What to run.
            idempotency_key: Marks this very request. Sent again with the same mark, it gives the
                first run's status instead of a second run.

        Raises:
            InvalidRequestError: The server can tell already that it will not do.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        document = request_document(request)
        return status_of(await self._ask("POST", "/backtests", json=document, headers=headers))

    async def status(self, run_id: str) -> Status:
        """Tell where a run stands.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._ask_run("GET", run_id))

    async def list(
        self, *, state: State | str | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[Status]:
        """List runs, newest first.

        Args:
            state: Only runs in this state.
            limit: At most so many, from 1 to 200.
            before: Only runs that are older than this one.

        Raises:
            InvalidRequestError: The server knows no such state or run, or the limit is out of
                bounds.
        """
        asked = {"state": state and str(state), "limit": limit, "before": before}
        parameters = {name: value for name, value in asked.items() if value is not None}
        return [status_of(each) for each in list_of(await self._get("/backtests", parameters))]

    async def results(
        self, run_id: str, *, include: Sequence[str] | None = None, max_points: int | None = None
    ) -> Document:
        """Give the result of a completed run, as the wire has it.

        Args:
            run_id: The run.
            include: Only these blocks, such as `equity_curve`; the others stay empty. None: all.
            max_points: Thin the curves to so many bars at most, their extremes among them.

        Raises:
            InvalidRequestError: The server knows no such block, or `max_points` is out of bounds.
            UnknownRunError: There is no such run.
            NotReadyError: It is queued or running.
            RunFailedError: It failed; the message says why.
            RunCancelledError: It was cancelled; the message says why.
        """
        parameters = result_parameters(include, max_points)
        try:
            return object_of(await self._ask_run("GET", run_id, "/results", params=parameters))
        except ServerRefusedError as error:
            raise await self._no_result(error, run_id) from None

    async def download(
        self,
        run_id: str,
        write: Callable[[bytes], object],
        file: File = "results",
        *,
        include: Sequence[str] | None = None,
        max_points: int | None = None,
    ) -> None:
        """Take in the result of a completed run, or a table of it, however long it is.

        Args:
            run_id: The run.
            write: Called with one piece after the other; it should not take long.
            file: `results`, which is JSON; or `equity`, `trades` or `orders`, as `.csv`, `.ndjson`
                or `.parquet`.
            include: As for `results`, of which there may be a part only.
            max_points: The same.

        Raises:
            InvalidRequestError: As for `results`, and where there is no such file.
            UnknownRunError: As for `results`, and so are `NotReadyError`, `RunFailedError` and
                `RunCancelledError`.
        """
        parameters = file_parameters(file, include, max_points)
        with self._reaching():
            url = f"{self._url}{_path(run_id)}/{file}"
            async with self._http.stream("GET", url, params=parameters) as response:
                if response.is_success:
                    async with aclosing(response.aiter_bytes()) as pieces:
                        async for piece in pieces:
                            write(piece)
                    return
                await response.aread()
        raise await self._no_result(refusal(response, run_id), run_id)

    async def _no_result(self, error: GlowbackError, run_id: str) -> GlowbackError:
        """What it means that there is no result."""
        if isinstance(error, ServerRefusedError) and error.status == _CONFLICT:
            # A run that has completed since then was not ready when its result was asked for.
            return (await self.status(run_id)).result_error or NotReadyError()
        return error

    async def cancel(self, run_id: str) -> Status:
        """Cancel a run; on one that has ended this changes nothing.

        Returns:
            Its status at that moment; the end may come a little later.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._ask_run("POST", run_id, "/cancel"))

    async def pause(self, run_id: str) -> Status:
        """Hold a run where it stands; its log does not tell.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._ask_run("POST", run_id, "/pause"))

    async def resume(self, run_id: str) -> Status:
        """Let a run that is held go on.

        Raises:
            UnknownRunError: There is no such run.
        """
        return status_of(await self._ask_run("POST", run_id, "/resume"))

    async def delete(self, run_id: str) -> None:
        """Forget a run, its events and its result; it is cancelled first if need be.

        Raises:
            UnknownRunError: There is no such run.
        """
        await self._ask_run("DELETE", run_id)

    async def strategies(self) -> Sequence[Document]:
        """List the strategies there are, with their parameters."""
        return list_of(await self._get("/strategies"))

    async def datasets(self) -> Sequence[Document]:
        """List the prices there are."""
        return list_of(await self._get("/datasets"))

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
        """Follow a run's events to its end, each once and in order, over any number of cuts.

        Args:
            run_id: The run.
            after: Only events with higher ids.
            types: Only events of these types, and the terminal one; None: all. All events from the
                first on are checked against the digest in the terminal one.
            retry_for: Seconds after which a lost connection that cannot be made again is given up.
            on_retry: Called with every connection that was lost.
        """
        events = EventStream(
            http=self._http,
            url=f"{self._url}{_path(run_id)}/stream",
            types=types,
            chain=LogVerifier(run_id, after, filtered=types is not None),
            patience=Backoff(retry_for, self._jitter),
            sleep=self._sleep,
            on_retry=on_retry,
        )
        try:
            yield events
        finally:
            await events.aclose()

    async def _get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        return await self._ask("GET", path, params=parameters)

    async def _ask_run(self, method: str, run_id: str, verb: str = "", **more: Any) -> Any:
        return await self._ask(method, _path(run_id) + verb, run_id, **more)

    async def _ask(self, method: str, path: str, run_id: str | None = None, **more: Any) -> Any:
        with self._reaching():
            response = await self._http.request(method, self._url + path, **more)
        if not response.is_success:
            raise refusal(response, run_id)
        return document_of(response) if response.content else None

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Say it where the server cannot be reached, or is lost on the way."""
        try:
            yield
        except httpx2.RequestError as error:
            raise UnreachableError(f"{self._url}: {why(error)}") from error


def _path(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise UnknownRunError(run_id)
    return f"/backtests/{run_id}"
