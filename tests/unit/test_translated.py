"""What was translated into languages that the corpora lack, found again by the English."""

import gzip
from pathlib import Path

import pytest

from attention_core import UserError
from attention_core.translation import corpora, translated
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
    rows = [f"{translated.digest(text)}\tVěta {n}." for n, text in enumerate(english) if n % 2]
    (tmp_path / "recipes" / "translated-cs.tsv").write_text("\n".join(rows))
    caption = translated.digest("A dog of test_2016_flickr.")
    (tmp_path / "recipes" / "translated-zh.tsv").write_text(f"{caption}\t一只狗。")
    german = [f"{translated.digest(text)}\tSatz {n}." for n, text in enumerate(english) if n % 3]
    (tmp_path / "recipes" / "translated-de.tsv").write_text("\n".join(german))
    for name in corpora.PHRASES.values():
        (tmp_path / "recipes" / name).write_text("en\tcs\tzh\nYes.\tAno.\t是。")
    monkeypatch.setattr(corpora, "RECIPES", tmp_path / "recipes")
    return tmp_path


def test_the_splits_are_those_of_the_corpus(root):
    parts = {part: translated.pairs(root, part, "cs") for part in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == 1500
    for part, pairs in parts.items():
        known = {pair.source for pair in corpora.tatoeba(root, part, "de")}
        assert pairs and {pair.source for pair in pairs} < known
        assert all(p.target == p.source.replace("Sentence", "Věta")[:-9] + "." for p in pairs)
    (caption,) = translated.pairs(root, "test", "zh")
    assert caption == ("A dog of test_2016_flickr.", "一只狗。", "zh")


def test_into_english_nothing_is_tested_that_was_read_with_another_translation(root):
    assert len(translated.pairs(root, "test", "cs", into_english=True)) == len(
        translated.pairs(root, "test", "cs")
    )
    test = translated.pairs(root, "test", "cs")
    train = translated.pairs(root, "train", "cs")[0]
    table = root / "recipes" / "translated-cs.tsv"
    translated._known.cache_clear()
    table.write_text(table.read_text().replace(f"\t{test[0].target}", f"\t{train.target}"))
    back = translated.pairs(root, "test", "cs", into_english=True)
    assert [pair.target for pair in back] == [pair.source for pair in test[1:]]
    assert {pair.language for pair in back} == {"en"}


def test_into_english_nothing_is_learned_that_tatoeba_tests(root):
    """A sentence of another English than Tatoeba's, but the same Chinese."""
    english = [pair.source for pair in corpora.tatoeba(root, "train", "de")][:2]
    tested = corpora.tatoeba(root, "test", "zh", into_english=True)[0]
    table = dict(zip(english, (tested.source, "你"), strict=True))
    rows = [f"{translated.digest(text)}\t{zh}" for text, zh in table.items()]
    (root / "recipes" / "translated-zh.tsv").write_text("\n".join(rows))
    assert [p.source for p in translated.pairs(root, "train", "zh", into_english=True)] == ["你"]
    assert len(translated.pairs(root, "train", "zh")) == 2


def test_flickr8k_is_learned_from_but_for_what_multi30k_holds_out(root):
    """Its pictures are told by Flickr's number; its captions read as one writes."""
    rows = [
        ("1_a", "train", "a dog 's bowl , here"),
        ("2_b", "train", "A cat ."),
        ("3_c", "train", "A bird ."),
        ("4_d", "val", "A fish ."),
    ]
    (root / "flickr8k").mkdir()
    lines = "\n".join(f"{image}\t{split}\t0\t{text}" for image, split, text in rows)
    (root / "flickr8k" / "captions.en.tsv.gz").write_bytes(gzip.compress(lines.encode()))
    (root / "multi30k" / "test_2016_flickr.images.txt").write_text("9.jpg\n2.jpg\n")
    (root / "multi30k" / "train.images.txt").write_text("1.jpg\n")
    table = [f"{translated.digest(text)}\t{image}" for image, _, text in rows]
    (root / "recipes" / "translated-zh.tsv").write_text("\n".join(table))
    found = translated.pairs(root, "train", "zh")
    assert [(p.source, p.target) for p in found] == [
        ("A dog's bowl, here.", "1_a"),
        ("A bird.", "3_c"),
    ]
    assert not translated.pairs(root, "val", "zh")
    (root / "multi30k" / "test_2016_flickr.images.txt").unlink()
    with pytest.raises(UserError, match="no list of the pictures"):
        translated.pairs(root, "train", "zh")
    (root / "flickr8k" / "captions.en.tsv.gz").write_bytes(b"no archive")
    (root / "multi30k" / "val.images.txt").write_text("2.jpg\n")
    with pytest.raises(UserError, match="can't be read"):
        translated.pairs(root, "train", "zh")


def test_it_is_a_part_of_the_mixture_so_many_times(root):
    data = DataConfig(root=str(root), languages=("cs",), multi30k=0, tatoeba=1, translated=3)
    with pytest.raises(UserError, match="nothing to learn from"):
        mixture(data, "train")  # beside a corpus alone
    data = DataConfig(root=str(root), languages=("cs", "de"), multi30k=0, tatoeba=1, translated=3)
    found = {corpus.name: len(corpus.pairs) for corpus in mixture(data, "train")}
    for language in ("cs", "de"):
        pairs = translated.pairs(root, "train", language)
        assert found[f"translated_{language}"] == 3 * len(pairs)
    found = {corpus.name: len(corpus.pairs) for corpus in mixture(data, "val")}
    assert found["translated_cs"] == len(translated.pairs(root, "val", "cs"))
    assert "translated_de" not in found  # Tatoeba has German to choose by


def test_what_it_refuses(root):
    with pytest.raises(UserError, match="nknown language: 'fr'"):
        translated.pairs(root, "train", "fr")
    with pytest.raises(UserError, match="nknown split"):
        translated.pairs(root, "dev", "cs")
    with pytest.raises(UserError, match="translated: they go with the corpora under root"):
        DataConfig(files=("a", "b"), languages=("cs",), translated=1)


def test_the_sentences_of_the_cards_were_not_translated():
    shown = CZECH.with_name("everyday-sentences.txt").read_text("utf-8").splitlines()
    assert len(shown) == 20
    for language in translated.LANGUAGES:
        find = translated.lookup(language)
        assert not any(map(find, shown))


def test_the_tables_that_come_along_are_clean():
    for language in translated.LANGUAGES:
        lines = CZECH.with_name(f"translated-{language}.tsv").read_text("utf-8").splitlines()
        assert len(lines) > 6000 and lines == sorted(lines)
        for line in lines:
            digest, text = line.split("\t")
            assert len(digest) == 12 and int(digest, 16) >= 0
            assert text and text == corpora.clean(text)
