"""What replications leave behind, as numbers: outcomes, filtered estimates, streaming levels and effects."""
