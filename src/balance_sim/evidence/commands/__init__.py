"""Commands of the group `balance-sim evidence`. Nothing else of evidence imports cli."""
