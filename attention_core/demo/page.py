"""The demo's page: a tab for each installed task, and one to learn from."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from attention_core.demo.wording import WORDING
from attention_core.errors import UserError
from attention_core.tasks import Task, load_tasks
from attention_core.wording import Tables, marked

if TYPE_CHECKING:
    import gradio

FORGET = (3600, 3600)  # seconds: how often uploads and drawings are deleted, and how old by then

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the demo calls nobody


def build() -> gradio.Blocks:
    """The page; models are loaded when they are first used.

    A task whose tab can't be drawn, such as one whose model is missing, says so in its place.

    Raises UserError where gradio is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the demo needs gradio: pip install 'attention-core[demo]'")
    import gradio

    page: gradio.Blocks
    tabs = [(task.title, task.name, _drawn(task.name, task.tab)) for task in load_tasks()]
    tabs.append(("Learn", "learn", _drawn("learn", _learn)))
    with gradio.Blocks(title="Attention", delete_cache=FORGET) as page:
        gradio.Markdown(marked("# Attention\nWhat a recurrent decoder says, and where it looks."))
        for title, name, tab in tabs:
            with gradio.Tab(marked(title), id=name):
                tab.render()
    return page


def wording(tasks: list[Task]) -> Tables:
    """The page's own words and those of all tasks, by language."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for tables in (*(task.wording() for task in tasks), WORDING):
        for language, table in tables.items():
            found[language] |= table
    return found


def _learn() -> None:
    from attention_core.checkpoint import read
    from attention_core.demo.learn import tab
    from attention_core.translation import TASK
    from attention_core.translation.tab import NAMES

    tab([(NAMES.get(name, name), name) for name in read(TASK.shipped).config["data"]["languages"]])


def _drawn(name: str, draw: Callable[[], None]) -> gradio.Blocks:
    """A tab, by itself so that a broken one leaves the others whole."""
    import gradio

    tab: gradio.Blocks
    try:
        with gradio.Blocks() as tab:
            draw()
    except Exception as error:
        print(f"warning: the tab of the task {name!r}: {error}", file=sys.stderr)
        with gradio.Blocks() as tab:
            gradio.Markdown(f"This tab can't be shown: {error}")
    return tab
