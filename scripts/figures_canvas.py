"""Boxes, circles and arrows: what the diagrams of docs/figures are drawn with."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

INK = "#1b2733"
PALE = "#6b7a89"
FILL = {
    "source": "#e3e8ee",
    "attention": "#ffdfb8",
    "recurrence": "#cfe3fb",
    "readout": "#cdeccf",
    "state": "#ffffff",
    "token": "#f3e4f7",
}


class Canvas:
    """A figure measured in inches from its lower left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
        self.axes.set_axis_off()

    def box(
        self, x: float, y: float, text: str, kind: str, width: float = 1.1, height: float = 0.5
    ) -> Patch:
        """A box with its centre at (x, y); a state or a token is round."""
        rounding = height / 2 if kind in ("state", "token") else 0.07
        patch = FancyBboxPatch(
            (x - width / 2 + rounding, y - height / 2 + rounding),
            width - 2 * rounding,
            height - 2 * rounding,
            boxstyle=f"round,pad={rounding}",
            facecolor=FILL[kind],
            edgecolor=INK,
            linewidth=1,
        )
        self.axes.add_patch(patch)
        self.text(x, y, text)
        return patch

    def round(self, x: float, y: float, text: str, kind: str = "state") -> Patch:
        """A circle with its centre at (x, y)."""
        return self.box(x, y, text, kind, 0.56, 0.56)

    def text(
        self, x: float, y: float, text: str, size: float = 10, colour: str = INK, ha: str = "center"
    ) -> None:
        self.axes.text(x, y, text, ha=ha, va="center", fontsize=size, color=colour, linespacing=1.3)

    def arrow(
        self, tail: Patch, head: Patch, bend: float = 0.0, dashed: bool = False, corner: str = ""
    ) -> None:
        """An arrow from edge to edge; ``corner`` "up" or "across" says how it sets out."""
        style = f"arc3,rad={bend}"
        if corner:
            angles = {"up": "angleA=90,angleB=0", "across": "angleA=0,angleB=90"}[corner]
            style = f"angle,{angles},rad=6"
        self.axes.add_patch(
            FancyArrowPatch(
                centre(tail),
                centre(head),
                patchA=tail,
                patchB=head,
                connectionstyle=style,
                arrowstyle="-|>",
                mutation_scale=11,
                linestyle="--" if dashed else "-",
                color=INK,
                linewidth=1.1,
                shrinkA=0,
                shrinkB=1,
            )
        )


def centre(patch: Patch) -> tuple[float, float]:
    box = patch.get_bbox()
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
