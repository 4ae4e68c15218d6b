"""The page of `balance-sim app`, and a view of the model for Mesa's front end.

Only this room imports Solara and a web server.
"""
