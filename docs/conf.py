"""How the documentation is built: offline, every warning an error (`make docs`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from hazmon import __version__

project = "hazmon"
author = "The hazmon authors"
project_copyright = "the hazmon authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "chinese_search", "sample_config"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
language = "en"
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autosummary_generate = False  # numpydoc loads it; pages are written by hand
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections have the types, with shapes and units
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "hazmon"
html_static_path = ["_static"]
html_css_files = ["hazmon.css"]
html_show_sphinx = False
html_copy_source = False
html_search_language = "zh"
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {"color-brand-primary": "#a4121e", "color-brand-content": "#a4121e"},
    "dark_css_variables": {"color-brand-primary": "#ff7b72", "color-brand-content": "#ff7b72"},
}
