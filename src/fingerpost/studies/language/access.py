"""Studies of access as they are written: what counts as provision, whose gaps, at equal what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fingerpost.core.access import ORIGINS, PLACES
from fingerpost.studies.language.fields import Level, Names, Number, Part, Share, Text, among
from fingerpost.studies.language.strategies import STRATEGIES

KIND = "access"
KINDS = ("effect", KIND)
REQUIRED_ACCESS = ("study", "question", "access")
WITHOUT, PROVIDED = "none", "provided"
NOTHING = "no recorded provision"
USUAL = "any recorded provision"
PROVISIONS = tuple(words for words in STRATEGIES if words != NOTHING)
# What belongs to studies of effects alone.
OF_EFFECTS = (
    *("arms", "outcomes", "assignment", "estimand", "estimators", "models", "primary"),
    *("agreement", "sensitivity", "subgroups"),
)


class AccessPart(Part):
    """Who gets provision, when, and whether alike at equal need: provision is the outcome."""

    provision: Annotated[Text, among("provision", PROVISIONS)] = Field(
        USUAL, description="What counts as provision."
    )
    groups: Names | None = Field(
        None,
        min_length=1,
        description="The characteristics whose gaps are asked: sex, fsm, ethnicity, "
        "first_language, idaci_fifth.",
    )
    given: Names | None = Field(
        None, description="What was measured of the children, in which they are to be alike."
    )
    need: Text | None = Field(
        None, description="The covariate that records need: severity_recorded; none if left out."
    )
    origin: Annotated[Text, among("known as a start", tuple(ORIGINS))] = Field(
        "birth",
        alias="from",
        description="When the time to first provision begins: birth, age 2, school entry, concern.",
    )
    places: list[Annotated[Text, among("a kind of place", PLACES)]] | None = Field(
        None, description="Places whose variance is asked: [school, la] if left out."
    )
    cluster: Annotated[Text, among("a level", ("child", *PLACES))] = Field(
        "la", description="The level at which variance is taken."
    )
    important: Share | None = Field(
        None, description="The smallest gap that matters, as a share of children (0.01)."
    )
    slope: Number | None = Field(
        None,
        description="Log-odds of provision a standard deviation of unrecorded need; that of "
        "recorded need if left out.",
    )
    reliability: Level | None = Field(
        None, description="Reliability of recorded need, where it is known (0.5 to 1)."
    )
