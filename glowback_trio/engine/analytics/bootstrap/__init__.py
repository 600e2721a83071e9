"""The stationary bootstrap: confidence intervals of a record's headline metrics.

Belongs here: resampling of returns, and what their dependence means for it.
Never here: formulas of metrics (`returns`), the page on which intervals stand (`tearsheet`).
May be imported by: the tear sheet, benchmarks, and users.
"""
