"""How Sphinx builds the site; ``tools.docs`` calls it with this folder."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Any

from sphinx.application import Sphinx

project = "iluvatar_bench"
author = "the authors of iluvatar_bench"
project_copyright = "the authors of iluvatar_bench, Apache-2.0"
version = release = installed("iluvatar-bench")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Notebooks are run before, by papermill as ever; here they are only shown. What an interactive
# output would load from elsewhere is not.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_merge_streams = True
# Of what a cell gave in several forms one that the site knows is shown.
suppress_warnings = ["mystnb.unknown_mime_type"]

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
html_favicon = "static/icon.svg"
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"

_ONE_VALUE = ("attribute", "data", "property")
_SECTIONS = {"Args:", "Raises:", "Returns:", "Yields:"}
_aside: dict[str, list[str]] = {}


def setup(app: Sphinx) -> None:
    """Keep napoleon from the text of a value: what stands before a colon in it is no type."""

    def put_aside(_: Sphinx, what: str, name: str, *rest: Any) -> None:
        lines: list[str] = rest[-1]
        if what in _ONE_VALUE and not _SECTIONS & {line.strip() for line in lines}:
            _aside[name], lines[:] = list(lines), []

    def put_back(_: Sphinx, what: str, name: str, *rest: Any) -> None:
        if name in _aside:
            rest[-1][:] = _aside.pop(name)

    # Napoleon listens at 500.
    app.connect("autodoc-process-docstring", put_aside, priority=400)
    app.connect("autodoc-process-docstring", put_back, priority=600)
