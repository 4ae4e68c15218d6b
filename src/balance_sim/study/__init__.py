"""Replications: simulated, counted, stored and read back."""
