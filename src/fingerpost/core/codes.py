"""Codes as data: which codes count, in which field, and what must hold beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fingerpost.core.errors import FingerpostError, listed

FIELDS = {
    "diag": "diagnosis (ICD-10)",
    "opertn": "procedure (OPCS-4)",
    "cause": "cause of death (ICD-10)",
    "admission_method": "method of admission",
    "episode_type": "type of episode",
    "class_patient": "class of patient",
    "birth_weight_below": "birth weight in grams",
    "gestation_below": "completed weeks of gestation",
}
ICD = re.compile(r"[A-Z][0-9][0-9][0-9]?")
OPCS = re.compile(r"[A-Z][0-9][0-9][0-9]?")
SPAN = re.compile(r"[1-9][0-9]*[dy]")


@dataclass(frozen=True, slots=True)
class CodeRule:
    """Codes of one field that put a child in a group, with what must hold where they stand.

    group: the group they speak for. codes: without the dot; three characters stand for the
    category and all its subdivisions, four for that subdivision alone. Thresholds of birth weight
    and gestation are given as `below` instead. field: a key of FIELDS. deaths: causes of death
    count too. age_below, age_from: age at the start of the episode, as "28d" or "1y". stay: the
    admission lasted at least so many days. emergency: admitted in an emergency. first_position:
    only the first diagnosis of an episode counts. first_episode: only the first episode of an
    admission counts. startage: the HES start ages at which it counts. gestation_from,
    weight_above: completed weeks and grams at birth, which must be recorded. beside: diagnoses of
    which the same episode must bear one. void, void_opertn: diagnoses and procedures that undo it
    where the same episode bears one.
    """

    group: str
    codes: tuple[str, ...] = ()
    field: str = "diag"
    deaths: bool = False
    age_below: str = ""
    age_from: str = ""
    stay: int = 0
    emergency: bool = False
    first_position: bool = False
    first_episode: bool = False
    startage: tuple[int, ...] = ()
    gestation_from: float = 0.0
    weight_above: float = 0.0
    beside: tuple[str, ...] = ()
    void: tuple[str, ...] = ()
    void_opertn: tuple[str, ...] = ()
    below: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a rule that no record could meet, or that would be read otherwise than meant."""
        shape = {"diag": ICD, "opertn": OPCS, "cause": ICD}.get(self.field)
        wrong = [code for code in self.codes if shape and not shape.fullmatch(code)]
        wrong += [code for code in (*self.beside, *self.void) if not ICD.fullmatch(code)]
        spans = [span for span in (self.age_below, self.age_from) if span]
        faults = [
            *([f"no field {self.field}"] if self.field not in FIELDS else []),
            *([f"codes {listed(wrong)}"] if wrong else []),
            *(f"age {span}" for span in spans if not SPAN.fullmatch(span)),
            *(["neither codes nor a threshold"] if not self.codes and not self.below else []),
        ]
        if faults:
            raise FingerpostError(f'rule of "{self.group}": {"; ".join(faults)}.')

    def conditions(self) -> tuple[str, ...]:
        """Return what must hold beside the code, in words.

        >>> CodeRule("heart", ("Q250",), age_below="1y", gestation_from=37).conditions()
        ('before age 1 year', 'born at 37 weeks or later')
        """
        said = (
            (self.deaths, "or as a cause of death"),
            (self.age_below, f"before age {aged(self.age_below)}"),
            (self.age_from, f"from age {aged(self.age_from)}"),
            (self.gestation_from, f"born at {self.gestation_from:g} weeks or later"),
            (self.weight_above, f"weight at birth above {self.weight_above:g} g"),
            (self.emergency, "in an emergency admission"),
            (self.first_position, "as the first diagnosis"),
            (self.first_episode, "in the first episode of an admission"),
            (self.stay, f"in an admission of {self.stay} nights or more"),
            (self.startage, f"at HES start age {listed(map(str, self.startage))}"),
            (self.beside, "beside a code of a given list"),
            (self.void or self.void_opertn, "without a code of a given list"),
            (self.below, f"below {self.below:g}"),
        )
        return tuple(words for holds, words in said if holds)


def aged(span: str) -> str:
    """Return an age in words.

    >>> aged("28d"), aged("1y")
    ('28 days', '1 year')
    """
    if not span:
        return ""
    unit = "day" if span.endswith("d") else "year"
    return f"{span[:-1]} {unit}{'' if span[:-1] == '1' else 's'}"


def codes(words: str) -> tuple[str, ...]:
    """Return codes written with spaces between, a range as `Q710-4` for Q710 to Q714.

    >>> codes("Q36 Q350-3 Q37")
    ('Q36', 'Q350', 'Q351', 'Q352', 'Q353', 'Q37')
    >>> codes("F70-3")
    ('F70', 'F71', 'F72', 'F73')
    """
    found: list[str] = []
    for word in words.split():
        first, _, last = word.partition("-")
        stem, digit = first[:-1], first[-1]
        ends = range(int(digit), int(last) + 1) if last else ()
        found += [f"{stem}{number}" for number in ends] if last else [first]
    return tuple(found)


def brief(held: Iterable[str]) -> str:
    """Return codes as ICD-10 and OPCS-4 write them, in order, neighbours as one range.

    >>> brief(["Q36", "Q350", "Q351", "Q353", "Q352", "Q359"])
    'Q35.0–Q35.3, Q35.9, Q36'
    """
    runs: list[list[str]] = []
    for code in sorted(held):
        follows = runs and len(code) == len(runs[-1][-1]) and code[0] == runs[-1][-1][0]
        if follows and int(code[1:]) == int(runs[-1][-1][1:]) + 1 and code[:2] == runs[-1][0][:2]:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(
        "–".join(dict.fromkeys((dotted(run[0]), dotted(run[-1]))))
        if len(run) > 2
        else ", ".join(map(dotted, run))
        for run in runs
    )


def dotted(code: str) -> str:
    """Return a code with its dot.

    >>> dotted("Q351"), dotted("Q36")
    ('Q35.1', 'Q36')
    """
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code
