"""Reports: a result, an optimization or a comparison as one file that needs nothing else.

Belongs here: what a report tells, how it is written as HTML, Markdown or JSON, its verification.
Never here: computing a metric, a clock, a network, files. All text from outside stays text.
May be imported by: `glowback_trio`, `server`, `cli`, `testing` and `notebook`.
"""
