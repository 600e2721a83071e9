"""Upkeep: what an open store does by itself, next to what it is asked.

Belongs here: tasks of the store that copy, remove and give space back, in small steps.
Never here: what operators do with a file by hand.
May be imported by: `store.sqlite`.
"""
