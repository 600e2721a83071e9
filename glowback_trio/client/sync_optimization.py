"""An optimization of a server for programs without trio: the verbs of the handle, blocking."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from attrs import frozen

from glowback_trio.client.files import ReportForm
from glowback_trio.client.optimization import OptimizationHandle, TrialFile
from glowback_trio.client.stream import Retry
from glowback_trio.model.events import Event, OptimizationEventType
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus

__all__ = ["SyncOptimization"]


@frozen(eq=False, repr=False)
class SyncOptimization:
    """The methods of `OptimizationHandle`, blocking. Made by `SyncClient.optimize`.

    They raise the same errors.
    """

    _handle: OptimizationHandle
    #: Calls an async function in the client's thread, and waits.
    _call: Callable[..., Any]
    #: Reads a stream to its end.
    _read: Callable[[Any], Generator[Event, None, None]]

    def __repr__(self) -> str:
        return repr(self._handle).replace("OptimizationHandle", type(self).__name__, 1)

    @property
    def optimization_id(self) -> str:
        """Its id."""
        return self._handle.optimization_id

    def status(self) -> OptimizationStatus:
        """Return its status; see `OptimizationHandle.status`."""
        status: OptimizationStatus = self._call(self._handle.status)
        return status

    def request(self) -> Mapping[str, Any]:
        """Return its request; see `OptimizationHandle.request`."""
        document: Mapping[str, Any] = self._call(self._handle.request)
        return document

    def wait(
        self, *, retry_for: float = 60.0, on_retry: Callable[[Retry], object] | None = None
    ) -> OptimizationStatus:
        """Wait for the end of its newest attempt; see `OptimizationHandle.wait`."""
        status: OptimizationStatus = self._call(
            self._handle.wait, retry_for=retry_for, on_retry=on_retry
        )
        return status

    def stream(
        self,
        *,
        attempt: int | None = None,
        after: int = 0,
        types: Sequence[OptimizationEventType] | None = None,
        retry_for: float = 60.0,
        on_retry: Callable[[Retry], object] | None = None,
    ) -> Generator[Event, None, None]:
        """Stream the events of an attempt to its end; see `OptimizationHandle.stream`."""
        return self._read(
            self._handle.stream(
                attempt=attempt, after=after, types=types, retry_for=retry_for, on_retry=on_retry
            )
        )

    def results(self) -> Mapping[str, Any]:
        """Return its result; see `OptimizationHandle.results`."""
        document: Mapping[str, Any] = self._call(self._handle.results)
        return document

    def trials(self) -> Sequence[Mapping[str, Any]]:
        """Return the trials so far as rows; see `OptimizationHandle.trials`."""
        rows: Sequence[Mapping[str, Any]] = self._call(self._handle.trials)
        return rows

    def to_dataframe(self) -> Any:
        """Return the trials so far as a `pandas.DataFrame`, a row each."""
        return self._call(self._handle.to_dataframe)

    def download(self, write: Callable[[bytes], object], file: TrialFile = "results") -> None:
        """Download the result or a table of trials; see `OptimizationHandle.download`.

        `write` is called in the client's thread.
        """
        self._call(self._handle.download, write, file)

    def report(self, *, form: ReportForm = "html") -> str:
        """Return its report as one text; see `OptimizationHandle.report`."""
        text: str = self._call(self._handle.report, form=form)
        return text

    def cancel(self) -> OptimizationStatus:
        """Cancel it; see `OptimizationHandle.cancel`."""
        status: OptimizationStatus = self._call(self._handle.cancel)
        return status

    def pause(self) -> OptimizationStatus:
        """Pause it; see `OptimizationHandle.pause`."""
        status: OptimizationStatus = self._call(self._handle.pause)
        return status

    def resume(self) -> OptimizationStatus:
        """Let it go on, or begin a new attempt; see `OptimizationHandle.resume`."""
        status: OptimizationStatus = self._call(self._handle.resume)
        return status

    def run_trial(self, trial_number: int) -> Status:
        """Submit one of its trials as a run; see `OptimizationHandle.run_trial`."""
        status: Status = self._call(self._handle.run_trial, trial_number)
        return status

    def delete(self) -> None:
        """Delete it; see `OptimizationHandle.delete`."""
        self._call(self._handle.delete)
