"""The explorer: one HTML file with a sweep's dials; figures and numbers answer as they are moved."""

from balance_sim.show.explore.page import explorer_html, save_explorer

__all__ = ["explorer_html", "save_explorer"]
