"""What a study found: its store and manifest, streaming estimates, and frames to read."""
