"""The tab *Chat* of the demo."""

from __future__ import annotations

from typing import Any

import gradio as gr

from attention_core import UserError
from attention_dialogue import TASK
from attention_dialogue.corpus import turn
from attention_dialogue.speaker import Speaker

EXAMPLES = [
    "What is the capital of France?",
    "And Italy?",
    "What comes after Monday?",
    "And after that?",
    "What colour is a lemon?",
    "How much is three plus four?",
]


def chat(message: str, history: list[dict[str, Any]]) -> str:
    """The answer to a message, in the light of the turn before."""
    before = turn(*(_text(said["content"]) for said in history[-2:])) if history else ""
    try:
        return Speaker.load(TASK.shipped).answer(message, before)
    except UserError as error:
        return f"({error})"


def _text(content: Any) -> str:
    """The text of a message: the page has it in a list, the API as it is."""
    return content if isinstance(content, str) else content[0]["text"]


def tab() -> None:
    """A conversation."""
    talk = gr.Chatbot(label="About a small world", buttons=[])
    gr.ChatInterface(chat, chatbot=talk, examples=EXAMPLES, api_name="chat")
