"""The choices of a round: what differs from the default, and who decides it.

By default the ready task that has waited longest runs next, every `choose` gives 0, and nothing
fails. A round is repeated by repeating its deviations from that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import trio

__all__ = ["DRAW", "FAULTS", "Deviation", "Script"]

#: The faults that a search can try.
FAULTS = ("cancel", "timeout", "closed", "broken", "slow")


#: `which` of a `choose` holds, above this number, which draw of its step it is.
DRAW = 1_000_000


class Deviation(NamedTuple):
    """One choice that differs from the default.

    Attributes:
        step: The task step that it concerns, counted from 1.
        what: "run" (another ready task runs), "choose" (a `choose` gives another number), or one of
            `FAULTS`.
        which: Which alternative, or which operation of the step fails.
        among: How many alternatives there were; 0 for a fault.
    """

    step: int
    what: str
    which: int = 0
    among: int = 0

    def __str__(self) -> str:
        return f"step {self.step}: {_SENTENCES[self.what].format(self.which % DRAW, self.among)}"


_SENTENCES = {
    "run": "alternative {0} of {1} ready tasks runs",
    "choose": "a choice falls on {0} of {1}",
    "cancel": "the scenario is cancelled",
    "timeout": "time jumps to the nearest deadline",
    "closed": "operation {0} raises ClosedResourceError",
    "broken": "operation {0} raises BrokenResourceError",
    "slow": "the task that would run is held back",
}


class Script:
    """Decides one round: by deviations that are written down, by chance, or both.

    Attributes:
        runs: Step -> the choice among ready tasks.
        faults: Step -> the faults at it.
        draws: (step, how many draws this step has made) -> the choice.
        pick: Chooses among ready tasks where nothing is written; None leaves the default.
        draw: Chooses in `choose` where nothing is written; None leaves the default.
        pending: A fault that comes at the first step, from `pending_from` on, where it can.
    """

    def __init__(
        self,
        deviations: Sequence[Deviation] = (),
        *,
        pick: Callable[[Sequence[trio.lowlevel.Task], int], int] | None = None,
        draw: Callable[[int], int] | None = None,
        pending: str | None = None,
        pending_from: int = 0,
    ) -> None:
        self.runs: dict[int, Deviation] = {}
        self.faults: defaultdict[int, list[Deviation]] = defaultdict(list)
        self.draws: dict[tuple[int, int], Deviation] = {}
        self.pick = pick
        self.draw = draw
        self.pending = pending
        self.pending_from = pending_from
        for each in deviations:
            self._write(each)

    def _write(self, deviation: Deviation) -> None:
        if deviation.what == "run":
            self.runs[deviation.step] = deviation
        elif deviation.what == "choose":
            # The low digits say which draw of the step it is.
            self.draws[deviation.step, deviation.which // DRAW] = deviation
        else:
            self.faults[deviation.step].append(deviation)
