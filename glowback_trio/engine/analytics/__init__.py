"""Engine: analytics."""
