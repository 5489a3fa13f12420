"""Many pictures at once, in the demo."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from attention_core.errors import UserError
from attention_core.plots import table_html
from attention_core.wording import marked, speaker
from captioner.collections.finding import SUFFIXES
from captioner.images import open_picture
from captioner.predictor import shipped
from captioner.wording import WORDING


def caption_all(
    files: list[str] | None,
    language: str,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
) -> tuple[str, dict[str, object], dict[str, object]]:
    """Captions of many pictures, as a table, a CSV and a JSONL file.

    A file that is no picture has its problem in the place of a caption, and the others go on.
    """
    say = speaker(WORDING, request)
    unsure = say("not sure")
    if not files:
        problem = say("there are no pictures yet: choose some")
        raise gr.Error(problem, title=say("Error"), print_exception=False)
    rows: list[dict[str, Any]] = []
    shown = []
    for index, file in enumerate(files):
        progress((index, len(files)), desc=say(f"picture {index + 1} of {len(files)}"))
        row: dict[str, Any]
        row = {"image": Path(file).name, "caption": "", "confidence": None, "error": ""}
        try:
            (best,) = shipped().caption([open_picture(file)], language=language)
            row |= {"caption": best.text, "confidence": best.confidence}
            told = f"{best.text} (⚠️ {unsure})" if best.doubtful else best.text
        except UserError as error:
            row["error"] = told = say(str(error).replace(file, Path(file).name))
        rows.append(row)
        shown.append([Path(file).name, told])
    names = [say("file"), say("caption")]
    table, lines = (gr.update(value=path, visible=True) for path in _written(rows))
    return table_html(say("Many pictures"), names, shown), table, lines


def pictures_of(folder: list[str]) -> list[str]:
    """The pictures among a folder's files, by their names."""
    return [file for file in folder if Path(file).suffix.lower() in SUFFIXES]


def _written(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """The two files, where gradio keeps what is downloaded, and forgets it in time."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    place = get_upload_folder()
    return (
        save_bytes_to_cache(table.getvalue().encode("utf-8-sig"), "captions.csv", place),
        save_bytes_to_cache(lines.encode(), "captions.jsonl", place),
    )


def album_tab(language: gr.Dropdown) -> None:
    """Files -> a table of captions, and the files to download."""
    files = gr.File(label=marked("Pictures"), file_count="multiple", file_types=["image"])
    label: Any = marked("A whole folder")
    folder = gr.UploadButton(label, file_count="directory")
    folder.upload(pictures_of, folder, files, api_visibility="private")
    button = gr.Button(marked("Caption all"))
    table = gr.HTML(js_on_load=None, apply_default_css=False)
    with gr.Row():
        table_file, lines_file = (
            gr.DownloadButton(label, visible=False)  # type: ignore[arg-type]
            for label in map(marked, ("Download CSV", "Download JSONL"))
        )
    button.click(
        caption_all, [files, language], [table, table_file, lines_file], api_visibility="private"
    )
