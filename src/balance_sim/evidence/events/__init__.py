"""How much dated events weigh: readers of event data and of dated acts, the measurement
model, and its placebos."""
