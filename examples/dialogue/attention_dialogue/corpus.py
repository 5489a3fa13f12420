"""The conversations: questions about ``world.toml``, follow-ups and small talk, with answers.

A question is a form filled in with a row of facts: "what is the capital of {x}?" with Italy. By its
hash one in ten is held out for the test and one in twenty for validation: the form is learned with
other rows and the row with other forms, but never the two together. What has no row is learned.
"""

import re
import tomllib
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

WORLD = tomllib.loads(Path(__file__).with_name("world.toml").read_text(encoding="utf-8"))
SPLITS = ("train", "val", "test")
ONSETS, VOWELS, CODAS = "-bdfgklmnprstvwz", "aeiou", "---lnrs"  # of made-up words; "-" is none
UNKNOWN = 0.1  # of the questions learned from


class Question(NamedTuple):
    """A form of a topic, the row that it is filled in with (none in small talk), its answer."""

    topic: int
    kind: str  # "asks", "new", "then" or "chain"
    form: str
    x: str
    answer: str

    def text(self) -> str:
        """The question as it is asked."""
        return self.form.replace("{x}", self.x)

    def split(self) -> str:
        """The part of the data that it belongs to; "new" are the forms kept for the test."""
        if self.kind == "new" or not self.x:
            return "new" if self.kind == "new" else "train"
        bucket = zlib.crc32(f"{self.topic} {self.form} {self.x}".encode()) % 20
        return {0: "test", 1: "test", 2: "val"}.get(bucket, "train")

    def unknown(self, random: Random) -> "Question":
        """The same about a made-up word, which nobody can answer."""
        letters = map(random.choice, (ONSETS, VOWELS, CODAS) * random.randint(2, 4))
        return self._replace(x="".join(letters).replace("-", ""), answer=WORLD["unknown"])


def said(text: str, before: str = "") -> str:
    """What the model reads: the turn before, and the text; small letters without punctuation."""
    words = re.sub(r"[^\w\s']", " ", text).lower().split()
    return before + " ".join(words)


def turn(text: str, answer: str) -> str:
    """A turn of the conversation, as the next one has it before itself."""
    return f"{said(text)} | {said(answer)} | "


def rows(kind: str) -> list[dict[str, str]]:
    """The facts of a kind; ``x`` names each."""
    if kind == "word":
        both = [*WORLD["opposites"], *(pair[::-1] for pair in WORLD["opposites"])]
        return [{"x": word, "opposite": other} for word, other in both]
    if kind in ("days", "months", "numbers"):
        names = WORLD[kind]
        around = zip(names, names[1:] + names[:1], names[-1:] + names[:-1], strict=True)
        found = [{"x": x, "next": after, "previous": before} for x, after, before in around]
        return found[1:-1] if kind == "numbers" else found
    if kind == "pair":
        ranked = list(enumerate(WORLD["sizes"]))
        return [
            {"x": f"{one} or {other}", "bigger": max(a, b)[1], "smaller": min(a, b)[1]}
            for a in ranked
            for b in ranked
            if (one := a[1]) != (other := b[1])
        ]
    if kind == "sum":
        names = WORLD["numbers"]
        plus = [("plus", a, b, a + b) for a in range(11) for b in range(11)]
        minus = [("minus", a, b, a - b) for a in range(11) for b in range(a + 1)]
        return [
            {"x": f"{names[a]} {sign} {names[b]}", "result": names[result]}
            for sign, a, b, result in plus + minus
        ]
    facts = WORLD["facts"][kind]
    return [dict(zip(facts["columns"], row, strict=True)) for row in facts["rows"]]


@cache
def questions() -> dict[str, list[Question]]:
    """All questions, by split."""
    found = defaultdict(list)
    for number, topic in enumerate(WORLD["topic"]):
        forms = {**topic, "then": WORLD["then"] if topic["of"] else []}
        every = [row for kind in topic["of"] for row in rows(kind)] or [{"x": ""}]
        answers = [topic["answer"].format(**row) for row in every]
        reached = set(map(said, answers))
        for row, answer in zip(every, answers, strict=True):
            answer = answer[0].upper() + answer[1:]
            for kind in ("asks", "new", "then", "chain"):
                if kind == "chain" and said(row["x"]) not in reached:
                    continue  # nothing comes before it: no turn to go on from
                for form in forms.get(kind, []):
                    question = Question(number, kind, form, row["x"], answer)
                    found[question.split()].append(question)
    return found


@cache
def _turns() -> dict[object, list[str]]:
    """Turns that a question may follow: of its topic, those whose answer is its row, and any."""
    found: dict[object, list[str]] = defaultdict(list)
    for question in questions()["train"]:
        if question.kind == "asks":
            made = turn(question.text(), question.answer)
            for key in ("any", question.topic, (question.topic, said(question.answer))):
                found[key].append(made)
    return found


def exchange(question: Question, random: Random) -> tuple[str, str]:
    """What the model reads and what it answers: the question after a turn that it may follow."""
    topic, kind, _, x, answer = question
    key = {"then": topic, "chain": (topic, said(x))}.get(kind, "any")
    alone = key == "any" and random.random() < 0.5
    opener = random.choice(WORLD["openers"]) if key == "any" and x else ""
    before = "" if alone else random.choice(_turns()[key])
    return said(f"{opener} {question.text()}", before), answer


def drawn(count: int, seed: int) -> list[tuple[str, str]]:
    """So many exchanges to learn from; large topics come up more often, but not in proportion."""
    random = Random(seed)
    topics = defaultdict(list)
    for question in questions()["train"]:
        topics[question.topic].append(question)
    groups = list(topics.values())
    found = []
    for group in random.choices(groups, [len(group) ** 0.4 for group in groups], k=count):
        question = random.choice(group)
        if question.kind == "asks" and question.x and random.random() < UNKNOWN:
            question = question.unknown(random)
        found.append(exchange(question, random))
    return found
