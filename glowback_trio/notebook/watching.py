"""Runs followed live in a notebook: progress and curve, in one place that is drawn again."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from glowback_trio.actors import Run
from glowback_trio.client.sync import SyncClient
from glowback_trio.extras import IPYTHON
from glowback_trio.model.events import Event, EventType
from glowback_trio.model.lifecycle import Status
from glowback_trio.notebook.cards import live_card

__all__ = ["follow", "watch"]

_TYPES: tuple[EventType, ...] = ("state", "progress", "metric", "log")


@define(eq=False)
class _View:
    """The live view of a run in a notebook: events in, a card out, drawn in the same place."""

    _title: str
    _told: str = field(default="", init=False)
    _progress: float = field(default=0.0, init=False)
    _time: list[str] = field(factory=list, init=False)
    _value: list[float] = field(factory=list, init=False)
    _handle: Any = field(default=None, init=False)

    def take(self, event: Event) -> None:
        """Take an event; a card is drawn for those that change more than its curve."""
        payload = event.payload
        match event.type:
            case "metric":
                self._time.append(payload["timestamp"])
                self._value.append(payload["value"])
                return
            case "progress":
                self._progress = payload["progress"]
                self._told = f"running: {payload['message']}"
            case "log":
                self._told = f"{payload['level']}: {payload['message']}"
            case _:
                self._told = payload.get("error") or payload["state"]
        self._draw()

    def _draw(self) -> None:
        shown = IPYTHON.load("IPython.display")
        drawn = live_card(self._title, self._told, self._progress, self._time, self._value)
        if self._handle is None:
            self._handle = shown.display(shown.HTML(drawn), display_id=True)
        else:
            self._handle.update(shown.HTML(drawn))


def watch(client: SyncClient, run_id: str) -> Status:
    """Follow a run of a server to its end, and show its progress and its curve meanwhile.

    An interrupt of the cell ends the view and not the run.

    Args:
        client: Of the server, as `glowback_trio.client.sync.connect` opens it.
        run_id: The run.

    Raises:
        DataError: IPython is not installed.
        UnknownRunError: There is no such run.
    """
    status = client.status(run_id)
    view = _View(status.name or f"Run {run_id}")
    for event in client.stream(run_id, types=_TYPES):
        view.take(event)
    return client.status(run_id)


async def follow(run: Run) -> Status:
    """Follow a run of this process to its end, as `watch` does one of a server.

    Raises:
        DataError: IPython is not installed.
    """
    view = _View(run.status.name or f"Run {run.run_id}")
    with run.subscribe(types=_TYPES) as events:
        async for event in events:
            view.take(event)
    return run.status
