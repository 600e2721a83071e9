"""JSON: documents of requests, statuses and results' rows, and the converter that reads them.

Belongs here: names and order of document fields, units of the wire, strict reading, exports.
Never here: HTTP, statistics, decisions about runs; values have their rules in `model`.
May be imported by: every room above `model` but `serving`.
"""
