"""One sequential kernel that carries out targets over whole tables, compiled where numba is.

Belongs here: the kernel, in the subset of Python that numba compiles, and how it is compiled.
Never here: limit orders, stops and all else that only a strategy of one's own can order.
May be imported by: `engine.traders`, `engine.trials`, and what warms it (`compute`, `cli`).
"""
