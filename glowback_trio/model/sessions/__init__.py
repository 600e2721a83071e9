"""Session dates: which day of its market a bar belongs to, and on which days a market trades.

Belongs here: time zones, offsets, dates, weekdays; the one place that knows what an offset means.
Never here: prices, files, requests, exchanges by name.
May be imported by: `model` and every floor above.
"""
