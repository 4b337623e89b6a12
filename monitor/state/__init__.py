"""State that survives: snapshots of models with the offsets they stand at, in one atomic write."""
