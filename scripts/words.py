"""Retires the Chinese pieces of a captioner that are no word: python -m scripts.words FROM TO

Pieces learned without ``words`` are phrases, up to whole sentences, and it can't be seen where the
model looked for a word. A piece stays if jieba cuts it out of the training captions and texts often
enough; another becomes unused, and what it spelled is cut into smaller ones, which the model has to
be taught to write (`captioner/recipes/everyday-words.toml`).
"""

import re
import shutil
from collections import Counter
from collections.abc import Container
from pathlib import Path

import click
from sentencepiece import sentencepiece_model_pb2

from attention_core import UserError, checkpoint
from attention_core.recipe import from_dict
from captioner.data import read
from captioner.learner import CaptionRecipe
from captioner.metrics import cut
from captioner.texts import read as read_texts

TOKENIZER = "tokenizer.model"
OFTEN = 3
CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


@click.command()
@click.argument("place", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("out", metavar="TO", type=click.Path(path_type=Path))
def main(place: Path, out: Path) -> None:
    """Write the checkpoint FROM to the folder TO, its Chinese pieces words of its training data."""
    try:
        recipe = from_dict(CaptionRecipe, checkpoint.read(place).config)
        if out.exists():
            raise UserError(f"{out} is there already: name another folder")
        captions = read(recipe.data, ("train",)).of("train", "zh")
        lines = [line for texts in captions.values() for line in texts]
        lines += [each.text for each in read_texts(recipe.data.texts, recipe.data.languages)["zh"]]
        counts = Counter(word for line in lines for word in cut(line))
        words = {word for word, count in counts.items() if count >= OFTEN}
        model, unused = retired((place / TOKENIZER).read_bytes(), words)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    shutil.copytree(place, out)
    (out / TOKENIZER).write_bytes(model)
    print(f"{out}: {unused} pieces are retired")


def retired(model: bytes, words: Container[str]) -> tuple[bytes, int]:
    """A SentencePiece model whose Chinese pieces are words or single characters, and how many
    others there were."""
    found = sentencepiece_model_pb2.ModelProto.FromString(model)
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    unused = 0
    for piece in found.pieces:
        text = piece.piece.removeprefix("▁")
        phrase = len(text) > 1 and CHINESE.search(text) and text not in words
        if phrase and piece.type == kinds.NORMAL:
            piece.type = kinds.UNUSED
            unused += 1
    return found.SerializeToString(), unused


if __name__ == "__main__":
    main()
