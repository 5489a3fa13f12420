"""The tab *Learn* of the demo: one decoding step at a time, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import torch

from attention_core.demo.lesson import LONGEST, SHIPPED, TINY, Lesson, lesson, own_scorer
from attention_core.demo.wording import WORDING
from attention_core.errors import UserError
from attention_core.plots import table_html
from attention_core.wording import Say, marked, speaker

FIRST = 8  # numbers of a long vector that are shown
FORMULAS = {
    "additive": "e_s = vᵀ tanh(W_s q + W_h h_s + b)",
    "bilinear": "e_s = qᵀ W h_s",
    "concat": "e_s = vᵀ tanh(W [h_s; q])",
    "cosine": "e_s = exp(β) · cos(q, h_s)",
    "dot": "e_s = qᵀ h_s",
    "scaled_dot": "e_s = (W_Q q)ᵀ (W_K h_s) / √K",
}
SENTENCES = {TINY: "cat chase mouse", SHIPPED: "A dog runs on the beach."}
STYLE = """
.steps h4 { margin: 1.2em 0 .3em; font-weight: 600 }
.steps code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere }
.steps p { margin: .3em 0 }
.steps .written { line-height: 2 }
.steps .written bdi { padding: .15em .4em; margin-inline-end: .15em; border-radius: .3em }
.steps .written [aria-current] { background: #2563eb; color: white }
.steps .written .later { opacity: .45 }
"""


def shown(found: Lesson, place: int, say: Say) -> str:
    """One step of a lesson, with ``place`` steps before it, as a piece of a page."""
    step, word = found.steps[place], found.tokens[place]
    powers = _powers(step.scores)
    total = sum(powers)
    weight, power, looked = max(zip(step.weights, powers, found.source, strict=True))
    likeliest, _ = found.likeliest[place][0]
    source = say("source word")
    scores = table_html(
        say("How well each source word answers the query"),
        [source, "e"],
        list(zip(found.source, step.scores, strict=True)),
        bars={1: None},
    )
    weights = table_html(
        say("Where the decoder looks"),
        [source, "exp(e - max e)", "α"],
        list(zip(found.source, powers, step.weights, strict=True)),
        bars={2: 1},
    )
    output = table_html(
        say("The likeliest words"), [say("word"), "p"], found.likeliest[place], bars={1: 1}
    )
    origin = (
        "The weights of this scorer were trained."
        if found.trained
        else "This scorer was not trained here: it takes the trained matrices of the model's own."
    )
    result = (
        say("The model writes {}.")
        if likeliest == word
        else say("The likeliest here is {}. The model with its own scorer wrote {}.")
    )
    return (
        f'<section class="steps"><style>{STYLE}</style>{_written(found.tokens, place)}'
        f"<h4>1. {say('Scores')}</h4><p><code>{FORMULAS[found.scorer]}</code></p>"
        f"<p>{say(origin)}</p><p><code>q = {_vector(step.query)}</code></p>{scores}"
        f"<h4>2. {say('Softmax')}</h4><p><code>α_s = exp(e_s) / Σ exp(e)</code></p>"
        f"<p><code>α({escape(looked)}) = {power:.3f} / {total:.3f} = {weight:.3f}</code></p>"
        f"{weights}<h4>3. {say('Context')}</h4>"
        f"<p><code>c = Σ_s α_s h_s = {_vector(step.context)}</code></p>"
        f"<h4>4. {say('Output')}</h4><p><code>p(y) = softmax(W r + b)</code></p>{output}"
        f"<p><strong>{escape(result.format(likeliest, word))}</strong></p></section>"
    )


def _powers(scores: Sequence[float]) -> list[float]:
    """exp(e - max e), which no score can make too large."""
    e = torch.tensor(scores, dtype=torch.float64)
    powers: list[float] = (e - e.max()).exp().tolist()
    return powers


def _written(tokens: Sequence[str], place: int) -> str:
    states = ["", ' aria-current="step"', ' class="later"']
    words = (
        f"<bdi{states[(index >= place) + (index > place)]}>{escape(token)}</bdi>"
        for index, token in enumerate(tokens)
    )
    return f'<p class="written">{"".join(words)}</p>'


def _vector(vector: Sequence[float]) -> str:
    numbers = " ".join(f"{number:.3f}" for number in vector[:FIRST])
    return f"[{numbers} … {len(vector)}]" if len(vector) > FIRST else f"[{numbers}]"


def follow(
    text: str, model: str, language: str, scorer: str, step: float, request: gr.Request
) -> tuple[Lesson, dict[str, object], str]:
    """A lesson, at the step that another was at where it has as many."""
    say = speaker(WORDING, request)
    try:
        found = lesson(text, model, language, scorer)
    except UserError as error:
        raise gr.Error(say(str(error)), title=say("Error"), print_exception=False) from None
    place = min(int(step), len(found.steps))
    slider = gr.update(maximum=len(found.steps), value=place, interactive=True)
    return found, slider, shown(found, place - 1, say)


def at(found: Lesson | None, step: float, request: gr.Request) -> tuple[float, str]:
    """A step of the lesson, or its nearest."""
    if found is None:
        return 1, ""
    place = min(max(int(step), 1), len(found.steps))
    return place, shown(found, place - 1, speaker(WORDING, request))


def back(found: Lesson | None, step: float, request: gr.Request) -> tuple[float, str]:
    """The step before."""
    return at(found, step - 1, request)


def forth(found: Lesson | None, step: float, request: gr.Request) -> tuple[float, str]:
    """The step after."""
    return at(found, step + 1, request)


def switched(model: str) -> tuple[str, dict[str, object], str]:
    """The model's own example, whether there is a language to choose, and its scorer."""
    own = "additive" if model == TINY else own_scorer()
    return SENTENCES[model], gr.update(visible=model == SHIPPED), own


def tab(languages: Sequence[tuple[str, str]]) -> None:
    """Sentence, model, scorer -> the steps, forth and back; ``languages`` as (name, code)."""
    gr.Markdown(marked("One word at a time: scores, softmax, context, output."))
    with gr.Row():
        with gr.Column(scale=2):
            model = gr.Radio(
                [
                    (marked("A tiny model, trained with each scorer"), TINY),
                    (marked("The translator that ships"), SHIPPED),
                ],
                value=TINY,
                label=marked("Model"),
            )
            text = gr.Textbox(
                SENTENCES[TINY],
                label=marked("English sentence"),
                info=marked("The tiny model knows: cat, dog, mouse, bird; chase, see, love."),
                max_length=LONGEST,
            )
            language = gr.Dropdown(
                list(languages), value=languages[0][1], label=marked("Into"), visible=False
            )
            scorer = gr.Radio(
                [(name.replace("_", " "), name) for name in FORMULAS],
                value="additive",
                label=marked("Scorer"),
            )
            start = gr.Button(marked("Follow it"), variant="primary")
        with gr.Column(scale=3):
            step = gr.Slider(
                1, 4, value=1, step=1, label=marked("Step"), interactive=False, buttons=[]
            )
            with gr.Row():
                before = gr.Button(marked("◀ Back"), min_width=80)
                after = gr.Button(marked("Next ▶"), min_width=80)
            page = gr.HTML(label=marked("Step"), js_on_load=None, apply_default_css=False)
    found = gr.State(None)
    inputs, outputs = [text, model, language, scorer, step], [found, step, page]
    quiet: Any = {"api_visibility": "private", "show_progress": "hidden"}
    gr.on(
        [start.click, text.submit, scorer.input, language.input],
        follow,
        inputs,
        outputs,
        api_visibility="private",
    )
    model.input(switched, model, [text, language, scorer], **quiet).then(
        follow, inputs, outputs, api_visibility="private"
    )
    gr.on(before.click, back, [found, step], [step, page], **quiet)
    gr.on(after.click, forth, [found, step], [step, page], **quiet)
    gr.on(step.release, at, [found, step], [step, page], **quiet)
