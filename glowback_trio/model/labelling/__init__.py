"""Labels: what people write on runs to find them again.

Belongs here: name, tags and note of a run, their bounds, and how they change.
Never here: how a store keeps and searches them.
May be imported by: everything.
"""
