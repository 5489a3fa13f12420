"""One step of a decoder, drawn from the decoder itself."""

from figures_canvas import PALE, Canvas
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from attention_core import (
    Attention,
    DeepReadout,
    FixedContext,
    HiddenReadout,
    LocalMonotonic,
    LocalPredictive,
    RecurrentDecoder,
)

WINDOWS = {LocalMonotonic: "local-m", LocalPredictive: "local-p"}
BEFORE, AFTER = 2.9, 6.3  # the columns of what comes before the RNN, and after it
RAISED = 3.2  # how much further the readout is, behind a stack above
LOW, ROW, HIGH, TOP = 0.5, 1.7, 2.75, 3.7


def wiring(decoder: RecurrentDecoder) -> Figure:
    """What step t reads, with time from left to right."""
    behind = AFTER + (RAISED if decoder.above else 0)  # the column of the readout
    canvas = Canvas(behind + 2.3, 4.1 if decoder.attention else 3.2)
    previous = canvas.round(0.7, ROW, "$s_{t-1}$")
    token = canvas.round(BEFORE, LOW, "$y_{t-1}$", "token")
    recurrence = canvas.box(BEFORE, ROW, "RNN", "recurrence", 1.0, 0.7)
    state = canvas.round(4.5, ROW, "$s_t$")
    readout = canvas.box(behind, ROW, name(decoder.readout), "readout", 1.75)
    word = canvas.round(behind + 1.8, ROW, "$y_t$", "token")
    for tail, head in (
        (previous, recurrence),
        (token, recurrence),
        (recurrence, state),
    ):
        canvas.arrow(tail, head)
    above = None
    if decoder.above is None:
        canvas.arrow(state, readout)
    else:
        above = _above(canvas, state, readout)
    canvas.arrow(readout, word)
    canvas.text(behind + 1.2, ROW + 0.18, "softmax", 8, PALE)
    canvas.text(0.7, ROW - 0.5, f"$s_0$: {name(decoder.start)}", 8, PALE)
    if isinstance(decoder.readout, DeepReadout):
        canvas.arrow(token, readout, corner="across")
    if decoder.feed:
        canvas.arrow(canvas.round(1.6, LOW, "$r_{t-1}$"), recurrence)
    hears = [] if isinstance(decoder.readout, HiddenReadout) else [readout]
    if isinstance(decoder.before, FixedContext):
        summary = canvas.round(BEFORE, HIGH, "$C$", "source")
        canvas.arrow(summary, recurrence)
        if decoder.after is None:
            _give(canvas, summary, hears)
    if isinstance(decoder.before, Attention):
        attention = _attention(canvas, decoder.before, BEFORE, previous)
        canvas.arrow(attention, recurrence)
        canvas.text(BEFORE + 0.2, 2.25, "$c_t$")
        _give(canvas, attention, hears)
    if decoder.after is not None:
        attention = _attention(canvas, decoder.after, AFTER, state)
        canvas.arrow(attention, above or readout)
        if above is not None:
            _give(canvas, attention, hears)
        canvas.text(AFTER + 0.2, 2.25, "$c_t$")
        if decoder.sentinel is not None:
            sentinel = canvas.box(4.5, TOP, "VisualSentinel", "attention", 1.4, 0.4)
            canvas.arrow(recurrence, sentinel, bend=-0.2)
            canvas.arrow(sentinel, attention)
    if decoder.attention is None and decoder.before is None:
        canvas.arrow(canvas.box(0.7, HIGH, "encoder", "source", 1.0), previous, dashed=True)
    return canvas.figure


def name(part: object) -> str:
    return type(part).__name__


def _attention(canvas: Canvas, part: Attention, column: float, query: Patch) -> Patch:
    """The attention with its query and the memory above it."""
    extras = [WINDOWS[type(part.window)]] if part.window is not None else []
    extras += ["gate"] if part.gate is not None else []
    extras += ["coverage"] if part.scorer.coverage is not None else []
    attention = canvas.box(
        column, HIGH, "\n".join([name(part.scorer), *extras]), "attention", 1.3, 0.6
    )
    canvas.arrow(query, attention, corner="up")
    memory = canvas.box(column, TOP, "$h_1 \\ldots h_S$", "source", 1.5, 0.4)
    canvas.arrow(memory, attention)
    return attention


def _above(canvas: Canvas, state: Patch, readout: Patch) -> Patch:
    """The stack above, between the state that skips it and the readout."""
    stack = canvas.box(AFTER, ROW, "RNN above", "recurrence", 1.2, 0.7)
    last = canvas.round(AFTER, LOW, "$v_{t-1}$")
    total = canvas.round(AFTER + RAISED / 2, ROW, "$+$")
    for tail, head in ((state, stack), (last, stack), (stack, total), (total, readout)):
        canvas.arrow(tail, head)
    canvas.arrow(state, total, bend=0.45)
    return stack


def _give(canvas: Canvas, context: Patch, parts: list[Patch]) -> None:
    for part in parts:
        canvas.arrow(context, part, corner="across")
