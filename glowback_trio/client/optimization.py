"""An optimization of a server: read it, follow it, steer it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson
from attrs import frozen

from glowback_trio.client.files import ReportForm, report_of
from glowback_trio.client.http_api import HttpApi
from glowback_trio.client.responses import object_of, optimization_status_of, status_of
from glowback_trio.client.stream import EventStream, LogPart, Retry, StreamOpener
from glowback_trio.client.subjects import Subject, optimization_subject
from glowback_trio.extras import PANDAS
from glowback_trio.model.bounds import Checked
from glowback_trio.model.events import OPTIMIZATION_EVENT_TYPES, OptimizationEventType
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.short_repr import describe
from glowback_trio.model.stream_protocol import Cursor, OptimizationEventTypes

__all__ = ["OptimizationHandle", "TrialFile"]

#: A table of trials, or the whole result.
TrialFile = Literal["results", "trials.csv", "trials.ndjson", "trials.parquet"]


@frozen(kw_only=True)
class _Selection(Checked):
    """A selection of events to stream, checked before anything is sent."""

    after: Cursor
    types: OptimizationEventTypes | None


@frozen(eq=False, repr=False)
class OptimizationHandle:
    """One optimization of a server. Made by `Client.optimize` and `Client.optimization`.

    Its methods raise what those of `Client` do, and `UnknownOptimizationError` where the server has
    no such optimization.

    Attributes:
        optimization_id: Its id.
    """

    optimization_id: str
    _api: HttpApi
    _streams: StreamOpener

    def __repr__(self) -> str:
        return describe(self, self.optimization_id, self._api.shown_url())

    async def status(self) -> OptimizationStatus:
        """Return its status."""
        return optimization_status_of(await self._send("GET"))

    async def request(self) -> Mapping[str, Any]:
        """Return its request as its JSON document, which `Client.optimize` takes."""
        return object_of(await self._send("GET", "/request"))

    async def wait(
        self, *, retry_for: float = 60.0, on_retry: Callable[[Retry], object] | None = None
    ) -> OptimizationStatus:
        """Wait for the end of its newest attempt, and return the status.

        Args:
            retry_for: Seconds to try to reconnect before giving up.
            on_retry: Called before each attempt to reconnect.
        """
        async with self.stream(types=["state"], retry_for=retry_for, on_retry=on_retry) as events:
            async for _ in events:
                pass
        return await self.status()

    @asynccontextmanager
    async def stream(
        self,
        *,
        attempt: int | None = None,
        after: int = 0,
        types: Sequence[OptimizationEventType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> AsyncIterator[EventStream]:
        """Stream the events of an attempt, each once and in order, across lost connections.

        Args:
            attempt: The attempt; None: the newest when the stream begins.
            after: Only events with higher ids.
            types: Only events of these types, and the terminal one; None: all. A stream of all
                events from the first one is checked against the digest in the terminal event.
            retry_for: Seconds to try to reconnect before giving up.
            on_retry: Called before each attempt to reconnect.

        Raises:
            InvalidRequestError: `after` is negative, `types` is empty or names an unknown type.
        """
        chosen = _Selection(after=after, types=None if types is None else tuple(types))
        # Named, so that a connection that is resumed goes on with the same log.
        number = (await self.status()).attempt if attempt is None else attempt
        part = LogPart(
            subject=self._subject,
            after=chosen.after,
            types=chosen.types,
            known_types=OPTIMIZATION_EVENT_TYPES,
            query={"attempt": str(number)},
        )
        async with self._streams.opened(part, retry_for, on_retry) as events:
            yield events

    async def results(self) -> Mapping[str, Any]:
        """Return its result as its JSON document, once it has ended.

        Raises:
            ServerRefusedError: It has not ended.
        """
        return object_of(await self._send("GET", "/results"))

    async def trials(self) -> Sequence[Mapping[str, Any]]:
        """Return the trials that have ended so far as rows: see `trials.csv`."""
        lines: list[bytes] = []
        await self.download(lines.append, "trials.ndjson")
        return [orjson.loads(line) for line in b"".join(lines).splitlines()]

    async def to_dataframe(self) -> Any:
        """Return the trials that have ended so far as a `pandas.DataFrame`, a row each.

        Raises:
            DataError: pandas is not installed.
        """
        pandas = PANDAS.load("pandas")
        return pandas.DataFrame(await self.trials())

    async def download(self, write: Callable[[bytes], object], file: TrialFile = "results") -> None:
        """Download the result or a table of trials, of any size.

        Args:
            write: Called with one chunk of bytes after the other. It runs in the event loop, so it
                should return quickly.
            file: `results`, or the trials as `.csv`, `.ndjson` or `.parquet`.
        """
        await self._api.download(self._subject, f"/{file}", {}, write)

    async def report(self, *, form: ReportForm = "html") -> str:
        """Return its report as one text, once it has completed.

        Args:
            form: `html`, a page to keep, print and hand on; `md` or `json`.

        Raises:
            InvalidRequestError: There is no such form.
            ServerRefusedError: It has not completed.
        """
        return await report_of(self._api, self._subject, form)

    async def cancel(self) -> OptimizationStatus:
        """Cancel it; its finished trials are kept.

        Raises:
            ServerRefusedError: It has completed or failed already.
        """
        return optimization_status_of(await self._send("POST", "/cancel"))

    async def pause(self) -> OptimizationStatus:
        """Pause it: no trial begins until it is resumed. Its log does not show the pause."""
        return optimization_status_of(await self._send("POST", "/pause"))

    async def resume(self) -> OptimizationStatus:
        """Let it go on if it is paused; begin a new attempt if it was cancelled or has failed.

        Raises:
            ServerRefusedError: It is running, or has completed.
        """
        return optimization_status_of(await self._send("POST", "/resume"))

    async def run_trial(self, trial_number: int) -> Status:
        """Submit one of its trials as a run of its own, with a full result.

        Raises:
            UnknownOptimizationError: It has no finished trial of this number.
        """
        return status_of(await self._send("POST", f"/trials/{trial_number}/run"))

    async def delete(self) -> None:
        """Delete it with its trials; an active one is cancelled first."""
        await self._send("DELETE")

    @property
    def _subject(self) -> Subject:
        return optimization_subject(self.optimization_id)

    async def _send(self, method: str, resource: str = "") -> Any:
        return await self._api.request_about(self._subject, method, resource)
