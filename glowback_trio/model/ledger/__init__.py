"""The trial ledger: how often anyone has looked, as a chain of hashed entries.

Belongs here: what an entry says, the next entry, whether a chain is whole, totals of its trials.
Never here: how a store keeps the entries, statistics that need more than their sums.
May be imported by: everything.
"""
