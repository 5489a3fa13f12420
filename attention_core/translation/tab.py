"""The tab *Translate* of the demo."""

from __future__ import annotations

import io
from typing import Any

import gradio as gr
from PIL import Image

from attention_core.checkpoint import read
from attention_core.errors import UserError
from attention_core.plots import alignment_heatmap, alignment_html
from attention_core.translation import TASK
from attention_core.translation.predictor import Translation, shipped

LONGEST = 5000  # characters that the page takes
NAMES = {
    "zh": "Chinese · 中文",
    "fr": "French · français",
    "de": "German · Deutsch",
    "cs": "Czech · čeština",
}
LOOKED = "Where the model looked for each word"
EXAMPLES = [
    ["Where is the train station?", "zh"],
    ["A woman in a red coat is reading a book.", "fr"],
    ["A dog runs on the beach.", "de"],
    ["Two children are playing in the snow.", "cs"],
]


def translate(
    text: str, language: str, beam: float
) -> tuple[str, str, list[list[Any]], str, Image.Image | None]:
    """English text into one of zh, fr, de, cs: translation, confidence, alternatives, alignment.

    The score is the mean log-probability of a token; ``beam`` is the width of the search. The
    alignment comes as HTML to point at, and as a heat map.
    """
    if len(text) > LONGEST:
        raise gr.Error(
            f"the text has {len(text):,} characters and at most {LONGEST:,} go in one piece here",
            print_exception=False,
        )
    try:
        width = int(beam)
        (best,) = shipped().translate([text], to=language, beam=width, nbest=min(width, 5))
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    ranked = [[found.text, round(found.score, 2)] for found in (best, *best.alternatives)]
    drawings = _drawn(best) if best.alignment else ("", None)
    return best.text, _sure(best), ranked, *drawings


def _sure(best: Translation) -> str:
    if best.confidence is None:
        return ""
    sure = f"Confidence {best.confidence:.0%}"
    return f"⚠️ **{sure}: the model is out of its depth.**" if best.doubtful else sure


def _drawn(best: Translation) -> tuple[str, Image.Image]:
    alignment = (best.source_tokens, best.tokens, best.alignment)
    png = io.BytesIO()
    alignment_heatmap(*alignment, title=LOOKED).savefig(png, format="png", dpi=100)
    return alignment_html(*alignment, title=LOOKED), Image.open(png)


def tab() -> None:
    """Text, target language -> translation, alternatives, alignment."""
    languages = read(TASK.shipped).config["data"]["languages"]
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label="English text", lines=3, max_length=LONGEST, placeholder="Type English"
            )
            language = gr.Dropdown(
                [(NAMES.get(name, name), name) for name in languages],
                value=languages[0],
                label="Into",
            )
            button = gr.Button("Translate", variant="primary")
            examples = gr.Column()
            with gr.Accordion("More", open=False):
                beam = gr.Slider(1, 20, value=5, step=1, label="Beam width")
        with gr.Column():
            translation = gr.Textbox(label="Translation", buttons=["copy"])
            confidence = gr.Markdown(label="Confidence")
            alignment = gr.HTML(
                label=LOOKED, max_height=720, js_on_load=None, apply_default_css=False
            )
            with gr.Accordion("As a heat map", open=False):
                heatmap = gr.Image(
                    label="Heat map",
                    show_label=False,
                    format="png",
                    interactive=False,
                    buttons=["download", "fullscreen"],
                )
            alternatives = gr.Dataframe(
                headers=["translation", "score"],
                column_widths=["75%", "25%"],
                wrap=True,
                label="Alternatives, with the mean log-probability of a token",
                interactive=False,
                buttons=[],
            )
    inputs = [text, language, beam]
    outputs = [translation, confidence, alternatives, alignment, heatmap]
    gr.on([button.click, text.submit], translate, inputs, outputs, api_name="translate")
    with examples:
        gr.Examples(
            [[english, to, None] for english, to in EXAMPLES if to in languages],
            inputs,
            outputs,
            translate,
            run_on_click=True,
            cache_examples=False,
            api_visibility="private",
        )
