"""The docs site: Sphinx with MyST, built without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from uniseq import __version__

project = "uniseq"
author = "The uniseq maintainers"
release = version = __version__
extensions = ["myst_parser", "keys"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "uniseq"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
