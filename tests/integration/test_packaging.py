"""What is installed, what imports what, and how the two commands set themselves up."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from setuptools import Distribution

from attention_core.tasks import Task

ROOT = Path(__file__).parents[2]
PACKAGES = ["attention_core", "captioner"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# A module may import its own package and the layers above it in this list.
LAYERS = [
    {"errors", "wording"},
    {"parts", "plots", "quality", "recipe", "rounding", "tokenizer"},
    {"models", "search"},
    {"checkpoint", "training"},
    {"hub", "pieces", "tasks", "written"},
    {"runtime"},
    {"export"},
    {"translation"},
    {"captioner"},
    {"demo"},
    {"cli"},
]
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}


def imports(path: Path) -> Iterator[str]:
    """The dotted name of every module and name that a file imports, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the whole name, not relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """The entry of LAYERS that a dotted name of ours belongs to."""
    package, *inner = name.split(".")
    return inner[0] if package == "attention_core" else package


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def requirements(lines: list[str]) -> list[Requirement]:
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != "attention-core"]


def all_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return requirements(sum(extras, PROJECT["dependencies"]))


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_downward_only(path):
    name = dotted(path)
    if name == "attention_core":
        return  # the public face, which names modules of every layer and imports none
    own = part_of(name)
    assert own in LAYER, f"{name}: give it its layer in {Path(__file__).name}"
    for imported in imports(path):
        if imported.split(".")[0] in PACKAGES:
            other = part_of(imported)
            assert other == own or LAYER[other] < LAYER[own], f"{name} imports {imported}"


def test_the_public_face_imports_nothing_of_ours():
    assert not [name for name in imports(ROOT / "attention_core/__init__.py") if "_core" in name]


def test_the_core_never_mentions_the_captioner():
    files = [path for path in (ROOT / "attention_core").rglob("*.py") if path.is_file()]
    assert [path.name for path in files if "captioner" in path.read_text(encoding="utf-8")] == []


def test_the_base_installation_is_small():
    names = {requirement.name for requirement in requirements(PROJECT["dependencies"])}
    assert names == {"torch", "numpy", "sentencepiece", "safetensors"}


@pytest.mark.parametrize("module", ["attention_core", "attention_core.tasks"])
def test_importing_the_core_loads_nothing_heavy(module):
    heavy = "torch gradio click rich PIL torchvision matplotlib accelerate sacrebleu"
    code = f"import sys, {module}; print(*set(sys.modules).intersection({heavy.split()}))"
    assert run(sys.executable, "-c", code).stdout.strip() == ""


def test_the_whole_public_face_works_without_any_extra():
    base = {requirement.name for requirement in requirements(PROJECT["dependencies"])}
    extras = {canonicalize_name(requirement.name) for requirement in all_requirements()} - base
    modules = [
        module
        for module, distributions in packages_distributions().items()
        if extras & {canonicalize_name(distribution) for distribution in distributions}
    ]
    assert {"click", "gradio", "PIL", "rich", "sacrebleu"} <= set(modules)
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({modules}))\n"
        "import attention_core\n"
        "for name in attention_core.__all__: getattr(attention_core, name)"
    )
    assert run(sys.executable, "-c", code).returncode == 0


def test_every_import_is_declared():
    declared = {canonicalize_name(requirement.name) for requirement in all_requirements()}
    known = packages_distributions()
    undeclared = {
        f"{dotted(path)} imports {name}"
        for path in MODULES
        for name in {imported.split(".")[0] for imported in imports(path)}
        if name not in sys.stdlib_module_names and name not in PACKAGES
        if not declared & {canonicalize_name(owner) for owner in known.get(name, [])}
    }
    assert undeclared == set()


def test_every_requirement_is_pinned_within_its_range():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups() for line in lines[1:])
    pins = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    for requirement in all_requirements():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_every_file_of_the_packages_is_packaged(monkeypatch):
    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files()
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    packaged = {ROOT / path for _, _, path in build.find_all_modules()}
    for _, source, _, names in build.data_files:
        packaged |= {ROOT / source / name for name in names}
    there = {
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(there - packaged) == []
    assert sorted(packaged - there) == []


@pytest.mark.parametrize(("name", "value"), PROJECT["entry-points"]["attention_core.tasks"].items())
def test_each_entry_point_leads_to_the_task_of_its_name(name, value):
    task = EntryPoint(name, value, "attention_core.tasks").load()
    assert isinstance(task, Task)
    assert task.name == name


def run(*command: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, **options
    )


PINS = ["pyproject.toml", "constraints.txt", "tests/reference/requirements.txt"]

# Stands for Python: it makes a .venv whose programs are itself, and says what it was asked for.
STUB = """#!/bin/sh
case "$*" in
"-c "*) ;;
"-m venv "*) rm -rf .venv; mkdir -p .venv/bin
             cp "$0" .venv/bin/python; cp "$0" .venv/bin/attention-core ;;
*" --no-deps "*) ;;
"-m pip "*) echo "installed" >>log; [ ! -e fail ] ;;
*) echo "${0##*/} $*" ;;
esac
"""


class Clone:
    """A copy of the scripts in a machine of few programs."""

    def __init__(self, place: Path, python: str | None) -> None:
        self.root, self.bin = place / "a clone", place / "bin"
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in PINS:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.bin.mkdir()
        for tool in ("cat", "cksum", "cp", "dirname", "mkdir", "rm"):
            (self.bin / tool).symlink_to(shutil.which(tool))
        if python:
            (self.bin / python).write_text(STUB)
            (self.bin / python).chmod(0o755)

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin)}
        return run("/bin/sh", self.root / "scripts" / script, *arguments, env=environment)

    def installations(self) -> int:
        return (self.root / "log").read_text().count("installed")


@pytest.mark.parametrize("python", ["python3.11", "python3.13", "python3"])
def test_the_commands_set_up_once(tmp_path, python):
    clone = Clone(tmp_path, python)
    first, second = clone.run("demo", "--port", "1"), clone.run("demo")
    assert first.stdout == "attention-core demo --port 1\n"
    assert first.stderr.startswith(f"Setting up .venv with {python}, once")
    assert (second.stdout, second.stderr) == ("attention-core demo\n", "")
    tests = clone.run("test", "-k", "beam")
    assert tests.stdout.endswith("--dist loadfile -k beam\n")
    assert clone.installations() == 1


def test_an_interrupted_set_up_is_redone(tmp_path):
    clone = Clone(tmp_path, "python3.11")
    (clone.root / "fail").touch()
    assert clone.run("demo").returncode == 1
    (clone.root / "fail").unlink()
    assert clone.run("demo").returncode == 0
    assert clone.installations() == 2


@pytest.mark.parametrize("name", PINS)
def test_a_changed_pin_is_installed(tmp_path, name):
    clone = Clone(tmp_path, "python3.11")
    clone.run("demo")
    with (clone.root / name).open("a") as file:
        file.write("# changed\n")
    assert clone.run("demo").returncode == 0
    assert clone.installations() == 2


def test_a_moved_clone_is_set_up_again(tmp_path):
    clone = Clone(tmp_path, "python3.11")
    clone.run("demo")
    clone.root = clone.root.rename(tmp_path / "moved")
    assert clone.run("demo").returncode == 0
    assert clone.installations() == 2


def test_no_python_is_one_clear_line(tmp_path):
    answer = Clone(tmp_path, None).run("demo")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert re.fullmatch(r"Python 3\.11 or newer is needed.*\n", answer.stderr)


def test_an_old_python_is_not_taken(tmp_path):
    clone = Clone(tmp_path, "python3")
    old = clone.bin / "python3"
    old.write_text(STUB.replace('"-c "*) ;;', '"-c "*) exit 1 ;;'))
    assert clone.run("test").returncode == 1
    assert not (clone.root / ".venv").exists()


def test_modules_are_reached_by_the_package():
    """In a fresh interpreter, as a notebook is."""
    code = (
        "import attention_core as ac; print(ac.checkpoint.read.__name__, ac.SearchConfig.__name__);"
        "ac.chekpoint"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "read SearchConfig\n"
    assert done.stderr.endswith("module 'attention_core' has no attribute 'chekpoint'\n")
