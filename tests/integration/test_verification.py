"""docs/verification.md names tests: they exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
TESTS = {
    path.stem: [
        name.replace("_", " ")
        for name in re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.M)
    ]
    for path in (ROOT / "tests").rglob("test_*.py")
}


def named() -> list[tuple[str, str]]:
    """(file, words of the test's name) of each mention; "`… words`" goes on with the last file."""
    found = []
    for row in re.findall(r"^\|.*\|$", PAGE, re.M):
        file = ""
        for mention in re.findall(r"`((?:test_|… )[^`]*)`", row):
            if mention.startswith("test_"):
                file, _, words = mention.partition(": ")
            else:
                words = mention
            found.append((file, words))
    return found


@pytest.mark.parametrize(("file", "words"), sorted(set(named())))
def test_it_is_there(file, words):
    """A part left out of the name is an ellipsis."""
    assert file in TESTS
    parts = [part.strip() for part in words.split("…")]
    assert any(all(part in name for part in parts) for name in TESTS[file])


def test_there_are_many():
    assert len(named()) > 100
