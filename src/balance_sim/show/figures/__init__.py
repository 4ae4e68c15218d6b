"""Figures: each a table that is computed and tested, and a function that draws it."""
