"""Many trials in the kernel: each is carried out and measured, and only its figures are kept.

Belongs here: sums over one run's curve and fills, added as `engine.analytics` adds them.
Never here: formulas of metrics, and other ways to carry out orders.
May be imported by: `engine.kernel.choice` and `engine.trials`.
"""
