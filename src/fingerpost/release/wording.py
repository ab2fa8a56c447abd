"""Words that may leave: built afresh from what may be told, or dropped.

A sentence written before disclosure control may hold any count. The guard rails' sentences are
rebuilt from their parts; of all other words only those stay whose numbers the study itself declares
(they were there before any record was read), and that count nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass

from fingerpost.core.study import Study

# A number that stands alone: not part of a name such as C6R4MSCL or re75.
NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?\s?%?(?!\w)")
COUNTED = (
    r"(?:child(?:ren)?|pupils?|people|persons?|rows?|records?|clusters?|schools?|events?|pairs?|"
    r"sets?|units?|match(?:es|ed)?|cases?|members?|siblings?|famil(?:y|ies)|hospitals?|"
    r"authorit(?:y|ies)|areas?|identifiers?|arms? alone)"
)
SPELT = (
    r"(?:no|none|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|single|only|"
    r"dozen|half|both|all but)"
)
# One to three words may stand between a number and what it counts: "3 of the children".
TELLS = re.compile(
    rf"(?:(?<![\w.])\d[\d,]*(?:\.\d+)?|\b{SPELT})\s+(?:[\w()/-]+\s+){{0,3}}?{COUNTED}\b|\b\d[\d,]*"
    r"\s+(?:of|out of)\s+\d|\bn\s*=\s*\d",
    re.I,
)
# Numbers of formulae, which count nobody.
FORMULAE = (
    "G/(G − 1)",
    "(n − 1)/(n − k)",
    "(n − 1)/(n − p)",
    "exp(0.91 d)",
    "shares (0-1)",
    "ratio of 1",
    "(G − 1)",
    "1 − ",
)
SENTENCE = re.compile(r"(?<=[.;])\s+")
NOT_TOLD = "the words hold numbers of children and are withheld"


@dataclass(frozen=True, slots=True)
class Words:
    """What words may hold: numbers that the study declares, and names that may not be told."""

    declared: frozenset[str]
    gone: frozenset[str] = frozenset()

    def safe(self, text: str) -> bool:
        """Return whether a text holds no count and no number but those that the study declares."""
        if any(name in text for name in self.gone):
            return False
        bare = text
        for formula in FORMULAE:
            bare = bare.replace(formula, " ")
        if TELLS.search(bare):
            return False
        return all(number_of(found) in self.declared for found in NUMBER.findall(bare))

    def kept(self, text: str, instead: str = "") -> str:
        """Return the sentences of a text that are safe; `instead` where none is."""
        if not text or self.safe(text):
            return text
        return " ".join(part for part in SENTENCE.split(text) if self.safe(part)) or instead

    def whole(self, text: str, instead: str = NOT_TOLD) -> str:
        """Return a text if all of it is safe, else `instead`."""
        return text if self.safe(text) else instead


def number_of(token: str) -> str:
    """Return a number as it is compared: without sign, thousands and spaces.

    >>> number_of("1,566"), number_of("95 %"), number_of("−0.50")
    ('1566', '95%', '0.5')
    """
    bare = token.strip().lstrip("-−+").replace(",", "").replace(" ", "")
    mark = "%" if bare.endswith("%") else ""
    try:
        return f"{float(bare.removesuffix('%')):.12g}{mark}"
    except ValueError:
        return bare


def declared(study: Study) -> frozenset[str]:
    """Return every number that a study says, in the forms in which words give it."""
    found: set[str] = set()
    for value in walked(study):
        if isinstance(value, str):
            found.update(number_of(token) for token in NUMBER.findall(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.update({number_of(f"{value:.12g}"), number_of(f"{100 * value:.12g}%")})
    return frozenset(found)


def walked(value: object) -> Iterable[object]:
    """Yield every plain value within a value of dataclasses and tuples."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from walked(getattr(value, each.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from walked(item)
    elif value is not None:
        yield value


# --------------------------------------------------------------------- guard rails
@dataclass(frozen=True, slots=True)
class Judged:
    """A guard rail's sentence taken apart: its rule, whom it is about, what was measured."""

    rule: str
    who: str = ""
    measured: float = float("nan")
    what: str = ""


FIGURE = r"(?P<measured>[\d,]+(?:\.\d+)?)"
TEMPLATES = tuple(
    (rule, re.compile(f"^{pattern}$"))
    for rule, pattern in (
        ("children", rf"{FIGURE} children in (?P<who>arm .+)"),
        ("clusters", rf"{FIGURE} clusters \((?P<what>.+)\) in (?P<who>arm .+)"),
        ("events", rf"{FIGURE} (?P<what>events|children without the event) in (?P<who>arm .+)"),
        ("largest child", rf"one child carries {FIGURE}% of the weight of (?P<who>arm .+)"),
        (
            "effective size",
            rf"[\d,]+ children of (?P<who>arm .+) are worth {FIGURE} once weighted",
        ),
        (
            "largest cluster",
            rf"one (?P<what>.+) carries {FIGURE}% of the weight of (?P<who>arm .+)",
        ),
        (
            "balance",
            rf"after weighting, (?P<what>.+) still differs from the target by {FIGURE} standard "
            "deviations",
        ),
        (
            "outside support",
            rf"{FIGURE}% of the target had a probability below (?P<what>\S+) of an arm"
            "(?P<who>(?: it did not receive)?)",
        ),
    )
)


def parsed(words: str) -> Judged | None:
    """Return a guard rail's sentence taken apart; None for any other words.

    >>> parsed("403 children in arm quitting")
    Judged(rule='children', who='arm quitting', measured=403.0, what='')
    """
    for rule, template in TEMPLATES:
        found = template.match(words)
        if found:
            parts = found.groupdict()
            measured = float(parts["measured"].replace(",", ""))
            return Judged(rule, parts.get("who", ""), measured, parts.get("what", ""))
    return None
