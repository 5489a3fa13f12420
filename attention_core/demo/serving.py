"""Serving the demo: its address, its limits, its health."""

from __future__ import annotations

import importlib.util
import re
import socket
from dataclasses import dataclass
from typing import Any

from attention_core.demo.page import build, wording
from attention_core.errors import UserError
from attention_core.tasks import load_tasks

CHINESE = ("zh", *(f"zh-{place}" for place in ("CN", "SG", "MY", "TW", "HK", "MO", "Hans", "Hant")))
AT_ONCE, WAITING = 2, 64  # requests that are served, and that wait
CSS = """
.grid-wrap { height: auto !important; min-height: 0 !important; max-height: none !important;
             padding-top: 2.2rem !important }
footer .divider { display: none }
.grid-container { grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)) !important }
"""
# Gradio leaves boxes with a copy button, and example pictures, without names for a screen reader.
NAMES = """() => {
  const asked = navigator.language;
  document.documentElement.lang = asked.startsWith('zh') ? asked : 'en';
  const name = () => {
    for (const box of document.querySelectorAll('textarea:not([aria-label])')) {
      const label = box.closest('.block')?.querySelector('[data-testid=block-info]');
      if (label) box.setAttribute('aria-label', label.innerText);
    }
    for (const image of document.querySelectorAll('.gallery-item img[alt=""]')) {
      image.alt = image.src.split('/').pop().split('.')[0];
    }
  };
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  name();
}"""


@dataclass(frozen=True)
class Serving:
    """Where and how the demo is served; by default to this machine alone.

    ``auth`` is "name:password". ``max_size`` is the largest upload. ``share`` opens a public
    address through gradio's own service. ``mcp`` lets assistants call the endpoints.

    Raises UserError for what can't be.

    >>> Serving(max_size="10 apples")
    Traceback (most recent call last):
    attention_core.errors.UserError: max size '10 apples': write it as 500kb, 20mb or 1gb
    """

    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    auth: str | None = None
    max_size: str = "20mb"
    mcp: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[1-9]\d*[kmg]b", self.max_size.lower()):
            raise UserError(f"max size {self.max_size!r}: write it as 500kb, 20mb or 1gb")
        if self.auth is not None and not all(self.auth.partition(":")):
            raise UserError("auth: give a name and a password, as name:password")
        if self.mcp and importlib.util.find_spec("mcp") is None:
            raise UserError("the MCP server needs mcp: pip install 'attention-core[mcp]'")
        _port(self.host, self.port)


def _port(host: str, port: int) -> int:
    """The port, or any free one for 0; UserError where one can't listen there."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            free: int = probe.getsockname()[1]
            return free
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"can't listen on {host}:{port} ({reason}): choose another --host or --port"
        ) from None


def launch(serving: Serving) -> None:
    """Serves the demo until it is interrupted.

    Beside the page: ``/health`` answers {"status": "ok"}, ``/gradio_api/openapi.json`` describes
    the endpoints, and ``/gradio_api/mcp/`` is the MCP server where it is asked for.

    Raises UserError where gradio is not installed, or the page can't be reached.
    """
    page = build().queue(default_concurrency_limit=AT_ONCE, max_size=WAITING)
    import gradio
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    tables = wording(load_tasks())
    chinese: Any = dict.fromkeys(CHINESE, tables["zh"])
    try:
        _, url, _ = page.launch(
            server_name=f"[{serving.host}]" if ":" in serving.host else serving.host,
            server_port=_port(serving.host, serving.port),
            share=serving.share,
            auth=tuple(serving.auth.split(":", 1)) if serving.auth else None,
            max_file_size=serving.max_size,
            mcp_server=serving.mcp,
            i18n=gradio.I18n(**chinese),
            theme=gradio.themes.Default(
                font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace")
            ),
            css=CSS,
            js=NAMES,
            show_error=True,
            footer_links=["api"],
            run_history=False,
            app_kwargs={"routes": [Route("/health", lambda _: JSONResponse({"status": "ok"}))]},
            quiet=True,
            prevent_thread_lock=True,
        )
    except Exception as error:  # gradio asks itself for its page, and may not get through
        raise UserError(
            f"the demo can't be reached at {serving.host} ({error}):"
            f" behind a proxy, set NO_PROXY={serving.host}"
        ) from error
    print(f"The demo is at {page.share_url or url} (Ctrl-C stops it)", flush=True)
    page.block_thread()
