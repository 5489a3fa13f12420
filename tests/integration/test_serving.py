"""How the demo is served: its address, its limits, its doors."""

import socket
from dataclasses import fields

import httpx
import pytest
from conftest import served
from gradio_client import Client
from gradio_client.exceptions import AppError, AuthenticationError

from attention_core import demo
from attention_core.demo.serving import AT_ONCE, WAITING
from attention_core.errors import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("swept"),
]


@pytest.fixture(scope="module")
def page():
    with served(demo.Serving(port=0, max_size="1kb", mcp=True)) as page:
        yield page


def test_it_listens_to_this_machine_alone():
    default = {field.name: field.default for field in fields(demo.Serving)}
    assert default["host"] == "127.0.0.1" and default["share"] is False


def test_health(page):
    assert httpx.get(f"{page.local_url}health").json() == {"status": "ok"}


def test_the_endpoints_are_described(page):
    schema = httpx.get(f"{page.local_url}gradio_api/openapi.json").json()
    (wanted,) = (
        body["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
        for path, body in schema["paths"].items()
        if path.endswith("/call/v2/translate")
    )
    assert set(wanted) == {"text", "language", "beam", "nbest"}


def test_plain_http(page):
    url = f"{page.local_url}gradio_api/call"
    event = httpx.post(f"{url}/v2/translate", json={"text": "", "beam": 1}).json()["event_id"]
    assert "the text is empty" in httpx.get(f"{url}/translate/{event}").text


@pytest.mark.parametrize(("size", "status"), [(1024, 200), (1025, 413)])
def test_uploads_have_a_limit(page, size, status):
    upload = httpx.post(f"{page.local_url}gradio_api/upload", files={"files": b"x" * size})
    assert upload.status_code == status


def test_the_queue_has_a_limit(page):
    assert page._queue.max_size == WAITING
    assert page._queue.default_concurrency_limit == AT_ONCE


def test_assistants_find_the_tools(page):
    tools = httpx.get(f"{page.local_url}gradio_api/mcp/schema").json()
    found = {tool["name"]: set(tool["inputSchema"]["properties"]) for tool in tools}
    assert found == {
        "caption": {"picture", "language", "beam", "nbest"},
        "translate": {"text", "language", "beam", "nbest"},
    }
    (translate,) = (tool for tool in tools if tool["name"] == "translate")
    assert "at most 5,000 characters" in str(translate)


def test_without_the_flag_there_is_no_such_door():
    with served(demo.Serving(port=0)) as page:
        answer = httpx.get(f"{page.local_url}gradio_api/mcp/schema")
        assert answer.status_code == 404


def test_a_name_and_a_password():
    with served(demo.Serving(port=0, auth="ada:love:lace")) as page:
        assert httpx.get(f"{page.local_url}health").status_code == 200
        with pytest.raises((AppError, AuthenticationError, ValueError)):
            Client(page.local_url, verbose=False)
        client = Client(page.local_url, auth=("ada", "love:lace"), verbose=False)
        assert client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        client.close()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_size": "10 apples"}, "write it as 500kb, 20mb or 1gb"),
        ({"max_size": "0mb"}, "write it as 500kb"),
        ({"auth": "ada"}, "as name:password"),
        ({"auth": ":secret"}, "as name:password"),
        ({"host": "no.such.host"}, r"can't listen on no\.such\.host:7860"),
        ({"host": "é..x"}, r"can't listen on é\.\.x:7860"),
    ],
)
def test_an_option_that_cannot_be(options, problem):
    with pytest.raises(UserError, match=problem):
        demo.Serving(**options)


def test_an_assistant_needs_a_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs mcp: pip install"):
        demo.Serving(port=0, mcp=True)


def test_a_taken_port_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"can't listen on 127.0.0.1:{port} .*choose another"):
            demo.Serving(port=port)
