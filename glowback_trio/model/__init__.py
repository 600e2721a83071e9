"""Words: the frozen values that travel between the floors."""
