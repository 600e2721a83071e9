"""Engine: accounting."""
