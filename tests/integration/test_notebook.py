"""The notebook runs top to bottom, in a kernel of its own, and says what is saved in it."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "attention.ipynb"


def said(notebook) -> list[str]:
    """What each cell printed, or its value as text; drawings are told by their type."""
    found = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        printed = "".join(output.get("text", "") for output in outputs)
        kinds = [kind for output in outputs for kind in sorted(output.get("data", {}))]
        found.append(f"{printed}{kinds}")
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    saved = said(notebook)
    folder = {"metadata": {"path": NOTEBOOK.parent}}
    client = NotebookClient(notebook, timeout=300, resources=folder)
    with ThreadPoolExecutor() as thread:  # in this one a browser's loop may be running
        thread.submit(asyncio.run, client.async_execute()).result()
    gc.collect()  # here, where what the client leaves open is no error
    assert said(notebook) == saved
    assert sum("image/png" in output for output in saved) == 2
