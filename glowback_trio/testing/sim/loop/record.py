"""The record of what a round has done so far."""

from __future__ import annotations

from collections.abc import Collection

from glowback_trio.testing.sim.loop.choices import Deviation

__all__ = ["Record"]


class Record:
    """The mutable state that a round leaves behind.

    Attributes:
        steps: How many task steps there have been.
        order: The number of the task that has taken each step.
        widths: Step -> how many tasks were ready, wherever more than one could be.
        taken: How the round has deviated from the default.
        places: Deviation -> the await or operation that this fault has hit.
        asked: Deviation -> the name of what this `choose` has chosen.
        misfits: Deviations of the script that could not be taken as they are written.
        operations: (step, index, kinds) of every operation that could have failed; None where
            nobody wants to know.
        deadlines: The steps at which a deadline lay ahead; None where nobody wants to know.
        draws: (step, which draw of the step, among how many) of every `choose`.
    """

    def __init__(self, faults: Collection[str] = ()) -> None:
        self.steps = 0
        self.order: list[int] = []
        self.widths: dict[int, int] = {}
        self.taken: list[Deviation] = []
        self.places: dict[Deviation, str] = {}
        self.asked: dict[Deviation, str] = {}
        self.misfits: list[Deviation] = []
        self.operations: list[tuple[int, int, tuple[str, ...]]] | None = (
            [] if {"closed", "broken"}.intersection(faults) else None
        )
        self.deadlines: list[int] | None = [] if "timeout" in faults else None
        self.draws: list[tuple[int, int, int]] = []

    def deviate(
        self, what: str, which: int = 0, among: int = 0, *, place: str = "", name: str = ""
    ) -> None:
        """Note how the present step differs from the default, what is hit, or what is chosen."""
        deviation = Deviation(self.steps, what, which, among)
        self.taken.append(deviation)
        if place:
            self.places[deviation] = place
        if name:
            self.asked[deviation] = name
