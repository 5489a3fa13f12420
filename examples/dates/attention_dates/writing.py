"""Calendar dates, and the many ways in which people write them.

Each writing has one right answer. What would be ambiguous is settled like this:

- 5/3/79 has the month first, as in America: 3 May. Only a first number that is no month is the
  day: 25/3/79.
- 3.5.79 and 3-5-79 have the day first, as in Europe.
- Four digits in front are the year: 1979-05-03, 1979/5/3, 19790503.
- Years of two digits are 1969 to 2068, as in POSIX and Python's %y.
- A weekday is decoration: it may be wrong, and decides nothing.
"""

import re
import tomllib
import zlib
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
SPLITS = ("train", "val", "test")
WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CASES = (str, str, str, str.lower, str.lower, str.upper, str.swapcase)


def split_of(day: date) -> str:
    """The split of a date, by its hash: all writings of a date are on one side."""
    return {0: "test", 1: "val"}.get(zlib.crc32(day.isoformat().encode()) % 20, "train")


@cache
def days(split: str) -> list[date]:
    """All dates of a split: 90 % train, 5 % val, 5 % test."""
    every = (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
    return [day for day in every if split_of(day) == split]


def examples(split: str, count: int, seed: int) -> list[tuple[str, str]]:
    """So many writings of random dates of a split, each with its ISO date."""
    random = Random(seed)
    return [(write(day, random), day.isoformat()) for day in random.choices(days(split), k=count)]


def write(day: date, random: Random) -> str:
    """The date in one of its writings, with the slips of a hurried hand."""
    d, m, full = day.day, day.month, str(day.year)
    month, weekday = WORDS["months"][m - 1], random.choice(WORDS["weekdays"])
    ending = "th" if d in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(d % 10, "th")
    nth = random.choice([f"{d}{ending}", WORDS["ordinals"][d - 1]])
    number = random.choice(["{}", "{:02}"])
    years = [full, full[2:], f"'{full[2:]}"] if 1969 <= day.year <= 2068 else [full]
    slashed = (d, m) if d > 12 and random.random() < 0.5 else (m, d)
    text = random.choice(WORDS["forms"]).format(
        day=random.choice([str(d), f"{d:02}", nth]),
        nth=nth,
        month=random.choice([month, month, month[:3], f"{month[:3]}."]),
        year=random.choice(years),
        full=full,
        slashed="/".join(map(number.format, slashed)),
        d=number.format(d),
        m=number.format(m),
        dd=f"{d:02}",
        mm=f"{m:02}",
    )
    weekday = random.choice([weekday, weekday[:3]])
    text = random.choice(WORDS["around"]).format(date=text, weekday=weekday)
    return _spaced(random.choice(CASES)(text), random)


def _spaced(text: str, random: Random) -> str:
    """Now and then with a space too many or too few."""
    slip = random.random()
    if slip < 0.1:
        return random.choice([f" {text}", f"{text} ", text.replace(" ", "  ", 1)])
    # Not between two digits: May 3 1979 can't lose its last space.
    if slip < 0.2 and (spaces := list(re.finditer(r" (?=\D)|(?<=\D) ", text))):
        lost = random.choice(spaces).start()
        return text[:lost] + text[lost + 1 :]
    return text
