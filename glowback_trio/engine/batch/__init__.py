"""Fill many orders at once, by arrays, with the broker's results to the last bit.

Belongs here: fast paths for market orders that nothing can come in between, and their gate.
Never here: a rule of its own about prices, costs or sizes (see `execution`).
May be imported by: `engine.traders` and `engine.trials`.
"""
