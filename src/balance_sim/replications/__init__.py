"""A block of replications: every arm simulated on common random numbers, and what is recorded of them."""
