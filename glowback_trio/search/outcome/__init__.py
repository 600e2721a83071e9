"""The outcome of a search: winners scored on what was held out, figures, and a record.

Belongs here: validations of winners, their stitched equity, diagnostics, the manifest.
Never here: choosing and scoring trials.
May be imported by: `search.study`.
"""
