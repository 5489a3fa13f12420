"""The demo: one page with a tab for each installed task."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from typing import TYPE_CHECKING

from attention_core.errors import UserError
from attention_core.tasks import Task, load_tasks

if TYPE_CHECKING:
    import gradio

CSS = """
.grid-wrap { height: auto !important; min-height: 0 !important; max-height: none !important;
             padding-top: 2.2rem !important }
.grid-container { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)) !important }
.table-wrap * { font-family: inherit !important }
"""

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
    tabs = [(task.title, task.name, _drawn(task)) for task in load_tasks()]
    with gradio.Blocks(title="Attention", delete_cache=FORGET) as page:
        gradio.Markdown("# Attention\nWhat a recurrent decoder says, and where it looks.")
        for title, name, tab in tabs:
            with gradio.Tab(title, id=name):
                tab.render()
    return page


def _drawn(task: Task) -> gradio.Blocks:
    """The task's tab, by itself so that a broken one leaves the others whole."""
    import gradio

    tab: gradio.Blocks
    try:
        with gradio.Blocks() as tab:
            task.tab()
    except Exception as error:
        print(f"warning: the tab of the task {task.name!r}: {error}", file=sys.stderr)
        with gradio.Blocks() as tab:
            gradio.Markdown(f"This tab can't be shown: {error}")
    return tab


def launch(host: str, port: int) -> None:
    """Serves the demo until it is interrupted.

    Raises UserError when the address can't be listened on.
    """
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise UserError(
                    f"can't listen on {host}:{port} ({error.strerror}):"
                    " choose another --host or --port"
                ) from None
    page = build().queue(default_concurrency_limit=2, max_size=64)
    import gradio

    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port or None,
            theme=gradio.themes.Default(font=("system-ui", "sans-serif")),
            css=CSS,
            show_error=True,
            footer_links=["api", "settings"],
            quiet=True,
            prevent_thread_lock=True,
        )
    except Exception as error:  # gradio asks itself for its page, and may not get through
        raise UserError(
            f"the demo can't be reached at {host} ({error}): behind a proxy, set NO_PROXY={host}"
        ) from error
    print(f"The demo is at {url} (Ctrl-C stops it)", flush=True)
    page.block_thread()
