"""Labels: what the backbone's own classifier tells of a picture, in words that captions use.

A captioner of 6,000 pictures knows few things by name, and the network that sees for it a
thousand. Its most likely labels are positions of the memory beside those of the picture, so that
the decoder attends to a label as it does to a place, and says it in the words of its language
(after Yao et al. 2017, "Incorporating Copying Mechanism in Image Captioning for Learning Novel
Objects", and Venugopalan et al. 2017, "Captioning Images with Diverse Objects"). How a label is
put into words, it learns from text without pictures too: see ``texts``.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 1000  # of ImageNet
LEAST = 0.02  # probability under which a label is not there

Seen = tuple[Tensor, Tensor, Tensor]  # values (B, k, V), valid (B, k), summary (B, V)


@dataclass(frozen=True)
class Label:
    """A thing, the classes of ImageNet that are one, and its words."""

    name: str
    classes: tuple[int, ...]
    words: dict[str, re.Pattern[str]]  # by language


@cache
def labels() -> tuple[Label, ...]:
    """Those of ``labels.toml``, in its order.

    >>> labels()[0].name, len(labels()[0].classes)
    ('dog', 121)
    """
    table = tomllib.loads(Path(__file__).with_name("labels.toml").read_text("utf-8"))
    found = []
    for name, words in table.items():
        classes = tuple(_numbers(words.pop("classes")))
        found.append(Label(name, classes, {x: _pattern(words[x], x) for x in words}))
    return tuple(found)


def named(text: str, language: str) -> list[int]:
    """The labels whose words are in a text, by number.

    >>> [labels()[i].name for i in named("Two dogs share a hot dog.", "en")]
    ['dog', 'hotdog']
    """
    return [
        number
        for number, label in enumerate(labels())
        if language in label.words and label.words[language].search(text)
    ]


def of_classes() -> Tensor:
    """(1000, C): 1 where a class is one of a label.

    >>> int(of_classes()[:, 0].sum())  # dogs
    121
    """
    table = torch.zeros(CLASSES, len(labels()))
    for number, label in enumerate(labels()):
        table[list(label.classes), number] = 1
    return table


class LabelMemory(nn.Module):
    """v_c = E_c + u log p_c for the k labels c of the highest p_c; the summary is Σ p_c E_c.

    p_c is the sum over the label's classes, and a label under ``LEAST`` isn't there.

    Shapes: C labels; p (B, C) -> values (B, k, V), valid (B, k), summary (B, V).

    >>> LabelMemory(values=4, most=3)(torch.eye(len(labels()))[:2])[1]
    tensor([[ True, False, False],
            [ True, False, False]])
    """

    of_classes: Tensor

    def __init__(self, values: int, most: int) -> None:
        super().__init__()
        self.most = most
        self.embedding = nn.Embedding(len(labels()), values)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.certainty = nn.Parameter(torch.zeros(values))
        self.register_buffer("of_classes", of_classes(), persistent=False)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Those of the labels: (B, 1000) -> (B, C). A class may be one of several labels."""
        return logits.softmax(-1) @ self.of_classes

    def forward(self, probabilities: Tensor) -> Seen:
        most, which = probabilities.topk(self.most)
        valid = most >= LEAST
        embedded = self.embedding(which)
        values = embedded + most.clamp(min=LEAST).log()[..., None] * self.certainty
        summary = ((most * valid)[..., None] * embedded).sum(1)
        return values, valid, summary


def _numbers(ranges: str) -> list[int]:
    ends = [part.partition("-") for part in ranges.split(", ")]
    return [n for first, _, last in ends for n in range(int(first), int(last or first) + 1)]


def _pattern(words: str, language: str) -> re.Pattern[str]:
    """German ones of four letters or more are found in their cases and regular plurals too."""
    endings = r"(?:(?<=\w{4})(?:e|s|es|e?n|e?rn?))?" if language == "de" else ""
    each = "|".join(re.escape(word) + endings for word in words.split(", "))
    return re.compile(each if language == "zh" else rf"\b(?:{each})\b", re.IGNORECASE)
