"""Goodness of fit of simulated networks."""
