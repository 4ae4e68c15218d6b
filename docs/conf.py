"""The site: `bash .ci/site` builds it into build/site, without a network, with warnings as errors."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent / "extensions"))
os.environ["BALANCE_SIM_ROOT"] = str(
    ROOT
)  # where notebooks find what commands are given in

project = "balance-sim"
author = "The balance-sim developers"
copyright = "2025, the balance-sim developers. Apache License 2.0"  # noqa: A001 - Sphinx names it
version = release = version_of("balance-sim")
language = "en"

extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx_click", "sphinx_design",
    "gallery", "frozen", "tables",
]  # fmt: skip
exclude_patterns = ["forecasts/*.json"]
root_doc = "index"
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_execution_in_temp = True

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has them
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # an attribute in a docstring is no second object

html_theme = "pydata_sphinx_theme"
html_title = "balance-sim"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "gallery": []}
html_theme_options = {
    "logo": {"text": "balance-sim"},
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_toc_level": 2,
    "collapse_navigation": True,  # a button to unfold a branch would have no name
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def setup(app):
    """Corners of pandas' tables are no headers, which screen readers would announce."""
    app.connect(
        "html-page-context",
        lambda *about: about[3].update(body=no_empty_headers(about[3].get("body", ""))),
    )


def no_empty_headers(body):
    """The body of a page without header cells that say nothing."""
    return body.replace("<th></th>", "<td></td>")
