"""Times of bars: trading days and hours, the length of a bar, and missing bars.

Belongs here: arithmetic on times, trading calendars, what can be inferred from times.
Never here: files, prices, requests.
May be imported by: everything else in `data`.
"""
