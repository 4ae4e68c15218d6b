"""The founding article's mechanisms: a plug-in."""
