"""The tab *Caption* of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from attention_core.checkpoint import read
from attention_core.errors import UserError
from captioner import TASK
from captioner.images import open_picture
from captioner.overlay import attention_overlays
from captioner.predictor import shipped

NAMES = {"en": "English", "zh": "Chinese · 中文", "de": "German · Deutsch"}
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.jpg"))


def caption(
    picture: str | None, language: str, beam: float
) -> tuple[str, list[list[Any]], list[tuple[Any, str]]]:
    """A picture file into a caption, alternatives with scores, and a picture for each word.

    The score is the mean log-probability of a token; ``beam`` is the width of the search. Each
    word's picture is lit where the model looked as it wrote the word.
    """
    try:
        if picture is None:
            raise UserError("there is no picture yet: upload one, or click an example")
        width = int(beam)
        image = open_picture(picture)
        (best,) = shipped().caption([image], language=language, beam=width, nbest=min(width, 5))
        looked = attention_overlays(image, best.tokens, best.attention) if best.attention else []
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    ranked = [[found.text, round(found.score, 2)] for found in (best, *best.alternatives)]
    shares = [f" {share:.0%}" for share in best.looked or ()] or [""] * len(best.tokens)
    labels = [word + share for word, share in zip(best.tokens, shares, strict=True)]
    return best.text, ranked, list(zip(looked, labels, strict=False))


def _as_uploaded(payload: ImageData | None) -> str | None:
    """The file itself: ``open_picture`` understands more kinds, and says what is wrong."""
    return None if payload is None else payload.path


def tab() -> None:
    """Picture -> caption, alternatives, where the model looked for each word."""
    languages = read(TASK.shipped).config["data"]["languages"]
    with gr.Row():
        with gr.Column():
            picture = gr.Image(
                label="Picture",
                type="filepath",
                sources=["upload", "clipboard", "webcam"],
                height=340,
                buttons=[],
            )
            picture.preprocess = _as_uploaded  # type: ignore[method-assign]
            language = gr.Dropdown(
                [(NAMES.get(name, name), name) for name in languages],
                value=languages[0],
                label="Language",
                visible=len(languages) > 1,
            )
            button = gr.Button("Caption", variant="primary")
            examples = gr.Column()
            with gr.Accordion("More", open=False):
                beam = gr.Slider(1, 20, value=5, step=1, label="Beam width")
        with gr.Column():
            text = gr.Textbox(label="Caption", buttons=["copy"])
            looked = gr.Gallery(
                label="Where the model looked for each word",
                columns=4,
                height="auto",
                object_fit="contain",
                buttons=["download", "fullscreen"],
            )
            alternatives = gr.Dataframe(
                headers=["caption", "score"],
                column_widths=["75%", "25%"],
                wrap=True,
                label="Alternatives, with the mean log-probability of a token",
                interactive=False,
                buttons=[],
            )
    inputs, outputs = [picture, language, beam], [text, alternatives, looked]
    gr.on([button.click, picture.upload], caption, inputs, outputs, api_name="caption")
    with examples:
        gr.Examples(
            [[str(path), None, None] for path in EXAMPLES],
            inputs,
            outputs,
            caption,
            run_on_click=True,
            cache_examples=False,
            api_visibility="private",
        )
