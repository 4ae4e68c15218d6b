"""Historical cases: scenarios made from data sets, and their scores."""
