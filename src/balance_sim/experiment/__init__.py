"""A run or a sweep from its plan to its folder: designs, tasks, one machine or a cluster."""
