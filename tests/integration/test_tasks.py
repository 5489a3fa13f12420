"""The door through which tasks come in, with distributions made up on the path."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import attention_core

from attention_core.errors import UserError
from attention_core.tasks import find_checkpoint, installed_tasks, load_task, load_tasks

ECHO = """
    import click
    from attention_core.tasks import Task

    @click.command()
    @click.argument("word")
    def echo(word):
        '''Say a word again.'''
        click.echo(word)

    class EchoTask(Task):
        name, title, summary = "echo", "Echo", "Say it again."
        def recipe_type(self): ...
        def learner(self, recipe): ...
        def evaluate(self, checkpoint, split, data, beam): ...
        def command(self): return echo
        def tab(self):
            import gradio
            gradio.Textbox(label="Echoed")

    TASK = EchoTask()
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(distribution, "name = module:TASK", code): a distribution of one module."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(distribution: str, entry: str, code: str) -> Path:
        module = entry.partition("=")[2].partition(":")[0].strip()
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[attention_core.tasks]\n{entry}\n")
        return tmp_path

    yield put
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_the_built_in_tasks_come_through_the_door():
    assert list(installed_tasks()) == ["caption", "translate"]
    assert [task.name for task in load_tasks()] == ["caption", "translate"]


def test_a_third_party_task_gets_its_command_and_its_line(install):
    install("attention-echo", "echo = echo_task:TASK", ECHO)
    assert attention_core("echo", "hello").stdout == "hello\n"
    assert "echo\tattention-echo 1.2\tSay it again.\n" in attention_core("tasks").stdout
    assert "Say it again." in attention_core("--help").stdout
    assert "Usage: main echo [OPTIONS] WORD" in attention_core("echo", "--help").stdout


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_third_party_task_gets_its_tab(install, swept):
    install("attention-echo", "echo = echo_task:TASK", ECHO)
    from attention_core.demo import build

    components = build().config["components"]
    labels = [c["props"]["label"] for c in components if c["type"] == "tabitem"]
    tabs = [getattr(label, "key", label) for label in labels]
    assert tabs == ["Caption", "Echo", "Translate", "Learn"]
    assert "Echoed" in [c["props"].get("label") for c in components]


@pytest.mark.parametrize(
    ("entry", "code", "problem"),
    [
        ("bad = bad_task:TASK", "raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("bad = bad_task:TASK", "import nonesuch", "No module named 'nonesuch'"),
        ("bad = bad_task:TASK", "TASK = 3", "expected a Task of that name at bad_task:TASK"),
        ("bad = bad_task:TASK", "", "has no attribute 'TASK'"),
        ("bad = bad_task:TASK", ECHO, "expected a Task of that name at bad_task:TASK, got 'echo'"),
    ],
)
def test_a_broken_plugin_is_one_warning_and_the_rest_work(install, entry, code, problem):
    install("attention-bad", entry, code)
    for verb in ("tasks", "--help"):
        result = attention_core(verb)
        assert result.exit_code == 0
        (warning,) = result.stderr.splitlines()
        assert warning.startswith("warning: task 'bad' from attention-bad can't be loaded: ")
        assert problem in warning
        assert "translate" in result.stdout and "caption" in result.stdout
    assert "warning" not in attention_core("caption", "--help").stderr
    used = attention_core("bad")
    assert used.exit_code == 1
    assert used.stderr.startswith("error: task 'bad' from attention-bad can't be loaded: ")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_tab_that_cannot_be_drawn_leaves_the_others(install, swept, capsys):
    half_made = "gradio.Textbox(); gradio.Examples([[3]], gradio.Dropdown(['a']))"
    code = ECHO.replace('gradio.Textbox(label="Echoed")', half_made)
    install("attention-echo", "echo = echo_task:TASK", code)
    from attention_core.demo import build

    components = build().config["components"]
    labels = [c["props"]["label"] for c in components if c["type"] == "tabitem"]
    tabs = [getattr(label, "key", label) for label in labels]
    assert tabs == ["Caption", "Echo", "Translate", "Learn"]
    problem = "The value passed into gr.Dropdown() is not in the list of choices"
    assert capsys.readouterr().err.startswith(f"warning: the tab of the task 'echo': {problem}")
    shown = [str(c["props"].get("value")) for c in components if c["type"] == "markdown"]
    assert any(text.startswith(f"This tab can't be shown: {problem}") for text in shown)


def test_two_tasks_of_one_name_are_an_error_naming_both(install):
    install("attention-other", "caption = other_task:TASK", ECHO)
    result = attention_core("tasks")
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: two tasks are named 'caption'")
    assert "attention-other" in error and "attention-core" in error


def test_another_process_finds_them_too(install):
    path = install("attention-bad", "bad = bad_task:TASK", "raise RuntimeError('no such luck')")
    done = subprocess.run(
        [sys.executable, "-m", "attention_core.cli", "tasks"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(path), "PATH": ""},
        timeout=60,
    )
    assert done.returncode == 0
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["caption", "translate"]
    (warning,) = done.stderr.splitlines()
    assert "attention-bad" in warning and "no such luck" in warning


def test_an_unknown_task_and_its_nearest():
    with pytest.raises(UserError, match=r"unknown task 'translat'\. Did you mean 'translate'"):
        load_task("translat")


def test_a_checkpoint_is_a_folder_or_the_name_of_a_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("caption") == load_task("caption").shipped
    assert find_checkpoint("runs/mine/best") == Path("runs/mine/best")
    (tmp_path / "caption").mkdir()  # as a plugin's own folder may be named
    assert find_checkpoint("caption") == load_task("caption").shipped
    (tmp_path / "caption" / "config.json").touch()
    assert find_checkpoint("caption") == Path("caption")
    with pytest.raises(UserError, match=r"no checkpoint 'captoin'.* Did you mean 'caption'"):
        find_checkpoint("captoin")


def test_a_task_that_ships_no_model_says_so(install):
    install("attention-echo", "echo = echo_task:TASK", ECHO)
    with pytest.raises(UserError, match=r"no checkpoint 'echo': give a checkpoint's folder"):
        find_checkpoint("echo")
