"""The demo: a page with a tab for each installed task, and one to learn from."""

from attention_core.demo.page import build
from attention_core.demo.serving import Serving, launch

__all__ = ["Serving", "build", "launch"]
