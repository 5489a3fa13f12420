"""The tab *Dates* of the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from attention_core import UserError
from attention_core.plots import alignment_heatmap
from attention_dates import TASK
from attention_dates.reader import DateReader

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODELS = {"additive": TASK.shipped, "scaled dot": TASK.shipped.parent / "scaled_dot"}
EXAMPLES = ["the 3rd of May 79, Tuesday", "5/3/79", "3.5.79", "FEBRUARY twenty-ninth, 2000"]
LOOKED = "Where the model looked for each character"


def read(text: str, attention: str) -> tuple[str, Figure]:
    """A freely written date into the ISO date, and where the model looked for its characters."""
    try:
        (reading,) = DateReader.load(MODELS[attention]).read([text])
        date = reading.date().isoformat()
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    return date, alignment_heatmap(text, reading.iso, reading.alignment, title=LOOKED)


def tab() -> None:
    """Text, attention -> date, alignment."""
    text = gr.Textbox(label="A date, as you would write it", placeholder="May 3rd, 1979")
    attention = gr.Radio(list(MODELS), value="additive", label="Attention")
    button = gr.Button("Read", variant="primary")
    examples = gr.Column()
    date = gr.Textbox(label="ISO date", buttons=["copy"])
    plot = gr.Plot(label=LOOKED, show_label=False)
    inputs, outputs = [text, attention], [date, plot]
    gr.on([button.click, text.submit], read, inputs, outputs, api_name="dates")
    with examples:
        rows = [[example, None] for example in EXAMPLES]
        gr.Examples(rows, inputs, outputs, read, run_on_click=True, api_visibility="private")
