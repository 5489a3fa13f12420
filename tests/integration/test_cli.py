"""The command line itself: quick help, clear errors, good manners in a pipe."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import attention_core

from attention_core.cli import main
from attention_core.translation import TASK

COMMANDS = main.list_commands(click.Context(main))
COMMAND = [sys.executable, "-m", "attention_core.cli"]
HEAVY = ["torch", "gradio", "numpy", "PIL", "matplotlib", "rich", "sentencepiece", "safetensors"]


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run([*COMMAND, *arguments], check=False, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["tasks"],
        ["caption", "--help"],
        ["alt", "--help"],
        ["train", "--help"],
        ["completion", "zsh"],
    ],
)
def test_what_only_tells_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from attention_core.cli import main\n"
        f"main({arguments}, standalone_mode=False)\n"
        f"print(*set(sys.modules).intersection({HEAVY}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout
    assert done.stderr.strip() == ""


def test_the_help_names_every_command():
    result = attention_core("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_and_explains_its_options(name):
    command = main.get_command(click.Context(main), name)
    text = attention_core(name, "--help").stdout
    (examples,) = re.findall(r"\n  Examples:\n((?:    .+\n)+)", text)
    assert f"attention-core {name}" in examples
    assert all(len(line) <= 90 for line in text.splitlines())
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("attention-core capt", {"caption"}),
        ("attention-core al", {"alt"}),
        ("attention-core caption --rec", {"--recursive"}),
        ("attention-core completion f", {"fish"}),
    ],
)
@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_completes(words, expected):
    script = (
        'eval "$(attention-core completion bash)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD={words.count(' ')}\n"
        '_attention_core_completion attention-core; echo "${COMPREPLY[@]}"'
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_each_shell_asks_the_command(shell):
    result = attention_core("completion", shell)
    assert result.exit_code == 0
    assert f"_ATTENTION_CORE_COMPLETE={shell}_complete" in result.stdout


def test_tasks_are_listed():
    result = attention_core("tasks")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(line[0], line[1].split()[0]) for line in lines] == [
        ("caption", "attention-core"),
        ("translate", "attention-core"),
    ]


@pytest.mark.parametrize(
    ("name", "guess"), [("captoin", "caption"), ("Translate", "translate"), ("trian", "train")]
)
def test_an_unknown_command_and_its_nearest(name, guess):
    result = attention_core(name, "x")
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith(f"error: unknown command '{name}'. Did you mean '{guess}'?")


def test_a_missing_extra_says_what_to_install():
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from attention_core.cli import main; main(['caption', 'photo.jpg'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: this needs the package PIL: pip install 'attention-core[all]'\n"


@pytest.mark.parametrize("name", ["runs/nothing/best", "nothing", ""])
@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "{}"],
        ["caption", "x.jpg", "--checkpoint", "{}"],
        ["translate", "Hello.", "--to", "de", "--checkpoint", "{}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_checkpoint(arguments, name):
    result = attention_core(*[argument.format(name) for argument in arguments])
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.lower().startswith("error: no checkpoint") and name in error


def test_a_pipe_may_close_early(trained):
    checkpoint = trained("translate") / "best"
    command = [*COMMAND, "translate", "--to", "de", "--checkpoint", str(checkpoint)]
    pipe = f"yes '3 dogs play.' | head -500 | {' '.join(command)} | head -1"
    done = subprocess.run(pipe, shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert all(line.startswith("warning: line ") for line in done.stderr.splitlines())


def as_from_a_terminal() -> None:
    """Ctrl-C interrupts, also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_who_writes_line_by_line_is_answered_line_by_line(trained):
    process = subprocess.Popen(
        [*COMMAND, "translate", "--to", "de", "--checkpoint", str(trained("translate") / "best")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin and process.stdout
    for _ in range(2):
        process.stdin.write("3 dogs play.\n")
        process.stdin.flush()
        assert process.stdout.readline()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_an_output_that_lacks_the_characters_is_told():
    done = subprocess.run(
        [*COMMAND, "translate", "Hello.", "--to", "zh"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    *_, last = done.stderr.splitlines()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert last == "error: the output is latin-1, which lacks this: set PYTHONIOENCODING=utf-8"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 B."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
    ],
)
def test_too_little_memory_is_told(monkeypatch, error):
    def learner(_):
        raise error

    monkeypatch.setattr(TASK, "learner", learner)
    result = attention_core("train", "attention_core/translation/recipes/own.toml")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: there is not enough memory: make the model or its batches smaller\n"
    )


def test_ctrl_c_is_no_traceback(trained):
    checkpoint = str(trained("translate") / "best")
    process = subprocess.Popen(
        [*COMMAND, "translate", "--to", "de", "--checkpoint", checkpoint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,
    )
    assert process.stdin and process.stdout
    process.stdin.write("3 dogs play.\n" * 64)
    process.stdin.flush()
    assert process.stdout.readline()  # it is at work, and waits for more
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    *doubts, last = filter(None, errors.splitlines())
    assert last == "Aborted!"
    assert all(line.startswith("warning: line ") for line in doubts)


@pytest.mark.parametrize("text", [(), ("-",)])
def test_no_standard_input_at_all(text):
    code = "import os, sys; os.close(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", code, "-m", "attention_core.cli", "translate", *text, "--to", "de"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "give a TEXT in quotes, or lines on standard input" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_real_process_fails_in_one_line(tmp_path):
    done = run(
        "caption", str(tmp_path / "nothing.jpg"), "--attention", str(tmp_path / "a" / "b.png")
    )
    assert (done.returncode, done.stdout) == (1, "")
    (error,) = done.stderr.splitlines()
    assert error.startswith("error: can't draw ")


def test_the_demo_tells_of_a_taken_port_and_stops_on_ctrl_c():
    process = subprocess.Popen(
        [*COMMAND, "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,
    )
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("The demo is at http://127.0.0.1:"), process.stderr.read()
    port = line.split(":")[2].split("/")[0]
    taken = run("demo", "--port", port)
    assert (taken.returncode, taken.stdout) == (1, "")
    (error,) = taken.stderr.splitlines()
    assert error.startswith(f"error: can't listen on 127.0.0.1:{port} (Address already in use)")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
