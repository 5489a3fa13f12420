"""Drawings of where a model looked: matplotlib figures without any pyplot state, and HTML."""

from importlib.util import find_spec

from attention_core.errors import UserError

if find_spec("matplotlib") is None:
    raise UserError("Drawing needs matplotlib: pip install 'attention-core[plots]'.")

from attention_core.plots.arcs import alignment_arcs
from attention_core.plots.files import save
from attention_core.plots.heatmap import alignment_heatmap
from attention_core.plots.interactive import alignment_html
from attention_core.plots.tables import doubts_html, table_html

__all__ = [
    "alignment_arcs",
    "alignment_heatmap",
    "alignment_html",
    "doubts_html",
    "save",
    "table_html",
]
