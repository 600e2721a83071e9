"""Engine: reporting."""
