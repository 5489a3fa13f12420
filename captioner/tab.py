"""The tab *Caption* of the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
from gradio.components.api_component import Api
from gradio.data_classes import ImageData
from gradio_client.utils import python_type_to_json_schema

from attention_core.checkpoint import read
from attention_core.errors import UserError
from attention_core.plots import table_html
from attention_core.tasks import installed_tasks, load_task
from attention_core.wording import Say, language_of, marked, speaker
from captioner import TASK
from captioner.album import album_tab
from captioner.caption import Caption
from captioner.images import open_picture
from captioner.live import Choices, live
from captioner.pointing import pointing_html
from captioner.predictor import Captioner, shipped
from captioner.wording import WORDING

NAMES = {"en": "English", "zh": "Chinese · 中文", "de": "German · Deutsch"}
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.jpg"))
SHOW_AND_TELL = TASK.shipped.with_name("show-and-tell")
NO_PICTURE = "there is no picture yet: upload one, or click an example"
COMPARED = (
    "Show and Tell has no attention: it sees the picture once, as one vector, before its first"
    " word (Vinyals et al. 2015). It writes English, so both do here."
)
Page = tuple[str, str, str, str, str, str]
"""A caption, how sure, to point at, alternatives, alt text, and the language that it is in."""


class Answer(TypedDict):
    """A caption as programs get it."""

    caption: str
    score: float
    confidence: float | None
    words: list[str]
    attention: list[list[list[float]]]
    alternatives: list[str]


def caption(
    picture: str | None,
    language: str | None = "en",
    beam: int | None = 5,
    nbest: int | None = 1,
) -> Answer:
    """Caption a picture.

    The score is the mean log-probability of a token, the confidence 0 to 1, or null where it isn't
    known. The attention has a grid for each word, rows from the top: how much the model looked at
    each part of the picture.

    Args:
        picture: A JPEG, PNG, WebP or GIF file.
        language: One of the model's languages.
        beam: The width of the search, 1 to 20.
        nbest: How many captions, 1 to 20: the best, and alternatives, best first.
    """
    try:
        if picture is None:
            raise UserError(NO_PICTURE)
        (best,) = shipped().caption(
            [open_picture(picture)],
            language=language or "en",
            beam=int(beam or 5),
            nbest=int(nbest or 1),
        )
    except UserError as error:
        raise gr.Error(_named(error, picture), print_exception=False) from None
    return Answer(
        caption=best.text,
        score=best.score,
        confidence=best.confidence,
        words=best.tokens,
        attention=best.attention,
        alternatives=[found.text for found in best.alternatives],
    )


def page(
    picture: str | None,
    language: str,
    beam: float,
    nbest: float,
    shortest: float,
    longest: float,
    temperature: float,
    request: gr.Request,
) -> Iterator[Page]:
    """The caption as it is being written, and in the end all that there is to see of it."""
    say = speaker(WORDING, request)
    try:
        if picture is None:
            raise UserError(NO_PICTURE)
        image = open_picture(picture)
        choices = Choices(
            beam=int(beam),
            nbest=int(nbest),
            shortest=int(shortest),
            longest=int(longest),
            temperature=temperature,
        )
        for found in live(shipped(), image, language, choices):
            if isinstance(found, str):
                yield found + " …", "", "", "", "", ""
            else:
                wording = WORDING.get(language_of(request))
                pointed = _pointed(image, found, wording)
                alt = f'alt="{escape(found.text)}"'
                yield found.text, _sure(found, say), pointed, _ranked(found, say), alt, language
    except UserError as error:
        raise gr.Error(
            say(_named(error, picture)), title=say("Error"), print_exception=False
        ) from None


def _named(error: UserError, picture: str | None) -> str:
    """What went wrong, with a picture's name in the place of where it lies on the server."""
    return str(error).replace(picture, Path(picture).name) if picture else str(error)


def _sure(found: Caption, say: Say) -> str:
    if found.confidence is None:
        return ""
    sure = f"{found.confidence:.0%}"
    if found.doubtful:
        return say(f"⚠️ **Not sure: confidence {sure}.**")
    return say(f"Confidence {sure}")


def _pointed(image: Any, found: Caption, wording: Any) -> str:
    if not found.attention:
        return ""
    grids, looked = found.attention, found.looked
    return pointing_html(image, found.text, found.tokens, grids, looked, wording=wording)


def _ranked(best: Caption, say: Say) -> str:
    return table_html(
        say("Alternatives, with the mean log-probability of a token"),
        [say("caption"), say("score")],
        [[found.text, found.score] for found in (best, *best.alternatives)],
    )


def in_other_languages(text: str, language: str, request: gr.Request) -> str:
    """The caption, which is in ``language``, in those of the translation task."""
    say = speaker(WORDING, request)
    try:
        if not (text and language):  # there is none, or it is being written
            raise UserError("there is no caption yet: caption a picture first")
        if language != "en":
            raise UserError("the translator reads English: caption the picture in English first")
        task = load_task("translate")
        rows = [[name, task.answer(text, name)] for name in _languages(task.shipped)]
    except UserError as error:
        raise gr.Error(say(str(error)), title=say("Error"), print_exception=False) from None
    names = [say("language"), say("translation")]
    return table_html(say("In other languages"), names, rows)


def _languages(checkpoint: Path | None) -> list[str]:
    languages: list[str] = read(checkpoint).config["data"]["languages"] if checkpoint else []
    return languages


@cache
def _show_and_tell() -> Captioner:
    return Captioner.load(SHOW_AND_TELL)


def compare(picture: str | None, beam: float, request: gr.Request) -> str:
    """The English caption of the shipped model beside that of Show and Tell."""
    say = speaker(WORDING, request)
    try:
        if picture is None:
            raise UserError(NO_PICTURE)
        image = open_picture(picture)
        rows: list[list[str | float]] = []
        models: dict[str, Callable[[], Captioner]] = {
            "With attention": shipped,
            "Show and Tell, without attention": _show_and_tell,
        }
        for name, model in models.items():
            (found,) = model().caption([image], language="en", beam=int(beam))
            rows.append([say(name), found.text, found.score])
    except UserError as error:
        raise gr.Error(
            say(_named(error, picture)), title=say("Error"), print_exception=False
        ) from None
    names = [say("model"), say("caption"), say("score")]
    return table_html(say("Compared with Show and Tell"), names, rows)


def _picture(**options: Any) -> gr.Image:
    """A picture that comes as its file: ``open_picture`` tells better what is wrong with one."""
    picture = gr.Image(type="filepath", **options)
    picture.preprocess = _as_uploaded  # type: ignore[method-assign]
    return picture


def _as_uploaded(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path


def tab() -> None:
    """Picture -> caption as it is written, words and regions to point at, alternatives."""
    languages = _languages(TASK.shipped)
    choices = [(NAMES.get(name, name), name) for name in languages]
    plain: Any = {"js_on_load": None, "apply_default_css": False}
    with gr.Row():
        with gr.Column():
            picture = _picture(
                label=marked("Picture"),
                sources=["upload", "clipboard", "webcam"],
                height=340,
                buttons=[],
            )
            language = gr.Dropdown(
                choices, value=languages[0], label=marked("Language"), visible=len(languages) > 1
            )
            button = gr.Button(marked("Caption"), variant="primary")
            examples = gr.Column()
            with gr.Accordion(marked("More"), open=False):
                beam = gr.Slider(1, 20, value=5, step=1, label=marked("Beam width"), buttons=[])
                nbest = gr.Slider(1, 10, value=5, step=1, label=marked("Alternatives"), buttons=[])
                shortest = gr.Slider(
                    1, 20, value=1, step=1, label=marked("Shortest, in tokens"), buttons=[]
                )
                longest = gr.Slider(
                    1, 40, value=40, step=1, label=marked("Longest, in tokens"), buttons=[]
                )
                temperature = gr.Slider(
                    0,
                    2,
                    value=0,
                    step=0.1,
                    label=marked("Temperature (0 searches, above it samples)"),
                    buttons=[],
                )
        with gr.Column():
            text = gr.Textbox(label=marked("Caption"), interactive=False, buttons=["copy"])
            spoken = gr.State("")
            sure = gr.Markdown()
            pointed = gr.HTML(**plain)
            alternatives = gr.HTML(**plain)
            alt = gr.Textbox(label=marked("As alt text"), buttons=["copy"])
            with gr.Accordion(marked("In other languages"), open=False):
                if "translate" in installed_tasks():
                    into = gr.Button(marked("Translate the caption"))
                    translated = gr.HTML(**plain)
                    into.click(
                        in_other_languages, [text, spoken], translated, api_visibility="private"
                    )
                else:
                    gr.Markdown(marked("Translation is not installed here."))
    with gr.Accordion(marked("Compared with Show and Tell"), open=False):
        gr.Markdown(marked(COMPARED))
        comparison = gr.Button(marked("Compare"))
        both = gr.HTML(**plain)
        comparison.click(compare, [picture, beam], both, api_visibility="private")
    with gr.Accordion(marked("Many pictures"), open=False):
        album_tab(language)
    inputs = [picture, language, beam, nbest, shortest, longest, temperature]
    outputs = [text, sure, pointed, alternatives, alt, spoken]
    gr.on([button.click, picture.upload], page, inputs, outputs, api_visibility="private")
    with examples:
        gr.Examples(
            [[str(path)] for path in EXAMPLES],
            picture,
            label=marked("Examples"),
            api_visibility="private",
        ).load_input_event.then(page, inputs, outputs, api_visibility="private")
    with gr.Row(visible=False):
        gr.on(
            [],
            caption,
            [
                _picture(label="Picture"),
                gr.Dropdown(choices, value=languages[0], label="Language"),
                gr.Number(5, minimum=1, maximum=20, precision=0, label="Beam width"),
                gr.Number(1, minimum=1, maximum=20, precision=0, label="How many captions"),
            ],
            Api(None, python_type_to_json_schema(Answer), "Caption"),
            api_name="caption",
        )
