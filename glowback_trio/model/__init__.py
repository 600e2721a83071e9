"""Values: requests, bars, events, statuses and results, frozen and checked.

Belongs here: values that rooms hand to each other, the lifecycle table, and the laws of a log.
Never here: JSON documents (`wire`), arithmetic (`engine`), tasks, files, clocks.
May be imported by: every room but `serving`.
"""
