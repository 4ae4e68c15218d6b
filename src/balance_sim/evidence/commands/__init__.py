"""Commands of the group `balance-sim evidence`: what alone of it imports cli."""
