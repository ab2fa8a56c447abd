"""What a study of access asks: who gets provision, when, and whether alike at equal need."""

from __future__ import annotations

from dataclasses import dataclass

ORIGINS = {
    "birth": "birth",
    "age 2": "the second birthday",
    "school entry": "the start of Reception",
    "concern": "the first concern",
}
PLACES = ("school", "la")


@dataclass(frozen=True, slots=True)
class Access:
    """A study whose outcome is provision itself, or the time to the first of it.

    levels: the recorded levels of provision that count (of `core.linked.LEVELS`); words: what they
    are called. origin: where time to first provision is counted from, a key of `ORIGINS`. groups:
    the characteristics whose gaps are asked. need: the covariate that records need, empty where
    the study has none. places: the levels whose variance is asked. important: the smallest gap
    that matters, in children of one (0-1), None where nobody has said. slope: log-odds of
    provision a standard deviation of unrecorded need, None to take that of recorded need.
    reliability: of recorded need (0-1), None where it is not known.
    """

    levels: tuple[str, ...] = ("support", "ehcp", "special")
    words: str = "any recorded provision"
    origin: str = "birth"
    groups: tuple[str, ...] = ()
    need: str = "severity"
    places: tuple[str, ...] = PLACES
    important: float | None = None
    slope: float | None = None
    reliability: float | None = None


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A characteristic of children, as linked records hold it.

    groups: (value, words), the group that the others are compared with first. own: covariates that
    are the characteristic itself.
    """

    name: str
    title: str
    groups: tuple[tuple[str, str], ...]
    own: tuple[str, ...] = ()


CHARACTERISTICS = {
    one.name: one
    for one in (
        Characteristic("sex", "sex", (("F", "girls"), ("M", "boys"))),
        Characteristic(
            "fsm",
            "free school meals",
            (("0", "no free school meals"), ("1", "free school meals")),
        ),
        Characteristic(
            "ethnicity",
            "ethnic group",
            (
                ("WHIT", "White"),
                ("ASIA", "Asian"),
                ("BLAC", "Black"),
                ("CHIN", "Chinese"),
                ("MIXD", "Mixed"),
                ("AOEG", "any other ethnic group"),
                ("UNCL", "ethnic group unclassified"),
            ),
        ),
        Characteristic(
            "first_language",
            "first language",
            (("ENG", "English first"), ("OTH", "another language first")),
        ),
        Characteristic(
            "idaci_fifth",
            "deprivation of the area",
            (
                ("1", "least deprived fifth"),
                ("2", "second fifth"),
                ("3", "third fifth"),
                ("4", "fourth fifth"),
                ("5", "most deprived fifth"),
            ),
            own=("idaci",),
        ),
    )
}
