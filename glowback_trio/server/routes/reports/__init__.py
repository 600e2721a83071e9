"""The routes of reports: of a run, of a comparison, of an optimization.

Belongs here: the handlers, and their part of the table of all routes.
Never here: what a report tells, and how it is written.
May be imported by: `server`.
"""
