"""Notebooks: results as data frames and charts, as cards in Jupyter, and runs followed live.

Belongs here: what a notebook shows; pandas, matplotlib and IPython, each loaded when needed.
Never here: computing a metric, and anything that another room needs to work.
May be imported by: users, and `Result`, `Run` and their kin by name, when a notebook asks them.
"""

from glowback_trio.notebook.frames import equity_frame, metrics_frame, trades_frame
from glowback_trio.notebook.plots import plot
from glowback_trio.notebook.watching import follow, watch

__all__ = ["equity_frame", "follow", "metrics_frame", "plot", "trades_frame", "watch"]
