"""Pictures of how parts are put together."""

from itertools import pairwise

from figures_canvas import PALE, Canvas
from matplotlib.figure import Figure
from matplotlib.patches import Patch


def overview() -> Figure:
    """The seam: what passes between encoder, decoder and search."""
    canvas = Canvas(9.4, 3.0)
    source = canvas.box(0.6, 1.9, "source", "token", 0.9, 0.45)
    encoder = canvas.box(2.0, 1.9, "encoder", "recurrence")
    encoded = canvas.box(3.5, 1.9, "Encoded", "source")
    remember = canvas.box(5.1, 2.5, "remember", "attention")
    begin = canvas.box(5.1, 1.3, "begin", "recurrence")
    memory = canvas.box(6.7, 2.5, "Memory", "source")
    state = canvas.box(6.7, 1.3, "DecoderState", "state", 1.4, 0.45)
    step = canvas.box(8.4, 1.9, "step", "readout", 1.0, 0.6)
    search = canvas.box(8.4, 0.5, "search", "token", 1.0, 0.45)
    _chain(canvas, source, encoder, encoded)
    _chain(canvas, encoded, remember, memory, step)
    _chain(canvas, encoded, begin, state, step)
    canvas.arrow(remember, begin)
    canvas.arrow(step, search, bend=-0.25)
    canvas.arrow(search, step, bend=-0.25)
    canvas.text(9.2, 1.2, "logits", 8, PALE)
    canvas.text(7.65, 1.05, "tokens", 8, PALE)
    return canvas.figure


def attention() -> Figure:
    """From a query to a context."""
    canvas = Canvas(9.4, 3.0)
    query = canvas.round(0.5, 1.0, "$q$")
    keys = canvas.box(0.75, 2.4, "keys $k_s$", "source", 1.1, 0.45)
    scorer = canvas.box(2.3, 1.7, "scorer", "attention")
    softmax = canvas.box(4.2, 1.7, "masked\nsoftmax", "attention", 1.1, 0.6)
    valid = canvas.box(3.4, 2.65, "valid", "source", 0.8, 0.4)
    window = canvas.box(4.9, 2.65, "window", "attention", 0.9, 0.4)
    total = canvas.box(6.1, 1.7, "$\\sum_s \\alpha_s h_s$", "attention", 1.2, 0.6)
    values = canvas.box(6.1, 2.65, "values $h_s$", "source", 1.2, 0.4)
    gate = canvas.box(7.7, 1.7, "gate", "attention", 0.8)
    context = canvas.round(8.9, 1.7, "$c_t$")
    coverage = canvas.box(2.3, 0.5, "coverage", "state", 1.1, 0.45)
    sentinel = canvas.box(5.1, 0.5, "sentinel", "attention", 1.0, 0.45)
    for tail, head in (
        (query, scorer),
        (keys, scorer),
        (coverage, scorer),
        (valid, softmax),
        (window, softmax),
        (values, total),
        (sentinel, softmax),
        (sentinel, total),
    ):
        canvas.arrow(tail, head)
    _chain(canvas, scorer, softmax, total, gate, context)
    canvas.text(3.25, 1.85, "$e_s$")
    canvas.text(5.12, 1.85, "$\\alpha_s$")
    canvas.arrow(softmax, coverage, bend=-0.2, dashed=True)
    return canvas.figure


def recurrence() -> Figure:
    """Two layers over three steps; dropout acts on the arrows that go up."""
    canvas = Canvas(7.4, 3.4)
    inputs = [canvas.round(1.9 + 1.9 * t, 0.4, f"$x_{t + 1}$", "token") for t in range(3)]
    below = inputs
    for layer, y in ((1, 1.4), (2, 2.4)):
        row = [canvas.round(0.45, y, f"$s_0^{layer}$")]
        row += [
            canvas.box(1.9 + 1.9 * t, y, f"cell {layer}", "recurrence", 1.0, 0.55) for t in range(3)
        ]
        row.append(canvas.round(7.0, y, f"$s_3^{layer}$"))
        _chain(canvas, *row)
        for tail, head in zip(below, row[1:4], strict=True):
            canvas.arrow(tail, head)
        below = row[1:4]
    for t, cell in enumerate(below):
        canvas.arrow(cell, canvas.round(1.9 + 1.9 * t, 3.1, f"$o_{t + 1}$"))
    return canvas.figure


def encoders() -> Figure:
    """Two directions, joined position by position."""
    canvas = Canvas(7.4, 3.9)
    words = ["cat", "chase", "mouse"]
    columns = [1.9, 3.7, 5.5]
    tokens = [
        canvas.box(x, 0.4, word, "token", 0.95, 0.45)
        for x, word in zip(columns, words, strict=True)
    ]
    forward = [
        canvas.round(x - 0.35, 1.4, f"$\\overrightarrow{{h}}_{s}$", "recurrence")
        for s, x in enumerate(columns, 1)
    ]
    backward = [
        canvas.round(x + 0.35, 2.2, f"$\\overleftarrow{{h}}_{s}$", "recurrence")
        for s, x in enumerate(columns, 1)
    ]
    values = [
        canvas.box(x, 3.2, f"$h_{s}$", "source", 0.95, 0.45) for s, x in enumerate(columns, 1)
    ]
    for token, ahead, back, value in zip(tokens, forward, backward, values, strict=True):
        for tail, head in ((token, ahead), (token, back), (ahead, value), (back, value)):
            canvas.arrow(tail, head)
    _chain(canvas, *forward)
    _chain(canvas, *reversed(backward))
    canvas.arrow(forward[-1], canvas.box(6.8, 1.4, "$C_{1:H}$", "source", 0.9, 0.45))
    canvas.arrow(backward[0], canvas.box(0.6, 2.2, "$C_{H+1:2H}$", "source", 1.0, 0.45))
    return canvas.figure


def starts() -> Figure:
    """Four ways to the first state."""
    canvas = Canvas(9.4, 2.6)
    rows = (
        (0.1, "CopyStart", "final", "", "$=$"),
        (2.45, "BridgeStart", "final", "$\\tanh W$", ""),
        (4.8, "ProjectStart", "summary", "$\\tanh W$", ""),
        (7.15, "PrefixStart", "summary", "$W$", "RNN"),
    )
    for left, title, given, first, second in rows:
        x = left + 1.0
        canvas.text(x, 2.45, title)
        chain = [canvas.box(x, 2.0, given, "source", 1.0, 0.4)]
        if first:
            chain.append(canvas.box(x, 1.35, first, "attention", 0.9, 0.4))
        if second == "RNN":
            chain.append(canvas.box(x, 0.85, "RNN", "recurrence", 0.9, 0.35))
        chain.append(canvas.round(x, 0.3, "$s_0$"))
        _chain(canvas, *chain)
    return canvas.figure


def readouts() -> Figure:
    """What each readout mixes."""
    canvas = Canvas(9.4, 2.6)
    rows = (
        (1.0, "HiddenReadout", ["$s_t$"], "$=$"),
        (3.4, "DeepReadout", ["$s_t$", "$c_t$", "$y_{t-1}$"], "maxout / tanh"),
        (5.9, "AttentionalReadout", ["$c_t$", "$s_t$"], "tanh"),
        (8.2, "FeedForwardReadout", ["$s_t$", "$c_t$"], "ReLU"),
    )
    for x, title, read, mix in rows:
        canvas.text(x, 0.1, title)
        mixed = canvas.box(x, 1.35, mix, "readout", 1.3, 0.45)
        features = canvas.round(x, 2.2, "$r_t$")
        canvas.arrow(mixed, features)
        for i, text in enumerate(read):
            place = x + 0.75 * (i - (len(read) - 1) / 2)
            kind = "token" if "y" in text else "source" if "c" in text else "state"
            canvas.arrow(canvas.round(place, 0.55, text, kind), mixed)
    return canvas.figure


def checkpoints() -> Figure:
    """The folder of a run, and the checkpoint in it."""
    canvas = Canvas(8.4, 3.1)
    run = canvas.box(0.9, 1.6, "runs/…", "source", 1.3)
    rows = (
        ("best/", "attention", 2.6, "checkpoint"),
        ("state.pt", "state", 1.6, "to resume"),
        ("log.jsonl", "state", 0.6, "a line per validation"),
    )
    for name, kind, y, note in rows:
        box = canvas.box(3.2, y, name, kind, 1.3, 0.45)
        canvas.arrow(run, box)
        if name != "best/":
            canvas.text(3.95, y, note, 9, PALE, ha="left")
        else:
            best = box
    files = ("config.json", "model.safetensors", "tokenizer.model", "README.md")
    for name, y in zip(files, (2.85, 2.3, 1.75, 1.2), strict=True):
        canvas.arrow(best, canvas.box(7.2, y, name, "readout", 1.8, 0.4))
    return canvas.figure


def tasks() -> Figure:
    """The core owns the verbs, a task its nouns."""
    canvas = Canvas(8.6, 3.1)
    package = canvas.box(1.0, 1.55, "a package\nof yours", "token", 1.5, 0.8)
    entry = canvas.box(3.5, 1.55, "entry point\nattention_core.tasks", "source", 2.0, 0.7)
    task = canvas.box(5.7, 1.55, "Task", "attention", 0.9, 0.6)
    _chain(canvas, package, entry, task)
    verbs = (
        "train recipe.toml",
        "evaluate checkpoint",
        "attention-core NAME …",
        "a tab of the demo",
    )
    for verb, y in zip(verbs, (2.75, 1.95, 1.15, 0.35), strict=True):
        canvas.arrow(task, canvas.box(7.6, y, verb, "readout", 1.9, 0.45))
    return canvas.figure


def _chain(canvas: Canvas, *parts: Patch) -> None:
    for tail, head in pairwise(parts):
        canvas.arrow(tail, head)


DIAGRAMS = {
    "overview": overview,
    "attention": attention,
    "recurrence": recurrence,
    "encoders": encoders,
    "starts": starts,
    "readouts": readouts,
    "checkpoints": checkpoints,
    "tasks": tasks,
}
