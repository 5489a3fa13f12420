"""The packages of examples/, installed as a stranger's would be: every verb and the demo have them.

They are copied and built first, so that nothing is left in the repository, and installed into a
folder of their own that is on the path of these tests only.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from conftest import attention_core, served, tabs_of
from gradio_client import Client
from gradio_client.exceptions import AppError

from attention_core import demo
from attention_core.tasks import find_checkpoint

ROOT = Path(__file__).parents[2]
PACKAGES = {"dates": "attention_dates", "dialogue": "attention_dialogue"}
SUMMARIES = {
    "chat\tattention-dialogue 0.1.0": "Talk about a small world",
    "dates\tattention-dates 0.1.0": "Read freely written dates",
}
NO_CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Where pip has installed both packages, from copies and without the network."""
    copies, place = tmp_path_factory.mktemp("copies"), tmp_path_factory.mktemp("site")
    for name in PACKAGES:
        shutil.copytree(ROOT / "examples" / name, copies / name, ignore=NO_CACHES)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
    pip += ["--no-build-isolation", "--disable-pip-version-check", "--target", place]
    subprocess.run([*pip, *(copies / name for name in PACKAGES)], check=True, timeout=300)
    return place


def forgotten() -> dict[str, ModuleType]:
    """The packages' modules, which are imported afresh now, from where they are found then."""
    names = [name for name in sys.modules if name.partition(".")[0] in PACKAGES.values()]
    return {name: sys.modules.pop(name) for name in names}


def on_path(place: Path) -> Iterator[Path]:
    """The packages in a folder are installed for a while, and no others of their names."""
    others = [path for path in sys.path if not (Path(path) / "attention_dates").exists()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(place), *others])
        before = forgotten()
        yield place
    forgotten()
    sys.modules.update(before)  # other tests go on with theirs


@pytest.fixture(scope="module")
def installed(site):
    """Both packages on the path of this process."""
    yield from on_path(site)


@pytest.fixture
def own_copy(site, tmp_path):
    """The same, in a copy that a test may break."""
    yield from on_path(Path(shutil.copytree(site, tmp_path / "site")))


def tasks_in(result) -> set[str]:
    return {line.split("\t")[0] for line in result.stdout.splitlines()}


class TestInstalled:
    @pytest.fixture(autouse=True)
    def _(self, installed):
        pass

    def test_every_file_is_packaged(self, installed):
        for name, package in PACKAGES.items():
            source = ROOT / "examples" / name / package
            files = [path for path in source.rglob("*.*") if "__pycache__" not in path.parts]
            assert len(files) > 10
            for path in files:
                assert (installed / package / path.relative_to(source)).is_file(), path

    def test_they_are_listed(self):
        listed, helped = attention_core("tasks").stdout, attention_core("--help").stdout
        for release, summary in SUMMARIES.items():
            assert f"{release}\t{summary}" in listed
            assert summary in helped

    def test_another_process_finds_them_too(self, installed):
        done = subprocess.run(
            [sys.executable, "-m", "attention_core.cli", "dates", "the 3rd of May 79, Tuesday"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(installed)},
            timeout=120,
        )
        assert (done.stdout, done.stderr, done.returncode) == ("1979-05-03\n", "", 0)

    def test_dates(self, tmp_path):
        path = tmp_path / "where.png"
        result = attention_core("dates", "5/3/79", "--plot", path)
        assert (result.exit_code, result.stdout) == (0, "1979-05-03\n")
        assert path.read_bytes().startswith(b"\x89PNG")
        other = find_checkpoint("dates").with_name("scaled_dot")
        assert attention_core("dates", "5/3/79", "--checkpoint", other).stdout == "1979-05-03\n"

    def test_chat(self):
        answer = attention_core("chat", "What is the capital of France?")
        assert (answer.exit_code, answer.stdout) == (0, "Paris.\n")
        talk = "What is the capital of France?\nAnd Italy?\nWhat colour is a lemon?\nAnd snow?\n"
        answers = attention_core("chat", input=talk).stdout.splitlines()
        assert answers == ["Paris.", "Rome.", "Yellow.", "White."]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["dates", "5€"], "error: no date has '€'"),
            (["dates", "5/3/79", "--checkpoint", "chat"], "of the task 'chat', not dates"),
            (["chat", "?!"], "error: say something"),
            (["evaluate", "chat", "--split", "tset"], "Did you mean 'test'?"),
        ],
    )
    def test_bad_input_is_one_line(self, arguments, problem):
        result = attention_core(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.splitlines()
        assert problem in line

    def test_train_evaluate_and_use(self, installed, tmp_path):
        recipe = installed / "attention_dates" / "recipes" / "additive.toml"
        changes = ["writings=200", "model.hidden=16", "training.epochs=1", f"out={tmp_path / 'r'}"]
        options = [option for change in changes for option in ("--set", change)]
        trained = attention_core("train", recipe, *options)
        assert trained.exit_code == 0, trained.stderr
        best = trained.stdout.strip()
        assert attention_core("evaluate", best).stdout.startswith("exact: 0")
        assert "writings: 2000" in attention_core("evaluate", best, "--beam", 1).stdout
        assert attention_core("dates", "5/3/79", "--checkpoint", best).exit_code == 1  # unsure


GUIDES = [ROOT / "docs" / "plugin.md", ROOT / "docs" / "zh" / "plugin.md"]
PAGES = [*GUIDES, *(ROOT / "examples" / name / "README.md" for name in PACKAGES)]


def fences(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The code blocks of a page, each after the last file of an example that was linked to."""
    found, last = [], ""
    pattern = r"\]\((?:\.\./)+(examples/[^)]+)\)|^```(\w+)\n(.*?)^```"
    for file, language, code in re.findall(pattern, page.read_text("utf-8"), re.M | re.S):
        last = file or last
        if language in languages:
            found.append((last, code))
    return found


class TestTheGuide:
    @pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.parent.name)
    def test_its_code_is_that_of_the_packages(self, page):
        shown = fences(page, "python", "toml")
        assert len(shown) > 10
        for file, code in shown:
            assert code in (ROOT / file).read_text("utf-8"), f"{file} has no such lines:\n{code}"

    def test_both_languages_show_the_same(self):
        english, chinese = (fences(page, "python", "toml", "console", "sh") for page in GUIDES)
        assert english == chinese

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
    def test_every_link_leads_somewhere(self, page):
        targets = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
        assert targets
        for target in targets:
            assert (page.parent / target).exists(), target

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
    def test_its_commands_print_what_is_shown(self, page, installed, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        shown = "".join(code for _, code in fences(page, "console"))
        commands = re.findall(r"^\$ attention-core (.*)\n((?:(?!\$ ).*\n)*)", shown, re.M)
        assert len(commands) == shown.count("$ ") > 0
        for command, output in commands:
            result = attention_core(*shlex.split(command))
            assert result.stdout == output, command
            drawn = re.findall(r"--plot (\S+)", command)
            assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)

    def test_its_recipes_exist(self):
        for page in PAGES:
            for recipe in re.findall(r"attention-core train (\S+)", page.read_text("utf-8")):
                assert recipe.isupper() or (ROOT / recipe).is_file(), recipe


@pytest.fixture(scope="module")
def client(installed):
    """A client of the demo, served as the command serves it."""
    with served(demo.Serving(port=0)) as page:
        client = Client(page.local_url, verbose=False)
        yield client
        client.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("swept")
class TestInTheDemo:
    def test_each_has_its_tab_and_its_call(self, client):
        parts = client.config["components"]
        assert tabs_of(parts) == ["Caption", "Chat", "Dates", "Translate", "Learn"]
        assert not [part for part in parts if "can't be shown" in str(part["props"].get("value"))]
        api = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        assert set(api) == {"/caption", "/chat", "/dates", "/translate"}
        assert [x["parameter_name"] for x in api["/dates"]["parameters"]] == ["text", "attention"]

    @pytest.mark.parametrize("attention", ["additive", "scaled dot"])
    def test_dates(self, client, attention):
        found, plot = client.predict("the 3rd of May 79", attention, api_name="/dates")
        assert found == "1979-05-03"
        assert plot["plot"].startswith("data:image/") and len(plot["plot"]) > 1000

    def test_chat_remembers_the_last_turn(self, client):
        said = [
            "What is the capital of France?",
            "And Italy?",
            "What colour is a lemon?",
            "And snow?",
        ]
        answers = [client.predict(text, api_name="/chat") for text in said]
        assert answers == ["Paris.", "Rome.", "Yellow.", "White."]
        client.reset_session()

    def test_bad_input_is_a_message(self, client):
        with pytest.raises(AppError, match="a date has 1 to 60 characters"):
            client.predict(" ", api_name="/dates")
        assert client.predict("?!", api_name="/chat").startswith("(say something")
        client.reset_session()


class TestBrokenOrGone:
    """What goes wrong with one package is said, and all the rest works."""

    def test_a_module_that_fails(self, own_copy):
        (own_copy / "attention_dates" / "__init__.py").write_text("raise RuntimeError('no luck')")
        result = attention_core("tasks")
        (warning,) = result.stderr.splitlines()
        assert warning.startswith("warning: task 'dates' from attention-dates can't be loaded")
        assert "no luck" in warning
        assert tasks_in(result) == {"caption", "chat", "translate"}
        assert attention_core("chat", "What is the capital of France?").stdout == "Paris.\n"
        used = attention_core("dates", "5/3/79")
        assert (used.exit_code, len(used.stderr.splitlines())) == (1, 1)

    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    def test_a_tab_that_fails(self, own_copy, swept, capsys):
        (own_copy / "attention_dates" / "tab.py").write_text("import nonesuch")
        parts = demo.build().config["components"]
        assert tabs_of(parts) == ["Caption", "Chat", "Dates", "Translate", "Learn"]
        shown = [str(part["props"].get("value")) for part in parts if part["type"] == "markdown"]
        assert "This tab can't be shown: No module named 'nonesuch'" in shown
        assert "the tab of the task 'dates'" in capsys.readouterr().err
        assert attention_core("dates", "5/3/79").stdout == "1979-05-03\n"

    def test_a_model_that_is_missing_or_damaged(self, own_copy):
        model = own_copy / "attention_dates" / "models" / "additive"
        (model / "model.safetensors").write_bytes(b"nothing")
        for problem in ("is damaged", "No checkpoint at"):
            result = attention_core("dates", "5/3/79")
            assert (result.exit_code, result.stdout) == (1, "")
            (line,) = result.stderr.splitlines()
            assert problem in line
            shutil.rmtree(model, ignore_errors=True)
        assert tasks_in(attention_core("tasks")) == {"caption", "chat", "dates", "translate"}

    def test_uninstalled(self, own_copy, tmp_path):
        best = shutil.copytree(find_checkpoint("dates"), tmp_path / "best")
        for path in own_copy.glob("attention_dates*"):
            shutil.rmtree(path)
        forgotten()
        assert tasks_in(attention_core("tasks")) == {"caption", "chat", "translate"}
        gone = attention_core("dates", "5/3/79")
        assert (gone.exit_code, gone.stdout) == (1, "")
        assert gone.stderr.startswith("error: unknown command 'dates'.")
        left = attention_core("evaluate", best)
        assert (left.exit_code, left.stdout) == (1, "")
        assert left.stderr.startswith("error: unknown task 'dates'.")
