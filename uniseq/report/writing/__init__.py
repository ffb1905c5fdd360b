"""A report's contents as Markdown, LaTeX, CSV and HTML."""
