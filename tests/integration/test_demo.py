"""The demo: its page, and a real server, asked by name."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio
import numpy as np
import pytest
import torch
from conftest import key_of, served, tabs_of
from gradio.i18n import I18nData
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from attention_core import checkpoint, demo
from attention_core.demo.page import wording
from attention_core.errors import UserError
from attention_core.plots import interactive
from attention_core.tasks import load_task, load_tasks
from attention_core.translation import predictor as translate_predictor
from attention_core.translation import tab as translate_tab
from attention_core.translation.predictor import Translation, Translator
from captioner import album, pointing
from captioner import predictor as caption_predictor
from captioner import tab as caption_tab
from captioner.live import Choices, live
from captioner.predictor import Captioner
from captioner.tab import EXAMPLES

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("swept"),
]


@pytest.fixture(scope="module")
def loads(trained):
    """How often each checkpoint's weights were loaded, with miniature models as those shipped."""
    counts: Counter[str] = Counter()
    load_into = checkpoint.load_into

    def counted(module, saved):
        counts[saved.task] += 1
        load_into(module, saved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "load_into", counted)
        for task in ("caption", "translate"):
            patch.setattr(load_task(task), "shipped", trained(task) / "best")
        for predictor in (caption_predictor, translate_predictor):
            predictor._load.cache_clear()
        counts.clear()  # of what training itself loads
        yield counts
        for predictor in (caption_predictor, translate_predictor):
            predictor._load.cache_clear()


@pytest.fixture(scope="module")
def page(loads):
    before = loads.copy()
    with served(demo.Serving(port=0)) as page:
        assert loads == before  # nothing is loaded before it is used
        yield page


@pytest.fixture(scope="module")
def client(page):
    client = Client(page.local_url, verbose=False)
    yield client
    client.close()


@pytest.fixture
def red(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (60, 40), "red").save(path)
    return path


def test_a_tab_for_each_task_and_one_to_learn_from(loads):
    parts = demo.build().config["components"]
    assert tabs_of(parts) == ["Caption", "Translate", "Learn"]
    samples = [part["props"]["samples"] for part in parts if part["type"] == "dataset"]
    assert len(samples[0]) == len(EXAMPLES)
    assert {sample[1] for sample in samples[1]} == {"zh", "de", "en"}  # not fr: not trained


def texts(value) -> set[str]:
    """All that the browser is to translate in a page's configuration."""
    if isinstance(value, I18nData):
        return {value.key}
    if isinstance(value, str):
        return {json.loads(mark)["key"] for mark in re.findall(r"__i18n__(\{.*?\})", value)}
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return set()
    return {text for part in value for text in texts(part)}


def test_all_that_the_page_says_is_there_in_chinese(loads, tmp_path, monkeypatch):
    chinese = wording(load_tasks())["zh"]
    said = texts(demo.build().config["components"])
    monkeypatch.setattr("captioner.tab.SHOW_AND_TELL", tmp_path)  # as if that model were there
    said |= texts(demo.build().config["components"])
    assert len(said) > 40
    assert said - set(chinese) == set()


def test_the_code_says_nothing_that_is_not_there_in_chinese():
    """What functions say when they are called, found in the source."""
    chinese = wording(load_tasks())["zh"]
    calls = re.compile(r"\b(?:say|said)\(\s*(f?)\"((?:[^\"\\]|\\.)*)\"")
    sources = [
        *Path(demo.__file__).parent.glob("*.py"),
        *(Path(module.__file__) for module in (caption_tab, album)),
        *(Path(module.__file__) for module in (pointing, interactive, translate_tab)),
    ]
    found = {
        re.sub(r"\{[^}]*\}", "{}", text) if formatted else text
        for source in sources
        for formatted, text in calls.findall(source.read_text("utf-8"))
    }
    assert len(found) > 30
    assert found - set(chinese) == set()


def test_what_differs_is_kept_in_chinese():
    table = wording(load_tasks())["zh"]
    assert [text for text in table if text.count("{}") != table[text].count("{}")] == []


def test_the_api_names_its_inputs_and_outputs(client):
    api = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(api) == {"/caption", "/translate"}
    expected = {
        "/caption": (
            ["picture", "language", "beam", "nbest"],
            ["caption", "score", "confidence", "words", "attention", "alternatives"],
        ),
        "/translate": (
            ["text", "language", "beam", "nbest"],
            [
                "translation",
                "score",
                "confidence",
                "words",
                "probabilities",
                "source_words",
                "alignment",
                "alternatives",
            ],
        ),
    }
    for name, (inputs, outputs) in expected.items():
        assert [value["parameter_name"] for value in api[name]["parameters"]] == inputs
        (returned,) = api[name]["returns"]
        assert list(returned["type"]["properties"]) == outputs
        assert "score is the mean log-probability" in api[name]["description"]


def test_caption(client, red):
    found = client.predict(handle_file(red), "en", 3, 3, api_name="/caption")
    assert found["caption"].endswith(".") and 0 <= found["confidence"] <= 1
    assert len(found["alternatives"]) == 2
    assert found["caption"].lower().startswith(found["words"][0])
    assert len(found["attention"]) == len(found["words"]) > 1


def test_translate(client):
    found = client.predict("3 <b>dogs</b> play.", "zh", 3, 3, api_name="/translate")
    assert 0 <= found["confidence"] <= 1
    assert len(found["alternatives"]) == 2
    assert len(found["alignment"]) == len(found["words"]) == len(found["probabilities"])
    assert all(len(row) == len(found["source_words"]) for row in found["alignment"])
    assert all(0 < p <= 1 for p in found["probabilities"])


ENGLISH, CHINESE = (
    SimpleNamespace(headers={"accept-language": language}) for language in ("en-GB", "zh-CN,en")
)


@pytest.mark.parametrize(("reader", "told"), [(ENGLISH, "Confidence"), (CHINESE, "置信度")])
def test_the_page_of_a_translation(loads, reader, told):
    text, sure, doubts, ranked, arcs, heatmap = translate_tab.page("3 dogs play.", "zh", 3, reader)
    assert text and told in sure
    assert doubts.count("<bdi") == arcs.count("<bdi") - 4  # of 3, dogs, play. and </s>
    assert ranked.count("<tr>") == 4
    assert heatmap.format == "PNG" and min(heatmap.size) > 100


def test_nothing_typed_shows_nothing(loads):
    assert translate_tab.page(" ", "zh", 3, ENGLISH) == ("", "", "", "", "", None)


def test_words_of_a_page_are_no_markup(loads):
    *_, arcs, _ = translate_tab.page("3 <b>dogs</b> play.", "zh", 3, ENGLISH)
    assert "<bdi>play.</bdi>" in arcs and "<b>" not in arcs


def test_the_page_of_a_picture_grows_into_what_the_api_says(loads, red, client):
    *growing, last = caption_tab.page(str(red), "en", 3, 3, 1, 12, 0, ENGLISH)
    found = client.predict(handle_file(red), "en", 3, 3, api_name="/caption")
    assert [text[-1] for text, *_ in growing] == ["…"] * len(growing) and growing
    text, sure, pointed, ranked, alt, language = last
    assert text == found["caption"]
    assert language == "en" and not any(each[-1] for each in growing)
    assert f"onfidence {found['confidence']:.0%}" in sure
    assert alt == f'alt="{text}"'
    assert pointed.count('<img class="veil"') == len(found["words"])
    assert ranked.count("<tr>") == 4


def test_a_greedy_caption_is_written_word_by_word(loads, red):
    growing = caption_tab.page(str(red), "en", 1, 1, 1, 12, 0, ENGLISH)
    *begun, caption = [text.lower() for text, *_ in growing]
    assert begun and all(caption.startswith(text.removesuffix(" …")) for text in begun)


def test_samples_keep_to_the_shortest_and_are_ranked(loads, red):
    torch.manual_seed(3)
    choices = Choices(nbest=8, shortest=4, longest=12, temperature=1.0)
    *_, caption = live(Captioner.load(), Image.open(red).convert("RGB"), "en", choices)
    found = [caption, *caption.alternatives]
    assert len(found) > 2
    assert all(len(each.tokens) >= 4 for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_no_caption_is_written_in_a_language_that_the_model_lacks(loads, red):
    choices = Choices(beam=1, nbest=1)
    with pytest.raises(UserError, match="Unknown language 'fr'"):
        list(live(Captioner.load(), Image.open(red).convert("RGB"), "fr", choices))


def test_a_sampled_caption_is_not_searched(loads, red):
    def texts(temperature: float) -> set[str]:
        choices = (str(red), "en", 5, 1, 1, 12, temperature, ENGLISH)
        return {list(caption_tab.page(*choices))[-1][0] for _ in range(8)}

    assert len(texts(0)) == 1
    assert len(texts(2)) > 1


def test_a_caption_is_translated_by_the_other_task(loads):
    table = caption_tab.in_other_languages("3 dogs play.", "en", CHINESE)
    assert load_task("translate").answer("3 dogs play.", "zh") in table
    assert table.count("<tr>") == 3 and "译文" in table
    for text, language, problem in [
        ("", "en", "还没有描述"),
        ("A …", "", "还没有描述"),
        ("Ein Hund.", "de", "只读英文"),
    ]:
        with pytest.raises(gradio.Error, match=problem):
            caption_tab.in_other_languages(text, language, CHINESE)


def test_show_and_tell_is_compared(loads, red):
    table = caption_tab.compare(str(red), 2, ENGLISH)
    assert table.count("<tr>") == 3 and "Show and Tell, without attention" in table
    with pytest.raises(gradio.Error, match="还没有图片"):
        caption_tab.compare(None, 2, CHINESE)


def test_what_attention_is_for():
    table = translate_tab.compare(translate_tab.LONG, 5, CHINESE)
    attending, summarising = table.split("<tr>")[2:]
    assert "有注意力" in attending and "没有注意力" in summarising
    for word in ("Frau", "Hunde", "Mantel"):
        assert word in attending and word not in summarising


def test_many_pictures(loads, red, tmp_path):
    (tmp_path / "notes.png").write_text("just words")
    files = [str(red), str(tmp_path / "notes.png")]
    table, csv, jsonl = album.caption_all(files, "en", CHINESE)
    assert "red.png" in table and "图片格式无法识别" in table
    rows = [json.loads(line) for line in Path(jsonl["value"]).read_text("utf-8").splitlines()]
    assert [row["image"] for row in rows] == ["red.png", "notes.png"]
    assert [bool(row["caption"]) for row in rows] == [True, False]
    assert (
        Path(csv["value"]).read_text("utf-8-sig").splitlines()[0]
        == "image,caption,confidence,error"
    )
    assert 0 <= rows[0]["confidence"] <= 1 and rows[1]["confidence"] is None
    with pytest.raises(gradio.Error, match="no pictures yet"):
        album.caption_all([], "en", ENGLISH)


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(None, ""), (0.62, "Confidence 62%"), (0.2, "⚠️ **Confidence 20%: the model is out of")],
)
def test_how_sure_the_model_is(loads, monkeypatch, confidence, said):
    def translated(self, texts, **options):
        return [Translation("Hi.", "Hallo.", -0.1, [], [], [], confidence)]

    monkeypatch.setattr(Translator, "translate", translated)
    sure = translate_tab.page("Hi.", "de", 1, ENGLISH)[1]
    assert sure.startswith(said) and bool(sure) is bool(said)


@pytest.mark.parametrize(
    ("reader", "confidence", "said", "listed"),
    [
        (ENGLISH, None, "", False),
        (ENGLISH, 0.62, "Confidence 62%", False),
        (ENGLISH, 0.2, "⚠️ **Not sure: confidence 20%.**", "(⚠️ not sure)"),
        (CHINESE, 0.2, "⚠️ **没有把握（置信度仅 20%）。**", "(⚠️ 没有把握)"),
    ],
)
def test_how_sure_of_a_caption_the_model_is(
    loads, red, monkeypatch, reader, confidence, said, listed
):
    def assessed(self, captions, *_):
        return [replace(each, confidence=confidence) for each in captions]

    monkeypatch.setattr(Captioner, "assessed", assessed)
    *growing, last = caption_tab.page(str(red), "en", 3, 3, 1, 12, 0, reader)
    assert {sure for _, sure, *_ in growing} == {""} and last[1] == said
    table, *_ = album.caption_all([str(red)], "en", reader)
    assert ("⚠️" in table) is bool(listed) and (listed or "red.png") in table


def test_what_is_left_out_has_a_default(client, red):
    assert client.predict(handle_file(red), api_name="/caption")["alternatives"] == []
    found = client.predict(handle_file(red), None, None, None, api_name="/caption")
    assert found["caption"] and found["alternatives"] == []
    assert client.predict("3 dogs play.", api_name="/translate")["alternatives"] == []
    found = client.predict("3 dogs play.", None, None, None, api_name="/translate")
    assert found["translation"] and found["alternatives"] == []


def test_where_a_picture_lies_on_the_server_is_not_told(loads, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for told in (
        lambda: list(caption_tab.page(str(broken), "en", 3, 3, 1, 12, 0, ENGLISH)),
        lambda: caption_tab.compare(str(broken), 2, ENGLISH),
        lambda: caption_tab.caption(str(broken)),
    ):
        with pytest.raises(gradio.Error, match=r"broken\.jpg is not a picture") as error:
            told()
        assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.png", b"", "is empty"),
        ("notes.png", b"just words", "is not a picture"),
        ("cut.jpg", EXAMPLES[0].read_bytes()[:999], "is damaged or incomplete"),
    ],
)
def test_a_bad_picture_is_a_message(client, tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError, match=problem):
        client.predict(handle_file(tmp_path / name), "en", 3, api_name="/caption")


def test_a_picture_of_another_kind_is_understood(client, tmp_path, red):
    """As on the command line: sixteen bits, and turned by the camera."""
    grey = np.full((40, 60), 90, np.uint8)
    grey[:20] = 200
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png", exif=exif)
    Image.fromarray(grey[::-1, ::-1]).convert("RGB").save(tmp_path / "plain.png")
    deep, plain, other = (
        client.predict(handle_file(path), "en", 3, api_name="/caption")
        for path in (tmp_path / "deep.png", tmp_path / "plain.png", red)
    )
    assert _comparable(deep) == _comparable(plain) != _comparable(other)


def test_no_picture_is_a_message(client):
    with pytest.raises(AppError, match="there is no picture yet"):
        client.predict(None, "en", 3, api_name="/caption")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((" ", "de", 3), "the text is empty"),
        ((None, "de", 3), "text: expected a text to translate"),
        (("dog" * 40_000, "de", 3), "120,000 characters and at most 5,000"),
        (("a\x07b", "de", 3), r"control character U\+0007"),
        (("Hello.", "xx", 3), "xx is not in the list of choices"),
    ],
)
def test_a_bad_text_is_a_message(client, arguments, problem):
    with pytest.raises(AppError, match=problem):
        client.predict(*arguments, api_name="/translate")


def _comparable(result):
    """A result with its files read."""
    if isinstance(result, (list, tuple)):
        return [_comparable(item) for item in result]
    if isinstance(result, dict):
        return {key: _comparable(value) for key, value in result.items()}
    path = Path(result) if isinstance(result, str) and result.startswith("/") else None
    return path.read_bytes() if path else result


def test_requests_at_a_time_do_not_disturb_each_other(client, red, loads):
    for predictor in (caption_predictor, translate_predictor):
        predictor._load.cache_clear()
    loads.clear()
    green = red.with_name("green.png")
    Image.new("RGB", (40, 60), "green").save(green)
    requests = [
        ("/caption", handle_file(red), "en", 4),
        ("/translate", "3 dogs play in the snow.", "zh", 4),
        ("/caption", handle_file(green), "en", 2),
        ("/translate", "12 cats play on the beach.", "de", 2),
        ("/translate", "5 birds play in the snow.", "zh", 3),
        ("/translate", "7 dogs play on the beach.", "de", 3),
    ]  # no two alike: gradio would write one file while it sends it

    def ask(request):
        return _comparable(client.predict(*request[1:], api_name=request[0]))

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, requests))
    assert loads == {"caption": 1, "translate": 1}  # once each, whichever request came first
    assert together == [ask(request) for request in requests]
    assert together[0] != together[2] and together[1] != together[3]


def test_a_missing_model_leaves_the_other_tab(loads, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(load_task("caption"), "shipped", tmp_path / "none")
    config = demo.build().config
    shown = [c["props"].get("value") for c in config["components"] if c["type"] == "markdown"]
    assert any(f"This tab can't be shown: No checkpoint at {tmp_path}" in str(s) for s in shown)
    buttons = {key_of(c["props"]["value"]) for c in config["components"] if c["type"] == "button"}
    assert "Translate" in buttons and "Caption" not in buttons
    assert capsys.readouterr().err.startswith("warning: the tab of the task 'caption': ")
