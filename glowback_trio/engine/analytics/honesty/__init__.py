"""Honesty about how often one has looked: what the best of many trials is worth.

Belongs here: sketches of trials' returns, statistics of many trials, the verdict on their best.
Never here: making trials, counting those of others (`model.ledger`), anything without a seed.
May be imported by: `engine.trials`, `search`, `actors`, `cli`, and users.
"""
