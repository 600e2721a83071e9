"""Choose the parameters of the next trials: all, at random, evenly spread, or by what came before.

Belongs here: ways to choose, each with `ask` and `tell`, and what they choose from.
Never here: evaluating and ranking trials.
May be imported by: the rest of `search`.
"""
