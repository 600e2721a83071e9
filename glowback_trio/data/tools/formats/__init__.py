"""Read files of prices as vendors, exchanges and spreadsheets write them.

Belongs here: one declaration per vendor, in `vendors`; the parts that read any of them.
Never here: what a run needs to load its bars, writing, options of the command line.
May be imported by: the modules directly in `data.tools`.
"""
