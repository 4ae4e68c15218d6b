"""One page of a run to hand on: the finding, the map, how sure it is, the sources."""
