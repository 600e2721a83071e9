"""Draw a finding: its tasks as lanes, step by step, beside a round in which nothing is wrong.

Belongs here: what makes the page and the picture that `Finding.save` writes.
Never here: running a scenario, files, and anything that a reader would have to fetch.
May be imported by: `search`.
"""
