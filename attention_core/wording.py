"""What the demo's pages say, in the language that the reader's browser asks for first.

English texts are the keys. A table gives another language's text for each; a ``{}`` in both stands
for what differs from time to time, such as a number or a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradio import Request
    from gradio.i18n import I18nData

Table = Mapping[str, str]  # English: the other language
Tables = Mapping[str, Table]  # by language
Say = Callable[[str], str]  # English to the reader's language


def marked(text: str) -> I18nData:
    """A text of the page that the browser puts into its language, by the tables of the page."""
    from gradio.i18n import I18nData

    return I18nData(text)


def language_of(request: Request | None) -> str:
    """The language that a browser asks for first; English where nothing is asked for.

    >>> from types import SimpleNamespace
    >>> language_of(SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}))
    'zh'
    >>> language_of(None)
    'en'
    """
    asked = (request.headers if request else {}).get("accept-language") or ""
    return re.split(r"[-_,;\s]", asked.strip(), maxsplit=1)[0].lower() or "en"


def said(text: str, table: Table) -> str:
    """An English text as the table has it, or as it is where the table has none.

    >>> table = {"Picture": "图片", "{} is empty.": "{}是空的。"}
    >>> said("Picture", table), said("a.png is empty.", table), said("Other", table)
    ('图片', 'a.png是空的。', 'Other')
    """
    if text in table:
        return table[text]
    for pattern, translation in table.items():
        if "{}" in pattern:
            found = re.fullmatch("(.+?)".join(map(re.escape, pattern.split("{}"))), text)
            if found:
                return translation.format(*found.groups())
    return text


def speaker(tables: Tables, request: Request | None) -> Say:
    """``said`` in the language of whoever asks.

    >>> speaker({"zh": {"Picture": "图片"}}, None)("Picture")
    'Picture'
    """
    table = tables.get(language_of(request), {})
    return lambda text: said(text, table)
