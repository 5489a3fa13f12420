"""The demo: one page with a tab for each installed task."""

from __future__ import annotations

import importlib.util
import os
import socket
from typing import TYPE_CHECKING

from attention_core.errors import UserError
from attention_core.tasks import load_tasks

if TYPE_CHECKING:
    import gradio

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the demo calls nobody


def build() -> gradio.Blocks:
    """The page; models are loaded when they are first used.

    Raises UserError where gradio is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the demo needs gradio: pip install 'attention-core[demo]'")
    import gradio

    with gradio.Blocks(title="attention-core", analytics_enabled=False) as page:
        gradio.Markdown("# Attention\nWhat a recurrent decoder says, and where it looks.")
        for task in load_tasks():
            with gradio.Tab(task.title, id=task.name):
                task.tab()
    return page


def launch(host: str, port: int) -> None:
    """Serves the demo until it is interrupted.

    Raises UserError when the port is taken.
    """
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise UserError(
                    f"can't listen on {host}:{port} ({error.strerror}): choose another --port"
                ) from None
    page = build().queue(default_concurrency_limit=2, max_size=64)
    page.launch(server_name=host, server_port=port or None, show_error=True)
