"""Everything that the README shows is true: its commands, its code, its figures, its links."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from attention_core.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def shown_commands() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output shown for it."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to run in, with the example pictures where the README has them."""
    examples = tmp_path / "captioner" / "examples"
    shutil.copytree(ROOT / "captioner" / "examples", examples)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_commands_and_code():
    assert len(shown_commands()) >= 4
    assert len(blocks("python")) >= 2


@pytest.mark.parametrize(("command", "output"), shown_commands(), ids=lambda text: text[:60])
def test_a_command_prints_what_is_shown(folder, command, output):
    program, *arguments = shlex.split(command)
    assert program == "attention-core"
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == output
    for name in arguments:
        if name.endswith(".png"):
            assert (folder / name).stat().st_size > 1000


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[-1])
def test_the_code_runs(code, capsys):
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_commands_of_the_shell_blocks_exist():
    joined = [block.replace("\\\n", "") for block in blocks("sh")]
    words = [line.split() for block in joined for line in block.splitlines() if line]
    for first, *rest in words:
        if first == "attention-core":
            assert rest[0] in main.list_commands(None)
            if rest[0] == "train":
                assert (ROOT / rest[1]).is_file()
        else:
            assert (ROOT / first).is_file()


@pytest.mark.parametrize("text", [README, CHINESE], ids=["English", "Chinese"])
def test_every_link_leads_somewhere(text):
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_chinese_readme_says_the_same():
    for language in ("sh", "console", "python"):
        assert blocks(language, CHINESE) == blocks(language)
    both = [re.findall(r"\b\d+\.\d\b|^#+ ", text, re.MULTILINE) for text in (README, CHINESE)]
    assert both[0] == both[1]


def test_every_figure_is_one_of_the_results():
    table = README[README.index("## How good it is") : README.index("The captioner knows")]
    figures = re.findall(r"\b\d+\.\d+\b", table)
    assert figures
    shown = {f"{float(figure):.1f}" for figure in re.findall(r"\b\d+\.\d+\b", RESULTS)}
    assert set(figures) <= shown


def test_the_figures_are_of_the_models_that_ship():
    for place in ("captioner/models/everyday", "attention_core/translation/models/everyday"):
        config = json.loads((ROOT / place / "config.json").read_text(encoding="utf-8"))["config"]
        expected = f"Preset `{config['model']['preset']}`, seed {config['seed']}"
        assert expected in RESULTS
