"""`python -m balance_sim` is the same program as `balance-sim`."""

from balance_sim.cli import main

if __name__ == "__main__":
    main()
