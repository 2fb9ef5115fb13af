"""The manual's configuration: ``sphinx-build -W -n -c notebooks/manual notebooks OUT``, from the project's folder.

The sources are ``notebooks/``: the notebooks with the outputs that they were committed with, and the pages in
``manual/``. The pages of the API come from the docstrings.
"""

import re
import types

import latex2mathml.converter
from docutils.nodes import SkipNode

import refcompress
import refcompress.verify

project = "refcompress"
author = "The refcompress developers"
release = version = refcompress.__version__
project_copyright = f"2026, {author}"

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
include_patterns = ["index.md", "manual/**", "[0-9]_*.ipynb"]
html_theme = "furo"
html_static_path = ["wide.css"]
html_css_files = ["wide.css"]
html_math_renderer = "mathml"  # what browsers read by themselves: nothing is fetched when a page is read
html_title = f"refcompress {release}"

nb_execution_mode = "off"  # what was committed is shown; that it is what comes out is a test of the notebooks
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"  # reading order
autodoc_typehints = "none"  # a docstring says more than its annotations
autosummary_generate = False
numpydoc_show_class_members = False
# of other projects, whose inventories are not fetched: the build needs no network
nitpick_ignore_regex = [("py:class", r"(numpy|collections)\..*")]

CODE = re.compile(r"(``.*?``|^ *>>> .*?(?=\n\s*\n|\Z))", re.DOTALL | re.MULTILINE)


def plain_text(app, what, name, obj, options, lines):
    """Let the formulas of docstrings be what they are in the source: ``|x|`` is a magnitude, and no reStructuredText.

    A heading within a module's docstring (References) becomes a line in bold, not a chapter of the page.
    """
    pieces = CODE.split("\n".join(lines))
    pieces[::2] = [re.sub(r"\||(?<!\*)\*(?!\*)", r"\\\g<0>", piece) for piece in pieces[::2]]
    text = "".join(pieces)
    if what == "module":
        text = re.sub(r"^(\S.*)\n---+$", r".. rubric:: \1\n", text, flags=re.MULTILINE)
    lines[:] = text.split("\n")


def public_name(app, env, node, contnode):
    """Let ``refcompress.quantize``, or the name alone, lead to where it is defined."""
    package, _, name = node.get("reftarget", "").rpartition(".")
    module = {"refcompress.verify": refcompress.verify}.get(package, refcompress)
    if package not in ("", module.__name__) or name not in module.__all__:
        return None
    place = f"{getattr(module, name).__module__}.{name}"
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", place, node, contnode)


def no_alias(app, what, name, obj, skip, options):
    """Leave out names of types, ``Scaled = tuple[Array, int]``: they are for the reader of the source."""
    return isinstance(obj, types.GenericAlias) or None


def mathml(display):
    """Return what writes a formula into a page."""

    def visit(self, node):
        self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
        raise SkipNode

    return visit, None


def setup(app):
    """Have the first done behind numpydoc."""
    app.add_html_math_renderer("mathml", mathml("inline"), mathml("block"))
    app.connect("autodoc-skip-member", no_alias)
    app.connect("autodoc-process-docstring", plain_text, priority=900)
    app.connect("missing-reference", public_name)
