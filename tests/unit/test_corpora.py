"""Readers of parallel text: Multi30k, Tatoeba and plain files, and their honest splits."""

from __future__ import annotations

import gzip
import itertools
import sys
import zipfile
from pathlib import Path

import pytest

from attention_core.errors import UserError
from attention_core.translation import corpora
from attention_core.translation.corpora import Pair


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def sentences(number: int) -> list[str]:
    return [f"Sentence number {n}." for n in range(number)]


def test_multi30k_pairs_lines(tmp_path: Path) -> None:
    write(tmp_path / "multi30k/val.en.gz", ["A dog .", "Two  cats."])
    write(tmp_path / "multi30k/val.cs.gz", ["Pes .", "Dve\u030c kočky."])
    assert corpora.multi30k(tmp_path, "val", "cs") == [
        Pair("A dog .", "Pes .", "cs"),
        Pair("Two cats.", "Dvě kočky.", "cs"),
    ]


def test_uncompressed_files_are_read_too(tmp_path: Path) -> None:
    write(tmp_path / "multi30k/val.en", ["A dog."])
    write(tmp_path / "multi30k/val.de", ["Ein Hund."])
    assert corpora.multi30k(tmp_path, "val", "de") == [Pair("A dog.", "Ein Hund.", "de")]


@pytest.mark.parametrize(
    ("split", "language", "message"),
    [
        ("train", "zh", r"'zh'.*cs, de, fr"),
        ("test_2017_flickr", "cs", r"'cs'.*'test_2017_flickr'.*test_2016_flickr"),
        ("test_2016", "de", r"Did you mean 'test_2016_flickr'"),
        ("val", "de", r"val\.en\.gz is missing.*github\.com/multi30k/dataset"),
    ],
)
def test_multi30k_errors(tmp_path: Path, split: str, language: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        corpora.multi30k(tmp_path, split, language)


def test_tatoeba_splits_partition_the_sentences(tmp_path: Path) -> None:
    english = sentences(4000)
    write(tmp_path / "tatoeba/deu.txt.gz", [f"{s}\tSatz {n}." for n, s in enumerate(english)])
    parts = [
        {pair.source for pair in corpora.tatoeba(tmp_path, split, "de")}
        for split in ("train", "val", "test")
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 4000
    assert 10 <= len(parts[1]) <= 30
    assert 25 <= len(parts[2]) <= 55


@pytest.mark.parametrize(
    ("number", "split"),
    [(269, "test"), (1687, "val"), (533, "val"), (905, "train")],
)
def test_tatoeba_split_is_fixed_for_ever(tmp_path: Path, number: int, split: str) -> None:
    """These sentences hash to the four edges: 9, 10, 14 and 15 thousandths."""
    write(tmp_path / "tatoeba/fra.txt.gz", [f"Sentence number {number}.\tPhrase."])
    assert len(corpora.tatoeba(tmp_path, split, "fr")) == 1


def test_tatoeba_split_is_the_same_in_every_language_case_and_punctuation(tmp_path: Path) -> None:
    english = sentences(700)
    write(tmp_path / "tatoeba/fra.txt.gz", [f"{s}\tPhrase." for s in english])
    variants = [f"“{s[:-1].upper()}”  !" for s in english]
    write(tmp_path / "tatoeba/deu.txt.gz", [f"{s}\tSatz." for s in variants])
    for split in ("val", "test"):
        french = {pair.source for pair in corpora.tatoeba(tmp_path, split, "fr")}
        german = {pair.source for pair in corpora.tatoeba(tmp_path, split, "de")}
        assert french
        assert german == {" ".join(f"“{s[:-1].upper()}” !".split()) for s in french}


def test_tatoeba_keeps_translations_together_and_drops_duplicates(tmp_path: Path) -> None:
    lines = ["Hello there.\tBonjour.", "Hello there.\tSalut.", "Hello there.\tBonjour."]
    write(tmp_path / "tatoeba/fra.txt.gz", lines)
    splits = [corpora.tatoeba(tmp_path, split, "fr") for split in ("train", "val", "test")]
    assert [[pair.target for pair in split] for split in splits if split] == [
        ["Bonjour.", "Salut."]
    ]


def test_chinese_is_simplified_and_keeps_its_punctuation(tmp_path: Path) -> None:
    pytest.importorskip("opencc")
    lines = ["Hi there.\t我們過馬路吧！\tCC-BY", "Hi there.\t我们过马路吧！\tCC-BY"]
    write(tmp_path / "tatoeba/cmn.txt.gz", lines)
    pairs = [
        p for split in ("train", "val", "test") for p in corpora.tatoeba(tmp_path, split, "zh")
    ]
    assert pairs == [Pair("Hi there.", "我们过马路吧！", "zh")]


def test_chinese_without_opencc_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora._simplifier.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    path = write(tmp_path / "pairs.tsv", ["Hi.\t嗨。"])
    with pytest.raises(UserError, match="pip install opencc-python-reimplemented"):
        corpora.tsv(path, "zh")


@pytest.mark.parametrize(
    ("split", "language", "message"),
    [
        ("train", "cs", r"'cs'.*de, fr, zh"),
        ("dev", "de", r"Tatoeba split: 'dev'.*test, train, val"),
        ("val", "fr", r"fra-eng\.zip is missing.*manythings\.org/anki"),
    ],
)
def test_tatoeba_errors(tmp_path: Path, split: str, language: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        corpora.tatoeba(tmp_path, split, language)


def test_parallel_drops_empty_lines_in_pairs(tmp_path: Path) -> None:
    source = write(tmp_path / "a.en", ["One.", "", "Three.", "Four."])
    target = write(tmp_path / "a.de", ["Eins.", "Zwei.", " \u200b", "Vier."])
    assert corpora.parallel(source, target, "de") == [
        Pair("One.", "Eins.", "de"),
        Pair("Four.", "Vier.", "de"),
    ]


@pytest.mark.parametrize(
    ("german", "end"),
    [
        (["Eins.", "Zwei."], r"of the other\."),
        (["Eins.", "", "Zwei.", "Drei."], r"Line 2 is empty in one alone: they may part there\."),
    ],
)
def test_parallel_counts_must_match(tmp_path: Path, german: list[str], end: str) -> None:
    source = write(tmp_path / "a.en", ["One.", "Two.", "Three."])
    target = write(tmp_path / "a.de", german)
    with pytest.raises(
        UserError, match=rf"a\.en has 3 lines but .*a\.de has {len(german)}.*{end}$"
    ):
        corpora.parallel(source, target, "de")


def test_the_many_forms_of_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    for data, problem in (
        (b"", r"a\.tsv is empty"),
        (b"\xef\xbb\xbf\n \n", r"a\.tsv is empty"),
        ("One.\tEins.".encode("utf-16"), r"a\.tsv is UTF-16 text: save it as UTF-8"),
        (b"One.\tEins.\nTwo.\tZ\0ei.", r"a\.tsv, line 2: a zero byte: this is not text"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=problem):
            corpora.tsv(path, "de")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(f"One.\tEins.{end}Two.\tZwei.{end}".encode())
    assert [pair.target for pair in corpora.tsv(path, "de")] == ["Eins.", "Zwei."]


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    """It is no part of the first number of an export."""
    path = tmp_path / "a.tsv"
    path.write_bytes("\ufeff1\tOne.\t2\tEins.\r\n".encode())
    assert corpora.tsv(path, "de") == [Pair("One.", "Eins.", "de")]


def test_what_tatoeba_exports_has_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["1276\tLet's try.\t77\tVersuchen wir's!", "", "3\tA.\t4\tB."])
    assert corpora.tsv(path, "de") == [
        Pair("Let's try.", "Versuchen wir's!", "de"),
        Pair("A.", "B.", "de"),
    ]
    write(path, ["1276\tLet's try.\t77\tVersuchen wir's!", "5\tA."])
    with pytest.raises(UserError, match=r"line 2: expected .* each after its number"):
        corpora.tsv(path, "de")


def test_numbers_alone_are_text_like_any(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["1\tone\tx\ty", "2\ttwo\t3\tthree"])
    assert [pair.target for pair in corpora.tsv(path, "en")] == ["one", "two"]


def archive(path: Path, **texts: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in texts.items():
            file.writestr(name, text)
    return path


OPUS = {
    "README": "About.\n",
    "LICENSE": "CC.\n",
    "Books.de-en.de": "Eins.\nZwei.\n",
    "Books.de-en.en": "One.\nTwo.\n",
    "Books.de-en.ids": "a b 1 1\na b 2 2\n",
    "Books.de-en.scores": "0.5\n0.5\n",
}


def everything(files: list[Path], language: str, **options: bool) -> list[Pair]:
    names = [str(file) for file in files]
    splits = ("train", "val", "test")
    return [p for split in splits for p in corpora.own(names, split, language, **options)]


def test_an_archive_of_opus_is_read_both_ways(tmp_path: Path) -> None:
    path = archive(tmp_path / "de-en.txt.zip", **OPUS)
    assert everything([path], "de") == [Pair("One.", "Eins.", "de"), Pair("Two.", "Zwei.", "de")]
    assert everything([path], "en") == [Pair("Eins.", "One.", "en"), Pair("Zwei.", "Two.", "en")]
    with pytest.raises(UserError, match=r"swap: the file names in .* already say"):
        everything([path], "en", swap=True)


def test_a_folder_is_read_like_an_archive(tmp_path: Path) -> None:
    for name, text in OPUS.items():
        write(tmp_path / f"{name}.gz", text.splitlines())
    assert everything([tmp_path], "de") == [
        Pair("One.", "Eins.", "de"),
        Pair("Two.", "Zwei.", "de"),
    ]


def test_a_region_is_no_other_language(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", **{"a.en-pt_BR.en": "One.", "a.en-pt_BR.pt_BR": "Um."})
    for language in ("pt", "pt_BR"):
        assert everything([path], language) == [Pair("One.", "Um.", language)]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (OPUS, r"no text in 'fr', .* text\.en and text\.fr, .*Known: de, en\.$"),
        ({}, r"no text in 'fr', .* of lines with tabs\.$"),
        (
            {"a.txt": "A\tB", "b.txt": "A\tB"},
            r"holds 2 texts: name the files to read, like a\.txt$",
        ),
        (
            {"train.en": "A", "train.fr": "B", "train.de": "C"},
            r"holds 2 texts: name the files to read, like train\.en and train\.fr$",
        ),
    ],
)
def test_an_archive_without_the_text_is_told(
    tmp_path: Path, texts: dict[str, str], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        everything([archive(tmp_path / "a.zip", **texts)], "fr")


def test_an_archive_of_manythings_is_read(tmp_path: Path) -> None:
    (tmp_path / "tatoeba").mkdir()
    path = archive(
        tmp_path / "tatoeba/fra-eng.zip",
        **{"_about.txt": "About.", "fra.txt": "One.\tUn.\tCC-BY\nTwo.\tDeux.\tCC-BY\n"},
    )
    expected = [Pair("One.", "Un.", "fr"), Pair("Two.", "Deux.", "fr")]
    assert everything([path], "fr") == expected
    found = [corpora.tatoeba(tmp_path, split, "fr") for split in ("train", "val", "test")]
    assert sorted(itertools.chain(*found)) == expected


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", **{"a.txt": "One.\tUn.\n" * 99})
    data = path.read_bytes()
    for damaged in (data[:50], data.replace(b"One", b"Ten"), b""):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"Can't read .*a\.zip"):
            everything([path], "fr")
    path.unlink()
    with pytest.raises(UserError, match=r"Can't read .*a\.zip: No such file"):
        everything([path], "fr")


def test_own_text_goes_the_other_way(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["One.\tEins.", "Two.\tZwei."])
    expected = [Pair("Eins.", "One.", "en"), Pair("Zwei.", "Two.", "en")]
    assert sorted(everything([path], "en", swap=True)) == expected


def test_pairs_without_a_side_are_counted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    english = write(tmp_path / "a.en", ["One.", "", "Three.", "Four."])
    german = write(tmp_path / "a.de", ["Eins.", "Zwei.", " ", "Vier."])
    assert len(everything([english, german], "de")) == 2
    assert capsys.readouterr().err == (
        f"{english}, {german}: 2 of 4 pairs left out, one side being empty\n"
    )


def test_a_clone_of_multi30k_is_read(tmp_path: Path) -> None:
    raw = tmp_path / "multi30k/data/task1/raw"
    write(raw / "val.en.gz", ["A dog."])
    write(raw / "val.de.gz", ["Ein Hund."])
    assert corpora.multi30k(tmp_path, "val", "de") == [Pair("A dog.", "Ein Hund.", "de")]


def test_tsv_ignores_further_columns_blank_lines_and_carriage_returns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["\ufeffOne.\tEins.\tCC-BY\tx\r", "", "Two.\t", "\tDrei."])
    assert corpora.tsv(path, "de") == [Pair("One.", "Eins.", "de")]


def test_tsv_line_without_a_tab_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["One.\tEins.", "Two. Zwei."])
    with pytest.raises(
        UserError, match=r"a\.tsv, line 2: expected a sentence and its translation, a tab"
    ):
        corpora.tsv(path, "de")


def test_wrong_encoding_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("One.\tEins.\nHeight.\tGröße.\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.tsv, line 2: this is not UTF-8"):
        corpora.tsv(path, "de")


@pytest.mark.parametrize(
    "damage", [b"not gzip", gzip.compress(b"One.\tEins.\n" * 99, mtime=0)[:-12]]
)
def test_damaged_archive_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(damage)
    with pytest.raises(UserError, match=r"Can't read .*a\.tsv\.gz"):
        corpora.tsv(path, "de")


def test_unreadable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Can't read .*none\.tsv: No such file"):
        corpora.tsv(tmp_path / "none.tsv", "de")
    with pytest.raises(UserError, match=r"Can't read .*: Is a directory"):
        corpora.parallel(tmp_path, tmp_path, "de")


def test_at_most_counts_per_source_and_language() -> None:
    pairs = [Pair("a", t, language) for language in ("de", "fr") for t in "xyz"]
    kept = corpora.at_most([*pairs, Pair("b", "x", "de")], 2)
    assert kept == [*pairs[:2], *pairs[3:5], Pair("b", "x", "de")]


def test_balanced_text_repeats_small_languages_and_no_source() -> None:
    pairs = [Pair(f"s{n}", f"de{n}", "de") for n in range(5)]
    pairs += [Pair(f"s{n}", f"zh{n}", "zh") for n in range(2)]
    text = corpora.balanced_text(pairs)
    assert sorted(text) == sorted(
        [f"s{n}" for n in range(5)] + [f"de{n}" for n in range(5)] + ["zh0", "zh1"] * 2
    )
    assert corpora.balanced_text([]) == []


def test_own_text_is_split_by_its_source_sentence_in_any_order(tmp_path: Path) -> None:
    lines = [f"Sentence number {n // 2}.\tSatz {n}." for n in range(2000)]
    forwards = write(tmp_path / "a.tsv", lines)
    backwards = write(tmp_path / "b.tsv", lines[::-1])
    parts = {}
    for split in ("train", "val", "test"):
        found = corpora.own([str(forwards)], split, "de")
        assert set(found) == set(corpora.own([str(backwards)], split, "de"))
        parts[split] = {pair.source for pair in found}
        assert len(found) == 2 * len(parts[split])
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 1000
    assert 10 <= len(parts["val"]) <= 32 and 10 <= len(parts["test"]) <= 32


def test_multi30k_into_english_is_the_other_way(tmp_path: Path) -> None:
    write(tmp_path / "multi30k/val.en", ["A dog.", "", "A cat."])
    write(tmp_path / "multi30k/val.de", ["Ein Hund.", "Ein Vogel.", "Eine Katze."])
    assert corpora.multi30k(tmp_path, "val", "de", into_english=True) == [
        Pair("Ein Hund.", "A dog.", "en"),
        Pair("Eine Katze.", "A cat.", "en"),
    ]


def test_tatoeba_is_split_by_its_english_sentence_both_ways(tmp_path: Path) -> None:
    write(tmp_path / "tatoeba/deu.txt", [f"{s}\tSatz {n}." for n, s in enumerate(sentences(700))])
    for split in ("train", "val", "test"):
        out = corpora.tatoeba(tmp_path, split, "de")
        into = corpora.tatoeba(tmp_path, split, "de", into_english=True)
        assert out and into == [Pair(target, source, "en") for source, target, _ in out]


def test_tatoeba_into_english_tests_nothing_that_was_learned(tmp_path: Path) -> None:
    """Sentences 269 and 905 are of test and train; both translate what is asked."""
    lines = ["Sentence number 269.\tDas!", "Sentence number 905.\tdas."]
    write(tmp_path / "tatoeba/deu.txt", lines)
    assert len(corpora.tatoeba(tmp_path, "test", "de")) == 1
    assert corpora.tatoeba(tmp_path, "test", "de", into_english=True) == []
    assert corpora.tatoeba(tmp_path, "train", "de", into_english=True) == [
        Pair("das.", "Sentence number 905.", "en")
    ]


def test_tatoeba_into_english_tests_nothing_that_the_phrase_book_has(tmp_path: Path) -> None:
    write(tmp_path / "tatoeba/deu.txt", ["Sentence number 269.\tGuten Morgen!"])
    assert len(corpora.tatoeba(tmp_path, "test", "de")) == 1
    assert corpora.tatoeba(tmp_path, "test", "de", into_english=True) == []


def test_chinese_to_be_read_stays_as_it_is_written(tmp_path: Path) -> None:
    write(tmp_path / "tatoeba/cmn.txt", ["Sentence number 905.\t我們過馬路吧！"])
    assert corpora.tatoeba(tmp_path, "train", "zh", into_english=True) == [
        Pair("我們過馬路吧！", "Sentence number 905.", "en")
    ]


def test_what_macos_adds_to_an_archive_is_no_text(tmp_path: Path) -> None:
    texts = {"a/x.en": "One.", "a/x.es": "Uno.", "__MACOSX/a/._x.en": "-", "__MACOSX/a/._x.es": "-"}
    path = archive(tmp_path / "a.ZIP", **texts)
    assert everything([path], "es") == [Pair("One.", "Uno.", "es")]


def test_the_phrase_book_goes_both_ways() -> None:
    pairs = corpora.phrases("cs")
    assert Pair("Good morning.", "Dobré ráno.", "cs") in pairs
    assert Pair("Dobré ráno.", "Good morning.", "en") in corpora.phrases("cs", into_english=True)
    with pytest.raises(UserError, match=r"Unknown language: 'es'\. Known: cs, de, fr, zh\."):
        corpora.phrases("es")


def test_the_phrase_book_has_each_phrase_once_and_nothing_held_out() -> None:
    book = corpora.RECIPES / corpora.PHRASES["train"]
    head, *rows = (line.split("\t") for line in book.read_text("utf-8").splitlines())
    assert head == ["en", "zh", "fr", "de", "cs"]
    whole = [row for row in rows if all(row)]
    czech = [row for row in rows if row[0] and row[-1] and not any(row[2:-1])]  # Chinese, or not
    assert len(whole) + len(czech) == len(rows) and min(len(whole), len(czech)) > 300
    assert {len(row) for row in rows} == {len(head)}
    assert len({row[0] for row in rows}) == len(rows)
    assert [len(corpora.phrases(name)) for name in ("de", "cs")] == [len(whole), len(rows)]
    assert {corpora._split_of(row[0]) for row in rows} == {"train"}


@pytest.mark.parametrize("split", ["val", "test", "names"])
def test_what_the_phrase_book_tests_is_not_in_it_either_way(split: str) -> None:
    others = [corpora.phrases("cs", other) for other in corpora.PHRASES if other != split]
    tested = corpora.phrases("cs", split)
    assert len({pair.source for pair in tested}) == len(tested) > 100
    for side in (0, 1):
        found = {corpora.key(pair[side]) for pair in tested}
        assert not found & {corpora.key(pair[side]) for other in others for pair in other}
    assert corpora.phrases("cs", split, into_english=True) == [
        Pair(pair.target, pair.source, "en") for pair in tested
    ]


@pytest.mark.parametrize("split", ["val", "test"])
def test_only_czech_is_held_out_of_the_phrase_book(split: str) -> None:
    with pytest.raises(UserError, match=r"Unknown language: 'de'\. Known: cs\."):
        corpora.phrases("de", split)


def test_names_are_tested_in_every_language() -> None:
    for language in ("zh", "fr", "de", "cs"):
        tested = corpora.phrases(language, "names")
        learned = {corpora.key(pair.target) for pair in corpora.phrases(language)}
        assert len(tested) > 150
        assert not learned & {corpora.key(pair.target) for pair in tested}


def test_the_phrase_book_has_three_splits() -> None:
    with pytest.raises(UserError, match=r"Unknown split of the phrase book: 'dev'"):
        corpora.phrases("cs", "dev")
