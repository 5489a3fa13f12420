"""``attention-core alt``: alt texts in pages of every kind, and nothing else in them changed."""

import json
import re
from types import SimpleNamespace

import pytest
from conftest import attention_core
from PIL import Image

from captioner.caption import Caption
from captioner.collections import alt_pages
from captioner.collections.alt import Page, find_gaps
from captioner.collections.stream import Result
from captioner.predictor import Captioner


@pytest.fixture
def alt(caption_checkpoint, monkeypatch):
    """By a model that is never sure, but says so only where a test makes it."""
    monkeypatch.setattr(Caption, "doubtful", False)

    def run(*arguments, **options):
        return attention_core("alt", *arguments, "--checkpoint", caption_checkpoint, **options)

    return run


@pytest.fixture
def site(tmp_path):
    """Two pages, with a picture beside the second and one for both."""
    root = tmp_path / "site"
    (root / "blog").mkdir(parents=True)
    Image.new("RGB", (40, 30), (200, 40, 40)).save(root / "red dog.jpg")
    Image.new("RGB", (40, 30), (40, 60, 200)).save(root / "blog" / "blue.png")
    return root


@pytest.fixture
def said(caption_checkpoint):
    """said(path): the caption of a picture."""
    captioner = Captioner.load(caption_checkpoint)
    return lambda path: captioner.caption([Image.open(path)])[0].text


FILLED = [
    '<img src="a.png">',
    "<IMG\n  SRC = 'a.png'\n>",
    "<img src=a.png/>",
    "<img src=a.png />",
    '<p>Größe 狗<br><img class="{{ name }}" src="a.png" title="a > b"',
    '\r\n<p>\r\n<img src="a.png" data-alt="no" />',
    "<noscript><img src=a.png></noscript>",
    '{% block\n  x %}\r\n{{ a\n}}<p><img src="a.png">',
    "<a b c=<><img src=a.png>",
    "<p>&amp &nosuch; <3 <img src=a.png></div></div>",
]
LEFT = [
    '<img src="a.png" alt="Mine.">',
    '<img src="a.png" alt="">',
    "<img alt src=a.png>",
    '<img src="a.png" role="presentation">',
    '<img src="{{ picture }}">',
    "<img src=\"{% static 'a.png' %}\">",
    '<img src="a.png" {{ attributes }}>',
    '<img src="a.png" {% if alt %}alt="{{ alt }}"{% endif %}>',
    '<img {{{ attributes }}} src="a.png">',
    '<img{% if a < b %} hidden{% endif %} src="a.png">',
    '<img src="a.png" :alt="title">',
    '<img src="a.png" v-bind:alt="title">',
    '<img src="a.png" [alt]="title">',
]
NOT_SEEN = [
    '<!-- <img src="a.png"> -->',
    "<script>document.write('<img src=\"a.png\">')</script>",
    '<textarea><img src="a.png"></textarea>',
    "<?php echo \"<img src='a.png'>\"; ?>",
    '<% if (a > b) { %><% print("<img src=a.png>") %><% } %>',
    '{% set x = "<img src=a.png>" %}',
    "{{ '<img src=a.png>'|safe }}",
    "{# <img src=a.png> #}",
    '<image src="a.png">',
    "<imgs src=a.png>",
]


@pytest.mark.parametrize("tag", FILLED)
def test_what_is_filled(tag):
    text = tag if tag.endswith(">") else f"{tag}>"
    found = find_gaps(text)
    assert [gap.source.rstrip("/") for gap in found.gaps] == ["a.png"]
    (gap,) = found.gaps
    assert text[gap.start :][:4].lower() == "<img"
    assert gap.line == text[: gap.start].count("\n") + 1
    expected = f'{text[: gap.start + 4]} alt="A &quot;b&quot; &amp; c."{text[gap.start + 4 :]}'
    assert Page(text.encode()).filled({gap.start: ('A "b" & c.', None)}) == expected.encode()


@pytest.mark.parametrize("text", LEFT)
def test_what_is_left(text):
    found = find_gaps(f"<p>{text}</p>")
    assert (found.gaps, found.left) == ([], 1)


@pytest.mark.parametrize("text", NOT_SEEN)
def test_what_is_no_picture(text):
    found = find_gaps(f"{text}<img src=b.png>")
    assert [gap.source for gap in found.gaps] == ["b.png"]
    assert found.left == 0


@pytest.mark.parametrize(
    ("content", "alt"),
    [
        ("<p>é狗<img src=a>".encode(), "éł狗".encode()),
        ("\ufeff<p>é<img src=a>".encode(), "éł狗".encode()),
        ("\ufeff<p>é<img src=a>".encode("utf-16-le"), "éł狗".encode("utf-16-le")),
        ('<meta charset="gbk">é狗<img src=a>'.encode("gbk"), b"\xa8\xa6&#322;\xb9\xb7"),
        (b'<meta content="text/html; charset=ISO-8859-2">\xb3<img src=a>', b"\xe9\xb3&#29399;"),
        (b'<meta charset="utf-16">\xc3\xa9<img src=a>', "éł狗".encode()),
        (b'<meta charset="nonsense">\xc3\xa9<img src=a>', "éł狗".encode()),
        (b'<meta charset="utf-8">\xe9\xff<img src=a>', b"&#233;&#322;&#29399;"),
        (b"\xe9\x81\x00<img src=a>", b"&#233;&#322;&#29399;"),
    ],
)
def test_a_page_of_any_encoding_comes_back(content, alt):
    page = Page(content)
    assert page.filled({}) == content
    (gap,) = find_gaps(page.text).gaps
    filled = page.filled({gap.start: ("éł狗", None)})
    tag = "<img".encode(page.encoding)
    put = ' alt="'.encode(page.encoding) + alt + '"'.encode(page.encoding)
    assert filled == content.replace(tag, tag + put)


PAGE = """<!doctype html>
<html lang="en-GB">
<img src="red%20dog.jpg?size=2#x"><img src="https://example.org/a.jpg"><img src='' alt="">
<img src="none.jpg">
<img src="red dog.jpg">
"""


def test_a_copy_and_a_report(alt, site, said):
    page = site / "page.html"
    page.write_text(PAGE)
    result = alt(page)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"{page}:3: no file here: https://example.org/a.jpg",
        f"error: {page}:4: {site / 'none.jpg'} doesn't exist.",
        f"{page}: 2 filled, 1 left as they were, 1 elsewhere, 1 failed"
        f" -> {site / 'page.captioned.html'}",
    ]
    assert page.read_text() == PAGE
    text = f'<img alt="{said(site / "red dog.jpg")}" src="red'
    assert (site / "page.captioned.html").read_text() == PAGE.replace('<img src="red', text)


def test_a_site_in_place(alt, site, said):
    pages = {
        site / "index.html": b'<html lang="en">\r\n<img src=/blog/blue.png>\xff',
        site / "blog" / "post.HTM": b'<base href="../"><img src="red dog.jpg">',
        site / ".git.html": b"<img src=blog/blue.png>",
        site / "done.html": b"<img src=x alt=x>",
    }
    for page, content in pages.items():
        page.write_bytes(content)
    (site / "index.html").chmod(0o640)
    result = alt(site, "--in-place", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    blue, red = said(site / "blog" / "blue.png"), said(site / "red dog.jpg")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "page": str(page),
            "written": str(page) if alt else None,
            "left": 0 if alt else 1,
            "filled": [{"line": line, "src": src, "alt": alt, "lang": "en"}] if alt else [],
            "doubtful": [],
            "elsewhere": [],
            "failed": [],
        }
        for page, line, src, alt in [
            (site / "blog" / "post.HTM", 1, "red dog.jpg", red),
            (site / "done.html", 0, "", ""),
            (site / "index.html", 2, "/blog/blue.png", blue),
        ]
    ]
    pages[site / "index.html"] = pages[site / "index.html"].replace(
        b"<img", f'<img alt="{blue}"'.encode()
    )
    pages[site / "blog" / "post.HTM"] = pages[site / "blog" / "post.HTM"].replace(
        b"<img", f'<img alt="{red}"'.encode()
    )
    assert {page: page.read_bytes() for page in pages} == pages
    assert (site / "index.html").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in site.iterdir()) == sorted(
        ["index.html", "blog", "red dog.jpg", ".git.html", "done.html"]
    )
    assert alt(site, "--in-place").stderr.count("0 filled, 1 left") == 3


def test_alt_texts_to_be_looked_over_are_told(alt, site, said, monkeypatch):
    monkeypatch.setattr(Caption, "doubtful", True)
    (site / "page.html").write_text('<p>\n<img src="red dog.jpg">')
    (report,) = map(json.loads, alt(site, "--json").stdout.splitlines())
    (doubtful,) = report["doubtful"]
    sure = doubtful.pop("confidence")
    assert [doubtful] == report["filled"] and 0 <= sure <= 1
    doubt, summary = alt(site).stderr.splitlines()
    text = said(site / "red dog.jpg")
    assert doubt == f"{site / 'page.html'}:2: not sure ({sure:.0%}): {text}"
    assert "1 filled, 0 left as they were, 1 doubtful ->" in summary


def test_a_page_in_a_pipe(alt, site, said, monkeypatch):
    monkeypatch.chdir(site / "blog")
    result = alt("-", input=b'<p>\xc3\xa9\r\n<img src="blue.png">')
    assert result.exit_code == 0
    text = said(site / "blog" / "blue.png")
    assert result.stdout_bytes == f'<p>é\r\n<img alt="{text}" src="blue.png">'.encode()
    assert result.stderr == "-: 1 filled, 0 left as they were\n"


@pytest.mark.parametrize(
    ("html", "put"),
    [
        ('<html lang="de"><img src=blue.png>', '<img alt="{}" lang="en" src=blue.png>'),
        ('<html lang="en-US"><img src=blue.png>', '<img alt="{}" src=blue.png>'),
        ("<html><img src=blue.png>", '<img alt="{}" src=blue.png>'),
        ('<html lang=de><img src=blue.png lang="fr">', '<img alt="{}" src=blue.png lang="fr">'),
        ('<html lang=de><img src=blue.png lang="">', '<img alt="{}" src=blue.png lang="">'),
        (
            '<html lang="en"><p lang="fr"><img src=blue.png>',
            '<img alt="{}" lang="en" src=blue.png>',
        ),
        ('<html lang="de"><p lang="en-GB"><img src=blue.png>', '<img alt="{}" src=blue.png>'),
    ],
)
def test_a_language_that_is_not_the_pages_is_marked(alt, site, said, monkeypatch, html, put):
    monkeypatch.chdir(site / "blog")
    text = said(site / "blog" / "blue.png")
    assert put.format(text) in alt("-", input=html).stdout


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ("<p><img src=a>", None),
        ('<html lang="de-AT"><p><b><img src=a>', "de-AT"),
        ('<html lang=de><p lang="zh"><b><img src=a>', "zh"),
        ("<html lang=de><p lang=zh><img src=a lang=fr>", "fr"),
        ('<html lang=de><p lang=""><img src=a>', ""),
        ('<html lang=de><img src=a lang="">', ""),
        ("<html lang=de><p lang=zh></p><img src=a>", "de"),
        ("<html lang=de><input lang=zh><img src=a>", "de"),
        ("<html lang=de><P LANG=zh>x</P>\n<img src=a>", "de"),
        ("<html lang=de><p lang=zh><b lang=fr></p><img src=a>", "de"),
        ("<html lang=de><p lang=zh>x<p><img src=a>", "de"),
        ("<html lang=de><p lang=zh>x<div><img src=a>", "de"),
        ("<html lang=de><p lang=zh>x<br><img src=x alt=x><hr/><img src=a>", "de"),
        ("<html lang=de><ul><li lang=zh>x<li><img src=a>", "de"),
        ("<html lang=de><ul><li lang=zh>x<ul><li>x<li><img src=a>", "zh"),
        ("<html lang=de><ul><li lang=zh><p>x<ul><li>x</ul><li><img src=a>", "de"),
        ("<html lang=de><dl><dt lang=zh>x<dd><img src=a>", "de"),
        ("<html lang=de><table><tr lang=zh><td lang=fr>x<td><img src=a>", "zh"),
        ("<html lang=de><table><tr lang=zh><td lang=fr>x<tr><td><img src=a>", "de"),
        ("<html lang=de><table><thead lang=zh><tr><td>x<tbody><tr><td><img src=a>", "de"),
        ("<html lang=de><div lang=zh><table><td></div><img src=a>", "zh"),
        ("<html lang=de><div lang=zh></span></p><img src=a>", "zh"),
        ("<html lang=de><body lang=zh></body></html><img src=a>", "zh"),
        ("<html lang=de><div lang=zh /><img src=a>", "zh"),
        ("<html lang=de><svg lang=zh /><img src=a>", "de"),
        ("<html lang=de><svg><g lang=zh /></svg><img src=a>", "de"),
        ("<html lang=de><p{% if x %} class=x{% endif %} lang=zh>x</p><img src=a>", "de"),
        ("{% if x %}<html lang=de>{% else %}<html lang=zh>{% endif %}<img src=a>", "de"),
    ],
)
def test_the_language_is_the_one_around_it(html, language):
    (gap,) = find_gaps(html).gaps
    assert (gap.language, gap.own) == (language, "a lang" in html)


def test_each_part_of_a_page_has_its_language(tmp_path, monkeypatch):
    def caption_all(_, paths, asked):
        caption = SimpleNamespace(text=f"{asked.language}!", doubtful=False)
        return [Result(path, caption) for path in paths]

    monkeypatch.setattr(alt_pages, "caption_all", caption_all)
    filler = alt_pages.Filler(SimpleNamespace(languages=("en", "zh", "de")))
    page = b"""<html lang="de-AT"><img src=a><p lang="zh"><img src=a></p><p lang="fr"><img src=a>"""
    filled, _ = filler.fill(page, tmp_path / "page.html", tmp_path)
    assert re.findall("<img (.*?) src=a>", filled.decode()) == [
        'alt="de!"',
        'alt="zh!"',
        'alt="en!" lang="en"',
    ]


def test_a_picture_is_captioned_once(alt, site, monkeypatch):
    from captioner.collections import stream

    opened = []
    reading = stream.open_picture
    monkeypatch.setattr(stream, "open_picture", lambda path: opened.append(path) or reading(path))
    for name in ("a", "b"):
        (site / f"{name}.html").write_text('<img src="red dog.jpg">' * 3)
    assert alt(site).exit_code == 0
    assert opened == [site / "red dog.jpg"]


def test_pages_that_cannot_be_read(alt, site):
    (site / "page.html").write_text('<img src="red dog.jpg">')
    result = alt(site / "none.html", site / "page.html")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first == f"error: can't read {site / 'none.html'} (No such file or directory)"
    assert "1 filled" in second


def test_a_copy_that_was_looked_over_is_kept(alt, site):
    (site / "page.html").write_text('<img src="red dog.jpg">')
    copy = site / "page.captioned.html"
    alt(site)
    assert alt(site).exit_code == 0  # the same again
    copy.write_text("mine")
    result = alt(site)
    assert result.exit_code == 1 and copy.read_text() == "mine"
    assert result.stderr == f"error: {copy} is there already: --overwrite replaces it\n"
    assert alt(site, "--overwrite").exit_code == 0 and "alt=" in copy.read_text()
    assert alt(site, "--overwrite", "--in-place").exit_code == 2


def test_where_there_is_no_page(alt, site):
    empty = site / "empty"
    empty.mkdir()
    result = alt(empty, site / "red dog.jpg")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error: {empty} has no pages, which end in .html or .htm",
        f"error: {site / 'red dog.jpg'} is a picture: name the page that shows it",
    ]


def test_an_address_that_is_no_text(alt, site):
    (site / "page.html").write_text('<img src="%ff.png">')
    for options in ([], ["--json"]):
        result = alt(site, *options)
        assert result.exit_code == 1 and "doesn't exist" in result.output


@pytest.mark.parametrize("options", [["--json"], ["--in-place"], ["x.html"]])
def test_standard_input_stands_alone(options):
    result = attention_core("alt", "-", *options, input="")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "- stands alone" in result.stderr


def test_an_unknown_language(alt, site):
    (site / "page.html").write_text('<img src="red dog.jpg">')
    result = alt(site, "--lang", "xx")
    assert result.exit_code == 1
    assert re.match(r"error: unknown language 'xx'", result.stderr, re.IGNORECASE)
    assert not (site / "page.captioned.html").exists()
