"""The tab *Translate* of the demo."""

from __future__ import annotations

import io
import math
from functools import cache
from typing import TypedDict

import gradio as gr
from gradio.components.api_component import Api
from gradio_client.utils import python_type_to_json_schema
from PIL import Image

from attention_core.errors import UserError
from attention_core.plots import alignment_heatmap, alignment_html, doubts_html, table_html
from attention_core.translation import TASK
from attention_core.translation.predictor import Translation, Translator, shipped
from attention_core.translation.wording import WORDING
from attention_core.wording import Say, language_of, marked, speaker

LONGEST = 5000  # characters that the page takes
NAMES = {
    "zh": "Chinese · 中文",
    "fr": "French · français",
    "de": "German · Deutsch",
    "cs": "Czech · čeština",
    "en": "English · 英文",
}
LOOKED = "Where the model looked for each word"
LONG = (
    "A man in a blue shirt is standing on a ladder cleaning a window while a woman with a red coat"
    " and two small dogs watches him from the street."
)
EXAMPLES = [
    ["Where is the train station?", "zh"],
    ["Cat chase mouse.", "zh"],
    ["The agreement on the European Economic Area was signed in August 1992.", "fr"],
    ["A woman in a red coat is reading a book.", "fr"],
    ["A dog runs on the beach.", "de"],
    ["Two children are playing in the snow.", "cs"],
    ["猫在睡觉。", "en"],
    [LONG, "de"],
]
PAIR = {  # into German, alike in everything but attention
    "With attention": TASK.shipped.with_name("with-attention"),
    "Without attention": TASK.shipped.with_name("without-attention"),
}
COMPARED = (
    "Two small models into German, trained alike on captions, of which one has no attention: its"
    " decoder sees the whole sentence as one vector of fixed size, and loses its way as sentences"
    " grow longer (Bahdanau et al. 2014, figure 2)."
)
Page = tuple[str, str, str, str, str, Image.Image | None]
EMPTY: Page = ("", "", "", "", "", None)


class Answer(TypedDict):
    """A translation as programs get it."""

    translation: str
    score: float
    confidence: float | None
    words: list[str]
    probabilities: list[float]
    source_words: list[str]
    alignment: list[list[float]]
    alternatives: list[str]


def translate(
    text: str | None, language: str | None = "zh", beam: int | None = 5, nbest: int | None = 1
) -> Answer:
    """Translate English into Chinese (zh), French (fr), German (de) or Czech (cs), or back.

    The score is the mean log-probability of a token, the confidence 0 to 1, or null where it isn't
    known. The alignment has a row for each word: its weight on each source word.

    Args:
        text: English, or for en any of the four, of at most 5,000 characters.
        language: zh, fr, de, cs or en.
        beam: The width of the search, 1 to 20.
        nbest: How many translations, 1 to 20: the best, and alternatives, best first.
    """
    try:
        if not isinstance(text, str):
            raise UserError("text: expected a text to translate")
        best = _best(text, language or "zh", beam or 5, nbest or 1)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    return Answer(
        translation=best.text,
        score=best.score,
        confidence=best.confidence,
        words=best.tokens,
        probabilities=[math.exp(value) for value in best.log_probabilities],
        source_words=best.source_tokens,
        alignment=best.alignment,
        alternatives=[found.text for found in best.alternatives],
    )


def _best(text: str, language: str, beam: float, nbest: float) -> Translation:
    if len(text) > LONGEST:
        raise UserError(
            f"the text has {len(text):,} characters and at most {LONGEST:,} go in one piece here"
        )
    (best,) = shipped(language).translate([text], to=language, beam=int(beam), nbest=int(nbest))
    return best


def page(text: str, language: str, beam: float, request: gr.Request) -> Page:
    """What the page shows of a text: nothing where nothing is typed."""
    if not text.strip():
        return EMPTY
    say = speaker(WORDING, request)
    try:
        best = _best(text, language, beam, min(beam, 5))
    except UserError as error:
        raise gr.Error(say(str(error)), title=say("Error"), print_exception=False) from None
    alternatives = table_html(
        say("Alternatives, with the mean log-probability of a token"),
        [say("translation"), say("score")],
        [[found.text, found.score] for found in (best, *best.alternatives)],
    )
    doubts = doubts_html(best.tokens, best.log_probabilities)
    return best.text, _sure(best, say), doubts, alternatives, *_drawn(best, say, request)


def _sure(best: Translation, say: Say) -> str:
    if best.confidence is None:
        return ""
    sure = f"{best.confidence:.0%}"
    if best.doubtful:
        return say(f"⚠️ **Confidence {sure}: the model is out of its depth.**")
    return say(f"Confidence {sure}")


def _drawn(
    best: Translation, say: Say, request: gr.Request | None
) -> tuple[str, Image.Image | None]:
    if not best.alignment:
        return "", None
    alignment = (best.source_tokens, best.tokens, best.alignment)
    png = io.BytesIO()
    alignment_heatmap(*alignment, title=say(LOOKED)).savefig(png, format="png", dpi=100)
    wording = WORDING.get(language_of(request))
    return alignment_html(*alignment, title=say(LOOKED), wording=wording), Image.open(png)


@cache
def _pair() -> dict[str, Translator]:
    return {name: Translator.load(path) for name, path in PAIR.items()}


def compare(text: str, beam: float, request: gr.Request) -> str:
    """What two small models, one with attention and one without, make of a text in German."""
    say = speaker(WORDING, request)
    try:
        found = {
            name: translator.translate([text], to="de", beam=int(beam))[0]
            for name, translator in _pair().items()
        }
    except UserError as error:
        raise gr.Error(say(str(error)), title=say("Error"), print_exception=False) from None
    return table_html(
        say("With and without attention"),
        ["", say("translation"), say("score")],
        [[say(name), each.text, each.score] for name, each in found.items()],
    )


def tab() -> None:
    """Text, target language -> translation, doubts, alignment, alternatives, as one types."""
    languages = TASK.languages()
    choices = [(NAMES.get(name, name), name) for name in languages]
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label=marked("Text"),
                lines=3,
                max_length=LONGEST,
                placeholder=marked("Type: the translation follows"),
            )
            language = gr.Dropdown(choices, value=languages[0], label=marked("Into"))
            button = gr.Button(marked("Translate"), variant="primary")
            examples = [[example, to] for example, to in EXAMPLES if to in languages]
            gr.Examples(
                examples,
                [text, language],
                label=marked("Examples"),
                example_labels=[f"{example} → {to}" for example, to in examples],
                api_visibility="private",
            )
            with gr.Accordion(marked("More"), open=False):
                beam = gr.Slider(1, 20, value=5, step=1, label=marked("Beam width"), buttons=[])
        with gr.Column():
            translation = gr.Textbox(label=marked("Translation"), buttons=["copy"])
            confidence = gr.Markdown()
            with gr.Accordion(marked("How sure it is of each word")):
                doubts = gr.HTML(js_on_load=None, apply_default_css=False)
                gr.Markdown(
                    marked("Underlined is what the model doubts; below 50 % with its probability.")
                )
            alignment = gr.HTML(max_height=720, js_on_load=None, apply_default_css=False)
            with gr.Accordion(marked("As a heat map"), open=False):
                heatmap = gr.Image(
                    label=marked("Heat map"),
                    show_label=False,
                    format="png",
                    interactive=False,
                    buttons=["download", "fullscreen"],
                )
            alternatives = gr.HTML(js_on_load=None, apply_default_css=False)
    inputs = [text, language, beam]
    with gr.Accordion(marked("With and without attention"), open=False):
        gr.Markdown(marked(COMPARED))
        comparison = gr.Button(marked("Compare"))
        both = gr.HTML(js_on_load=None, apply_default_css=False)
        comparison.click(compare, [text, beam], both, api_visibility="private")
    outputs = [translation, confidence, doubts, alternatives, alignment, heatmap]
    gr.on([button.click, text.submit], page, inputs, outputs, api_visibility="private")
    gr.on(  # what is typed meanwhile is translated next, and only its last state
        [text.change, language.change, beam.release],
        page,
        inputs,
        outputs,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )
    with gr.Row(visible=False):
        gr.on(
            [],
            translate,
            [
                gr.Textbox(label="Text"),
                gr.Dropdown(choices, value=languages[0], label="Language"),
                gr.Number(5, minimum=1, maximum=20, precision=0, label="Beam width"),
                gr.Number(1, minimum=1, maximum=20, precision=0, label="How many translations"),
            ],
            Api(None, python_type_to_json_schema(Answer), "Translation"),
            api_name="translate",
        )
