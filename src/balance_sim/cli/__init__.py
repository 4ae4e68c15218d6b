"""The command line: parse, call, print, exit code. No arithmetic and no defaults of its
own."""

from balance_sim.cli.program import main

__all__ = ["main"]
