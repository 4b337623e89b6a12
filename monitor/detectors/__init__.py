"""Floor 1: online change detectors, one algorithm a file; banks of them are compiled."""
