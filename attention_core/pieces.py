"""The part of a joint vocabulary that each language is written with."""

import json
from collections.abc import Iterable, Sequence

from attention_core.checkpoint import OF_LANGUAGES, Checkpoint
from attention_core.errors import UserError
from attention_core.tokenizer import Tokenizer

PIECES = OF_LANGUAGES  # its file in a checkpoint: language -> ids


def pieces_of(targets: Iterable[Sequence[int]], tokenizer: Tokenizer) -> dict[str, list[int]]:
    """The ids that occur in the targets of each language, told by their first token.

    >>> tokenizer = Tokenizer.train(["a cat", "un gato"] * 9, vocabulary=270, languages=["es"])
    >>> pieces_of([[tokenizer.begin("es"), 7, 9, 2], [tokenizer.begin("es"), 7, 8, 2]], tokenizer)
    {'es': [2, 7, 8, 9]}
    """
    language_of = {tokenizer.begin(language): language for language in tokenizer.languages}
    found: dict[str, set[int]] = {language: {tokenizer.eos} for language in tokenizer.languages}
    for begin, *ids in targets:
        found[language_of[begin]].update(ids)
    return {language: sorted(ids) for language, ids in found.items()}


def united(pieces: dict[str, list[int]], start: Checkpoint) -> dict[str, list[int]]:
    """With those that the model knows that a training goes on from, or it would say them no more.

    Raises UserError as ``read_pieces`` does.

    >>> from attention_core.checkpoint import read
    >>> from attention_core.translation import TASK
    >>> len(united({"fr": [2, 7]}, read(TASK.shipped))["fr"]) > 1000
    True
    """
    known = read_pieces(start, Tokenizer.load(start.path / "tokenizer.model"))
    return {language: sorted({*ids, *known.get(language, ())}) for language, ids in pieces.items()}


def read_pieces(checkpoint: Checkpoint, tokenizer: Tokenizer) -> dict[str, list[int]]:
    """Those that a checkpoint holds, of each language that it learned.

    Raises UserError when they are missing, damaged, or another tokenizer's.

    >>> from attention_core.checkpoint import read
    >>> from attention_core.translation import TASK
    >>> tokenizer = Tokenizer.load(TASK.shipped / "tokenizer.model")
    >>> sorted(read_pieces(read(TASK.shipped), tokenizer))
    ['cs', 'de', 'fr', 'zh']
    """
    data = checkpoint.file(PIECES)
    try:
        found = {str(language): [int(i) for i in ids] for language, ids in json.loads(data).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{checkpoint.path / PIECES} is damaged ({error})") from None
    ids = [i for each in found.values() for i in each]
    fits = ids and min(ids) >= 0 and max(ids) < tokenizer.size
    if not fits or not {*found} <= {*tokenizer.languages}:
        raise UserError(f"{checkpoint.path / PIECES} is not of this checkpoint's tokenizer")
    return found
