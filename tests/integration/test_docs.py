"""Every page's code prints what is shown, in both languages, and its links and pictures exist."""

import doctest
import re
import runpy
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from attention_core import PRESETS
from attention_core.recipe import from_dict
from attention_core.training import SearchConfig, TrainingConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# In English alone:
REPORTS = {
    "architecture.md",
    "captions.md",
    "multi30k.md",
    "performance.md",
    "reproduction.md",
    "results.md",
    "verification.md",
}
ENGLISH = sorted(DOCS.glob("*.md"))
CHINESE = sorted((DOCS / "zh").glob("*.md"))
NUMBER = r"(?<![\w.])-?\d+\.\d{3}(?!\d)"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its code; equations stay."""
    fenced = r"^```(?!math)\w+\n.*?^```$"
    return re.sub(fenced, "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder for what a page writes, and torch's settings as they were before it."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(), torch.set_grad_enabled(True):
        yield
    torch.set_num_threads(threads)


def test_every_page_has_its_twin():
    assert {page.name for page in ENGLISH} - REPORTS == {page.name for page in CHINESE}


@pytest.mark.parametrize("page", CHINESE, ids=name)
def test_twins_say_the_same(page):
    english = DOCS / page.name
    assert blocks(page, "pycon") == blocks(english, "pycon")
    assert blocks(page, "math") == blocks(english, "math")
    assert blocks(page, "sh") == blocks(english, "sh")
    tables = [[tomllib.loads(block) for block in blocks(p, "toml")] for p in (page, english)]
    assert tables[0] == tables[1]
    pictures = [re.findall(r"!\[.+?\]\((?:\.\./)?(.+?)\)", text_of(p)) for p in (page, english)]
    assert pictures[0] == pictures[1]
    headings = [re.findall(r"^#+ ", text_of(p), re.MULTILINE) for p in (page, english)]
    assert headings[0] == headings[1]
    first = "\n".join(text_of(page).splitlines()[:4])
    assert f"(../{page.name})" in first
    assert f"(zh/{page.name})" in "\n".join(text_of(english).splitlines()[:4])


@pytest.mark.parametrize("page", [p for p in ENGLISH if blocks(p, "pycon")], ids=name)
def test_the_code_prints_what_is_shown(page, workplace):
    code = "\n".join(blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(code, {"__name__": "page"}, page.name, None, 0)
    assert test.examples
    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert not told, "".join(told)


@pytest.mark.parametrize("page", ENGLISH + CHINESE, ids=name)
def test_all_code_is_run(page):
    languages = set(re.findall(r"^```(\w+)", text_of(page), re.MULTILINE))
    if page.name not in REPORTS | {"plugin.md"}:
        assert languages <= {"pycon", "math", "toml", "sh"}
        assert all(block.startswith(">>> ") for block in blocks(page, "pycon"))


@pytest.mark.parametrize("page", ENGLISH + CHINESE, ids=name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", text_of(page)):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=name)
def test_the_start_page_leads_to_every_page(folder):
    linked = re.findall(r"\]\(([\w-]+\.md)\)", text_of(folder / "README.md"))
    assert {page.name for page in folder.glob("*.md")} <= {"README.md", *linked}


@pytest.mark.parametrize("page", [DOCS / "example.md", DOCS / "zh" / "example.md"], ids=name)
def test_the_numbers_in_the_text_of_the_example_are_those_it_prints(page):
    numbers = re.findall(NUMBER, prose(page))
    assert len(numbers) > 30
    assert set(numbers) <= set(re.findall(NUMBER, "".join(blocks(page, "pycon"))))


def test_the_arithmetic_of_the_example_is_right():
    sums = [line for block in blocks(DOCS / "example.md", "math") for line in block.splitlines()]
    sums = [line for line in sums if "approx" in line]
    assert len(sums) == 4
    for line in sums:
        said, found = line.replace(r"\cdot", "*").split(r"\approx")
        said = re.sub(r"\\frac\{(.+)\}\{(.+)\}", r"(\1) / (\2)", said.split(" = ")[-1])
        assert eval(said) == pytest.approx(float(found), abs=0.005)


@pytest.mark.parametrize("page", [DOCS / "decoder.md", DOCS / "zh" / "decoder.md"], ids=name)
def test_the_table_of_the_decoder_has_every_preset(page):
    assert re.findall(r"^\| `(\w+)` \|", text_of(page), re.MULTILINE) == list(PRESETS)


@pytest.mark.parametrize(("name", "kind"), [("training", TrainingConfig), ("search", SearchConfig)])
def test_the_recipes_are_valid(name, kind):
    (recipe,) = map(tomllib.loads, blocks(DOCS / f"{name}.md", "toml"))
    assert isinstance(from_dict(kind, recipe[name]), kind)


def test_the_pictures_are_those_that_the_script_draws(tmp_path, workplace, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    runpy.run_path(str(ROOT / "scripts" / "figures.py"))["main"](tmp_path / "figures")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    kept = {path.name: path for path in (DOCS / "figures").iterdir()}
    assert drawn == set(kept)
    for path in kept.values():
        assert path.stat().st_size < 60_000
        assert text_of(path).startswith("<?xml")
    shown = re.findall(r"\(figures/(.+?)\)", "".join(map(text_of, ENGLISH)))
    assert set(shown) == drawn
