"""Watch and replace what surrounds trio's loop: channels, threads, clocks, files.

Belongs here: where faults strike, what is left behind, what must not be read inside a simulation.
Never here: the order of tasks, and the search.
May be imported by: `testing.sim.search`, and virtual worlds.
"""
