"""Commands of the group `balance-sim evidence`; nothing else of evidence imports cli."""
