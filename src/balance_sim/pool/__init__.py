"""Processes and files: one pool of worker processes, a lock, whole files. Knows nothing of the model."""
