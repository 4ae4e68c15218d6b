"""The explorer of a study as one page, and a live page on this machine.

Only this room imports a web server.
"""
