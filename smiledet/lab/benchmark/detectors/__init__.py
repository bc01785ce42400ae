"""Face detectors compared."""
