"""The report: one HTML file that needs no network, no script and no program but a browser."""

from balance_sim.show.report.page import report_html, save_report, save_study

__all__ = ["report_html", "save_report", "save_study"]
