"""The coordination model (DyNAM): two-sided tie formation fitted to dated records."""
