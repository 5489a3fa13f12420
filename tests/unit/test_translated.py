"""What was translated into languages that the corpora lack, found again by the English."""

from pathlib import Path

import pytest

from attention_core import UserError
from attention_core.translation import corpora
from attention_core.translation.mixture import DataConfig, mixture

CZECH = Path(corpora.__file__).parent / "recipes" / "translated-cs.tsv"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Sentences of Tatoeba of which every second is translated, the last of these as "Same."."""
    english = [f"Sentence {n} is here." for n in range(3000)]
    for folder in ("tatoeba", "multi30k", "recipes"):
        (tmp_path / folder).mkdir()
    for code in corpora.TATOEBA.values():
        lines = [f"{text}\t{code} {n}" for n, text in enumerate(english)]
        (tmp_path / "tatoeba" / f"{code}.txt").write_text("\n".join(lines))
    for part in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de"):
            (tmp_path / "multi30k" / f"{part}.{language}").write_text(f"A dog of {part}.")
    rows = [f"{corpora._digest(text)}\tVěta {n}." for n, text in enumerate(english) if n % 2]
    (tmp_path / "recipes" / "translated-cs.tsv").write_text("\n".join(rows))
    caption = corpora._digest("A dog of test_2016_flickr.")
    (tmp_path / "recipes" / "translated-zh.tsv").write_text(f"{caption}\t一只狗。")
    for name in corpora.PHRASES.values():
        (tmp_path / "recipes" / name).write_text("en\tcs\nYes.\tAno.")
    monkeypatch.setattr(corpora, "_RECIPES", tmp_path / "recipes")
    return tmp_path


def test_the_splits_are_those_of_the_corpus(root):
    parts = {part: corpora.translated(root, part, "cs") for part in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == 1500
    for part, pairs in parts.items():
        known = {pair.source for pair in corpora.tatoeba(root, part, "de")}
        assert pairs and {pair.source for pair in pairs} < known
        assert all(p.target == p.source.replace("Sentence", "Věta")[:-9] + "." for p in pairs)
    (caption,) = corpora.translated(root, "test", "zh")
    assert caption == ("A dog of test_2016_flickr.", "一只狗。", "zh")


def test_into_english_nothing_is_tested_that_was_read_with_another_translation(root):
    assert len(corpora.translated(root, "test", "cs", into_english=True)) == len(
        corpora.translated(root, "test", "cs")
    )
    test = corpora.translated(root, "test", "cs")
    table = root / "recipes" / "translated-cs.tsv"
    train = corpora.translated(root, "train", "cs")[0]
    table.write_text(table.read_text().replace(f"\t{test[0].target}", f"\t{train.target}"))
    back = corpora.translated(root, "test", "cs", into_english=True)
    assert [pair.target for pair in back] == [pair.source for pair in test[1:]]
    assert {pair.language for pair in back} == {"en"}


def test_it_is_a_part_of_the_mixture_so_many_times(root):
    data = DataConfig(root=str(root), languages=("cs",), multi30k=0, tatoeba=1, translated=3)
    with pytest.raises(UserError, match="nothing to learn from"):
        mixture(data, "train")  # beside a corpus alone
    data = DataConfig(root=str(root), languages=("cs", "de"), multi30k=0, tatoeba=1, translated=3)
    found = {corpus.name: len(corpus.pairs) for corpus in mixture(data, "train")}
    assert found["translated_cs"] == 3 * len(corpora.translated(root, "train", "cs"))
    found = {corpus.name: len(corpus.pairs) for corpus in mixture(data, "val")}
    assert found["translated_cs"] == len(corpora.translated(root, "val", "cs"))


def test_what_it_refuses(root):
    with pytest.raises(UserError, match="nknown language: 'de'"):
        corpora.translated(root, "train", "de")
    with pytest.raises(UserError, match="nknown split"):
        corpora.translated(root, "dev", "cs")
    with pytest.raises(UserError, match="translated: they go with the corpora under root"):
        DataConfig(files=("a", "b"), languages=("cs",), translated=1)


def test_the_tables_that_come_along_are_clean():
    for language in corpora.TRANSLATED:
        lines = CZECH.with_name(f"translated-{language}.tsv").read_text("utf-8").splitlines()
        assert len(lines) > 6000 and lines == sorted(lines)
        for line in lines:
            digest, text = line.split("\t")
            assert len(digest) == 12 and int(digest, 16) >= 0
            assert text and text == corpora.clean(text)
