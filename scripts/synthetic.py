"""Text of which a model makes one side, out of the text that it learned from.

Data diversification (Nguyen et al. 2020, §3.1): translations of the sources (Kim and Rush 2016),
and back-translations of the targets (Sennrich et al. 2016). As a command it makes that of the
translators that ship: ``python -m scripts.synthetic --help``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from attention_core.errors import UserError
from attention_core.translation import corpora
from attention_core.translation.corpora import Pair, at_most, key
from attention_core.translation.mixture import DataConfig, mixture, some
from attention_core.translation.predictor import Translator, shipped


def forward(translator: Translator, pairs: Sequence[Pair]) -> list[Pair]:
    """The sources, and what the model makes of them; not what it doubts."""
    made = _translated(translator, [pair.source for pair in pairs], pairs[0].language)
    return [pair._replace(target=text) for pair, text in zip(pairs, made, strict=True) if text]


def backward(translator: Translator, pairs: Sequence[Pair]) -> list[Pair]:
    """What a model into English makes of the targets, and these; not what it doubts."""
    made = _translated(translator, [pair.target for pair in pairs], "en")
    return [pair._replace(source=text) for pair, text in zip(pairs, made, strict=True) if text]


def write(
    folder: Path, made: Iterable[Pair], text: Iterable[Pair], held_out: Iterable[Pair]
) -> int:
    """Two files of aligned lines, as ``data.synthetic`` takes them, without what ``text`` has
    itself, without repeats, and without English that a model happens to say and that is held out.
    How many lines.

    Raises UserError where none is left.
    """
    known, tested = set(text), {key(pair.source) for pair in held_out}
    made = dict.fromkeys(made)
    pairs = [pair for pair in made if pair not in known and key(pair.source) not in tested]
    if not pairs:
        raise UserError("nothing is left to learn from: models doubt all, or say what text has")
    folder.mkdir(parents=True, exist_ok=True)
    language = pairs[0].language
    for ending, lines in (("en", [p.source for p in pairs]), (language, [p.target for p in pairs])):
        path = folder / f"made.en-{language}.{ending}"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return len(pairs)


def held_out(data: str, languages: Iterable[str], *, tatoeba: bool) -> list[Pair]:
    """All that isn't learned from: of Multi30k and, if asked for, of Tatoeba."""
    pairs: list[Pair] = []
    for language in languages:
        for part in corpora.MULTI30K.get(language, ()):
            if part != "train":
                pairs += corpora.multi30k(data, part, language)
        if tatoeba and language in corpora.TATOEBA:
            for part in ("val", "test"):
                pairs += corpora.tatoeba(data, part, language)
    return pairs


def _translated(translator: Translator, texts: Sequence[str], to: str) -> list[str]:
    """A line for each text, an empty one where the model doubts."""
    found = translator.translate(texts, to=to)
    return ["" if one.doubtful else " ".join(one.text.split()) for one in found]


@click.command()
@click.option("--data", default="data", show_default=True, help="The folder of the data.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A folder to write.")
@click.option("--pairs", default=20_000, show_default=True, help="At most, of a corpus.")
@click.option(
    "--to",
    "languages",
    multiple=True,
    help="Only this language  [default: all, and then nothing that is held out in any].",
)
def main(data: str, out: Path, pairs: int, languages: tuple[str, ...]) -> None:
    """What the translators that ship make of Tatoeba's and Multi30k's training text, both ways."""
    ours, back = shipped(), shipped("en")
    languages = languages or ours.languages
    try:
        tested = held_out(data, languages, tatoeba=True)
        for language in languages:
            read = mixture(DataConfig(root=data, languages=(language,), tatoeba=1), "train")
            text = [pair for corpus in read for pair in corpus.pairs]
            taken = [pair for corpus in read for pair in some(corpus.pairs, pairs)]
            made = forward(ours, at_most(taken, 1)) + backward(back, taken)
            print(f"{language}: {write(out, made, text, tested)} pairs, of {len(taken)} both ways")
    except UserError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
