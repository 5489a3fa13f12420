"""The demo: a real server, asked by name."""

import re
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from attention_core import checkpoint, demo
from attention_core.errors import UserError
from attention_core.tasks import load_task
from attention_core.translation import predictor as translate_predictor
from attention_core.translation.predictor import Translation, Translator
from attention_core.translation.tab import translate
from captioner import predictor as caption_predictor
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
def client(loads):
    """A client of the demo, served as the command serves it."""
    pages = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio.Blocks, "block_thread", lambda page: pages.append(page))
        demo.launch("127.0.0.1", 0)
    (page,) = pages
    assert loads == {}  # nothing is loaded before it is used
    client = Client(page.local_url, verbose=False)
    yield client
    client.close()
    page.close(verbose=False)


@pytest.fixture
def red(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (60, 40), "red").save(path)
    return path


def test_a_tab_for_each_task(loads):
    config = demo.build().config
    tabs = [c["props"]["label"] for c in config["components"] if c["type"] == "tabitem"]
    assert tabs == ["Caption", "Translate"]
    examples = [c["props"] for c in config["components"] if c["type"] == "dataset"]
    assert len(examples[0]["samples"]) == len(EXAMPLES)
    assert {sample[1] for sample in examples[1]["samples"]} == {"zh", "de"}  # not fr: not trained


def test_the_api_names_its_inputs_and_outputs(client):
    api = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(api) == {"/caption", "/translate"}
    expected = {
        "/caption": (
            ["picture", "language", "beam"],
            ["Caption", "Alternatives", "Where the model looked for each word"],
        ),
        "/translate": (
            ["text", "language", "beam"],
            [
                "Translation",
                "Confidence",
                "Alternatives",
                "Where the model looked for each word",
                "Heat map",
            ],
        ),
    }
    for name, (inputs, outputs) in expected.items():
        assert [value["parameter_name"] for value in api[name]["parameters"]] == inputs
        found = [value["label"].partition(",")[0] for value in api[name]["returns"]]
        assert found == outputs
        assert "score is the mean log-probability" in api[name]["description"]


def test_caption(client, red):
    text, table, looked = client.predict(handle_file(red), "en", 3, api_name="/caption")
    assert text.endswith(".")
    assert table["headers"] == ["caption", "score"]
    assert len(table["data"]) == 3 and table["data"][0][0] == text
    scores = [score for _, score in table["data"]]
    assert scores == sorted(scores, reverse=True)
    words = [tile["caption"] for tile in looked]
    assert text.lower().startswith(words[0]) and len(words) > 1
    with Image.open(looked[0]["image"]) as tile:
        assert tile.size == (60, 40)


def test_translate(client):
    answer = client.predict("3 <b>dogs</b> play.", "zh", 3, api_name="/translate")
    text, confidence, table, alignment, drawing = answer
    assert re.search(r"Confidence \d+%", confidence)
    assert table["headers"] == ["translation", "score"]
    assert len(table["data"]) == 3 and table["data"][0][0] == text
    assert "<bdi>play.</bdi>" in alignment and "<b>" not in alignment
    with Image.open(drawing) as image:
        assert image.format == "PNG" and min(image.size) > 100


@pytest.mark.parametrize(
    ("confidence", "said"),
    [(None, ""), (0.62, "Confidence 62%"), (0.2, "⚠️ **Confidence 20%: the model is out of")],
)
def test_how_sure_the_model_is(loads, monkeypatch, confidence, said):
    def translated(self, texts, **options):
        return [Translation("Hi.", "Hallo.", -0.1, [], [], [], confidence)]

    monkeypatch.setattr(Translator, "translate", translated)
    assert translate("Hi.", "de", 1)[1].startswith(said)
    assert bool(translate("Hi.", "de", 1)[1]) is bool(said)


def test_what_is_left_out_has_a_default(client, red):
    assert len(client.predict(handle_file(red), api_name="/caption")[1]["data"]) == 5
    assert len(client.predict("3 dogs play.", api_name="/translate")[2]["data"]) == 5


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


def test_a_taken_port_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"can't listen on 127.0.0.1:{port} .*choose another"):
            demo.launch("127.0.0.1", port)
    with pytest.raises(UserError, match=r"can't listen on no\.such\.host:7860"):
        demo.launch("no.such.host", 7860)


def test_a_missing_model_leaves_the_other_tab(loads, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(load_task("caption"), "shipped", tmp_path / "none")
    config = demo.build().config
    shown = [c["props"].get("value") for c in config["components"] if c["type"] == "markdown"]
    assert any(f"This tab can't be shown: No checkpoint at {tmp_path}" in str(s) for s in shown)
    assert [c["props"]["value"] for c in config["components"] if c["type"] == "button"] == [
        "Translate"
    ]
    assert capsys.readouterr().err.startswith("warning: the tab of the task 'caption': ")
