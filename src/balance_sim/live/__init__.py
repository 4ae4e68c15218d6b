"""The live page: a server for this machine alone that lives new ensembles as dials are moved."""
