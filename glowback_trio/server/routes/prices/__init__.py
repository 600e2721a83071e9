"""Prices over HTTP: the bars of runs and of datasets, and what is wrong with them.

Belongs here: their handlers and their part of the table of routes.
Never here: reading, checking and writing price files (`data`).
May be imported by: `routes.table`.
"""
