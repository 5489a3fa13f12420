"""Stand-ins: symbols that take the place of what a model should carry over as it is.

A name or a number that is the same on both sides, or a name and the same in Chinese, is now and
then replaced by a stand-in while training, so the model learns where a stand-in goes and that it
stays one. In use one takes the place of what the vocabulary can only spell in bytes (emoji, other
scripts), of what is no language (addresses, tags), of numbers, of people's names and of rare ones,
and is given back its text afterwards, or that name in the other language. Some of them are for
women's names, as languages differ in what they say of a woman, and some for numbers, which count
more than one. The idea is that of placeholders for rare words (Luong et al. 2015, "Addressing the
Rare Word Problem in Neural Machine Translation", §3.1).
"""

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attention_core.tokenizer import Tokenizer
from attention_core.translation import names, places
from attention_core.translation.corpora import Pair, book
from attention_core.translation.names import LETTER

STAND_INS = "".join(map(chr, [*range(1, 9), *range(14, 18)]))  # one byte each, in no clean text
OTHERS, WOMEN, NUMBERS = STAND_INS[:5], STAND_INS[5:8], STAND_INS[8:]  # each as long as there are
ALONE = 0.1  # of the pairs with stand-ins have one at the end, as an emoji is

_NAME = re.compile(rf"(?<!{LETTER})(?:[A-ZÀ-Ž]{LETTER}{{2,}}|[0-9]+)(?!{LETTER})")
NO_LANGUAGE = re.compile(  # addresses, tags and entities, names of accounts
    r"(?P<address>(?:(?:https?|ftp)://|www\.)[^\s<>\"“”‘’«»()（），。；：！？、\u4e00-\u9fff]+"
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|eu|de|fr|cz|cn|uk)(?![\w-])(?:/\S*)?"
    r"|(?<![\w<./])~?(?:/[\w.-]+){2,}/?)"
    r"|<!--.{,999}?-->|</?\w[^<>]*>|&#?\w+;|(?<!\w)[@#]\w+",
    re.ASCII | re.IGNORECASE,
)
_PART = re.compile(r"[^\s<]+|<")
_NUMBER = re.compile(
    r"(?<![0-9A-Za-zÀ-ž.,:/$€£¥-])[-−]?[$€£¥]?[0-9]+(?:[.,:/-][0-9]+)*€?(?![0-9A-Za-zÀ-ž])"
)
_ENGLISH = re.compile(  # sign, money, thousands, decimals
    r"([-−]?)([$€£¥]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?(€?)"
)
_CONTINENTAL = re.compile(  # as in German, French or Czech
    r"([-−]?[$€£¥]?(?:[0-9]+|[0-9]{1,3}(?:[. ][0-9]{3})+))(?:,([0-9]+))?(€?)"
)
_APART = re.compile(
    r"(?<![0-9A-Za-zÀ-ž.,:/-])[0-9]{1,3}(?: [0-9]{3})+(?:,[0-9]+)?(?![0-9A-Za-zÀ-ž])"
)
_MARKS = {"de": (".", ","), "fr": ("\u202f", ","), "cs": ("\u00a0", ",")}  # groups, decimals
_MIXED = re.compile(rf"(?<!{LETTER})[a-z]+[A-Z]{LETTER}*")  # names such as iPhone
_LATIN = re.compile(r"[A-Za-z][0-9A-Za-z]+")
_OPENS = re.compile(r"<\w[^<>]*>$")  # what lies behind it
_RARE = 5  # pieces of a name that the model has hardly seen
_RARE_ALONE = 3  # where no word beside it has a capital, as those of a title have
CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_EDGE = ".,;:!?\"'“”‘’«»()[]。，；：！？、（）《》…"


def replaced(pair: Pair, generator: np.random.Generator) -> Pair:
    """The pair with some of its names and numbers, or the space after it, made stand-ins.

    >>> pair = replaced(Pair("Tom is here.", "Tom ist da.", "de"), np.random.default_rng(1))
    >>> pair.source[1:] == " is here." and pair.source[0] == pair.target[0]
    True
    """
    source, target, language = pair
    others = iter(generator.permutation(list(OTHERS)))
    if generator.random() < ALONE:
        symbol = next(others)
        return Pair(f"{source} {symbol}", f"{target} {symbol}", language)
    women = iter(generator.permutation(list(WOMEN)))
    numbers = iter(generator.permutation(list(NUMBERS)))
    both = [
        (word, here, there)
        for word in dict.fromkeys(_NAME.findall(f"{source} {target}"))
        if (here := _once(word, source)) and (there := _once(word, target))
    ]
    if both:
        generator.shuffle(both)
        for word, here, there in both[: generator.integers(1, len(both) + 1)]:
            of_its_kind = numbers if word.isdigit() else women if names.is_womans(word) else others
            if symbol := next(of_its_kind, ""):
                source, target = here.sub(symbol, source), there.sub(symbol, target)
    return Pair(source, target, language)


def _once(word: str, text: str) -> re.Pattern[str] | None:
    """What finds the word, a German genitive of it, or the name as Chinese writes it, where it is
    in the text once."""
    whole = re.compile(rf"(?<!{LETTER}){re.escape(word)}(?=s?(?!{LETTER}))")
    known = names.table().get(word) if CJK.search(text) else None
    chinese = map(re.compile, known.chinese if known else ())
    return next((found for found in (whole, *chinese) if len(found.findall(text)) == 1), None)


class Held(NamedTuple):
    """A sentence with stand-ins, and the text that each of them stands for, "" for one that is not
    there.

    >>> Held("I love \\x01.", ["😀"]).text
    'I love \\x01.'
    """

    text: str
    spans: list[str]


def held(sentence: str, tokenizer: Tokenizer, *, english: bool = False) -> Held:
    """The sentence with stand-ins for what the model can't know; of those that lie side by side,
    one. There may be more spans than stand-ins, and the text then holds the rest itself. Between a
    tag and a word there is a space, as there is around words.

    People's names are held (`names`), a woman's by another stand-in, places that are to be English
    (`places`), and in ``english`` words with a capital that come in many pieces, in fewer where no
    word beside them has one, unless the phrase book has them. Other languages may be German, in
    which every noun has a capital.

    >>> tokenizer = Tokenizer.train(["I love you."] * 9, vocabulary=270, languages=["de"])
    >>> held("I love 猫 猫.", tokenizer)
    Held(text='I love \\x01.', spans=['猫 猫'])
    """
    unknown = _unknown(sentence, tokenizer, english)
    joined: list[tuple[int, int]] = []
    for start, end in unknown:
        if joined and not sentence[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    free = {kind: list(kind) for kind in (OTHERS, WOMEN, NUMBERS)}
    spans = [""] * len(STAND_INS)
    text, last = "", 0
    for start, end in joined[: len(STAND_INS)]:
        kind = _kind(sentence[start:end])
        symbol = next(left for left in (free[kind], *free.values()) if left).pop(0)
        spans[STAND_INS.index(symbol)] = sentence[start:end]
        text += sentence[last:start]
        if sentence[start] in "<&":
            before, after = sentence[:start][-1:], sentence[end : end + 1]
            symbol = f"{_gap(before)}{symbol}{_gap(after)}"
        text += symbol
        last = end
    spans += [sentence[start:end] for start, end in joined[len(STAND_INS) :]]
    while spans and not spans[-1]:
        spans.pop()
    return Held(text + sentence[last:], spans)


def restored(text: str, spans: Sequence[str]) -> str:
    """The text with what its stand-ins stand for; a stand-in for nothing is left out. A tag that
    opens lies at what follows, one that closes at what was before.

    >>> restored("Ich liebe \\x01.", ["😀"])
    'Ich liebe 😀.'
    >>> restored("Hallo \\x01 Welt \\x02.", ["<b>", "</b>"])
    'Hallo <b>Welt</b>.'
    """
    for index, symbol in enumerate(STAND_INS):
        span = spans[index] if index < len(spans) else ""
        if span.startswith("</"):
            text = re.sub(rf" *{symbol}", symbol, text)
        if _OPENS.search(span):
            text = re.sub(rf"{symbol} *", symbol, text)
        text = text.replace(symbol, span)
    return text


def localised(span: str, language: str, *, continental: bool = False) -> str:
    """An English number with thousands or money as the language writes it, a ``continental`` one as
    English does, people's names as Chinese does, Chinese ones and places as English does; others as
    they are.

    >>> localised("$1,234.56", "de"), localised("1,234", "zh"), localised("3.11", "de")
    ('1.234,56\\xa0$', '1,234', '3.11')
    >>> localised("1.234,5", "en", continental=True)
    '1,234.5'
    >>> localised("Emma", "zh"), localised("艾玛", "en")
    ('艾玛', 'Emma')
    """
    if NO_LANGUAGE.search(span):  # an address, whatever names are in it
        return span
    if continental and (found := _CONTINENTAL.fullmatch(span)):
        whole = re.sub("[. ]", ",", found[1])
        return (whole if found[2] is None else f"{whole}.{found[2]}") + found[3]
    if language == "en":
        return places.in_english(names.in_english(span))
    if language == "zh":
        return names.in_chinese(span)
    found = _ENGLISH.fullmatch(span)
    if not found or language not in _MARKS:
        return span
    sign, money, whole, part, euro = found.groups()
    if not money and "," not in whole:  # 3.11 may be a version, or a day
        return span
    groups, decimals = _MARKS[language]
    whole = whole.replace(",", groups)
    behind = f"\u00a0{money}" if money else euro
    return f"{sign}{whole}{behind}" if part is None else f"{sign}{whole}{decimals}{part}{behind}"


def once(texts: Sequence[str]) -> list[str]:
    """The texts, one after the other, without the stand-ins that came before.

    >>> once(["\\x01 and \\x02 or \\x02.", "\\x01", "\\x03"])
    ['\\x01 and \\x02 or.', '', '\\x03']
    """
    seen: set[str] = set()
    found = []
    for text in texts:
        kept = ""
        for character in text:
            if character in seen:
                kept = kept.removesuffix(" ")
            else:
                kept += character
            if character in STAND_INS:
                seen.add(character)
        found.append(kept)
    return found


def astray(source: str, target: str) -> int:
    """How many stand-ins are left out of the target, or come too often there.

    >>> astray("\\x01 saw \\x02.", "\\x01 \\x01 sah.")
    2
    """
    return sum(abs(source.count(symbol) - target.count(symbol)) for symbol in STAND_INS)


def _gap(neighbour: str) -> str:
    return " " if re.fullmatch(LETTER, neighbour) else ""


def _kind(span: str) -> str:
    """The stand-ins that are for such a span."""
    if _NUMBER.fullmatch(span) or _APART.fullmatch(span):
        return NUMBERS
    return WOMEN if names.is_womans(span) else OTHERS


def _unknown(sentence: str, tokenizer: Tokenizer, english: bool) -> list[tuple[int, int]]:
    """Where addresses, tags and numbers are, rare names, Latin words among Chinese ones, and words
    with a character that the vocabulary lacks; of Chinese, which has no spaces between words, that
    character alone."""
    found = []
    last = 0
    for other in NO_LANGUAGE.finditer(sentence):
        start, end = other.span()
        found += _unknown_words(sentence, last, start, tokenizer, english)
        if other["address"]:
            start, end = _without_edges(sentence, start, end, tokenizer)
        found.append((start, end))
        last = end
    found += _unknown_words(sentence, last, len(sentence), tokenizer, english)
    if english:
        return sorted(found + names.in_latin(sentence, english=True))
    if any(map(tokenizer.knows, CJK.findall(sentence))):
        return sorted(found + names.in_chinese_text(sentence) + places.in_chinese(sentence))
    found += [number.span() for number in _APART.finditer(sentence)]
    return sorted(found + names.in_latin(sentence, english=False) + places.in_latin(sentence))


def _unknown_words(
    sentence: str, first: int, last: int, tokenizer: Tokenizer, english: bool
) -> list[tuple[int, int]]:
    chinese = not english and any(map(tokenizer.knows, CJK.findall(sentence)))
    found = []
    for part in _PART.finditer(sentence, first, last):
        start, end = part.span()
        lacking = [
            i
            for i in range(start, end)
            if not tokenizer.knows(sentence[i]) or (english and CJK.match(sentence[i]))
        ]
        if lacking and not CJK.search(part[0]):
            found.append(_without_edges(sentence, start, end, tokenizer))
            continue
        found += [(i, i + 1) for i in lacking]
        numbers = _NUMBER.finditer(sentence, start, end)
        found += [number.span() for number in numbers if _is_held(number[0])]
        words = (_LATIN if chinese else _MIXED).finditer(sentence, start, end)
        found += [word.span() for word in words]
        if english:
            names = (name for name in _NAME.finditer(sentence, start, end))
            spans = [name.span() for name in names if name.start() or name[0].isupper()]
            found += [span for span in spans if _rare(sentence, *span, tokenizer)]
    return sorted(set(found))


def _is_held(number: str) -> bool:
    """Whether a number is carried over: a short one is learnt, and a time of the day."""
    marks = re.sub("[0-9]", "", number)
    return marks != ":" if marks else len(number) >= 3


def _rare(sentence: str, start: int, end: int, tokenizer: Tokenizer) -> bool:
    name = sentence[start:end]
    if not name.isalpha() or _is_learned(name):
        return False
    before, after = sentence[:start].split()[1:][-1:], sentence[end:].split()[:1]
    alone = not any(word[0].isupper() for word in before + after)
    fewest = _RARE_ALONE if alone else _RARE
    return len(tokenizer.encode(name)) >= fewest


@functools.cache
def _is_learned(name: str) -> bool:
    """Whether the phrase book has the name, and the line in every language, as in German."""
    return re.search(rf"(?<!{LETTER}){name}(?!{LETTER})", _learned()) is not None


@functools.cache
def _learned() -> str:
    head, *rows = book()
    return " ".join(row[0] for row in rows if row[head.index("de")])


def _without_edges(sentence: str, start: int, end: int, tokenizer: Tokenizer) -> tuple[int, int]:
    """The span without the punctuation around it that the vocabulary has."""
    while end - start > 1 and sentence[start] in _EDGE and tokenizer.knows(sentence[start]):
        start += 1
    while end - start > 1 and sentence[end - 1] in _EDGE and tokenizer.knows(sentence[end - 1]):
        end -= 1
    return start, end
