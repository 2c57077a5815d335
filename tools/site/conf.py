"""How Sphinx builds the site; ``tools.docs`` calls it with this folder."""

from __future__ import annotations

from importlib.metadata import version as installed

project = "iluvatar_bench"
author = "the authors of iluvatar_bench"
project_copyright = "Apache-2.0"
version = release = installed("iluvatar-bench")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Notebooks are run before, by papermill as ever; here they are only shown. What an interactive
# output would load from elsewhere is not.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_merge_streams = True

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
smartquotes = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
add_module_names = False
napoleon_numpy_docstring = False
# What stands before a colon in their text is no type: types are in the signature.
napoleon_custom_sections = ["Returns", "Yields"]

html_theme = "furo"
html_title = f"iluvatar_bench {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-dark"
