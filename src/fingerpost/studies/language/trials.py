"""Parts of a trial: what arms are offered, how they are drawn, what is owed to whom."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from fingerpost.core.trial import BEGINNINGS, ENACTED, IMBALANCES, OFFERS, PLANS
from fingerpost.studies.language.fields import (
    Alternative,
    Names,
    Part,
    Text,
    accepts,
    among,
    as_number,
    as_text,
    fault_if,
    misread,
    shown,
    whole_within,
)
from fingerpost.studies.language.rollouts import DrawPart, RegisterPart
from fingerpost.studies.language.rollouts_plan import MonitoringPart, RegistryPart
from fingerpost.studies.language.tree import Block, Word, line_of
from fingerpost.studies.language.trials_power import TrialPowerPart

REQUIRED_TRIAL = ("study", "question", "trial", "assignment")
MINUTES, DELIVERED = (30, 60, 120), (0.6, 0.9)


def as_minutes(node: object) -> int:
    """Return planned minutes that England knows."""
    if str(node) not in {str(one) for one in MINUTES}:
        raise misread(node, f"{shown(node)} minutes: England knows 30, 60 and 120 a week.")
    return int(str(node))


def as_delivered(node: object) -> float:
    """Return a share delivered that England knows."""
    if str(node) not in {str(one) for one in DELIVERED}:
        raise misread(node, f"{shown(node)} delivered: England knows 0.6 and 0.9.")
    return float(str(node))


MOST_SHARE, MOST_UNITS, LONGEST_BLOCK = 20, 1_000_000, 64


class EnactmentPart(Part):
    """What an arm is in a synthetic England."""

    level: Annotated[Text, among("a level of provision", ENACTED)] = Field(
        "as it would be", description="as it would be, none, support or plan."
    )
    begins: Annotated[Text, among("when provision begins", BEGINNINGS)] = Field(
        "reception", description="nursery, reception or year 1: the first day of that year."
    )
    minutes: Annotated[int, PlainValidator(as_minutes), accepts({"enum": list(MINUTES)})] | None = (
        Field(None, description="Planned minutes a week: 30, 60 or 120; luck if left out.")
    )
    delivered: (
        Annotated[float, PlainValidator(as_delivered), accepts({"enum": list(DELIVERED)})] | None
    ) = Field(None, description="Share of them delivered: 0.6 or 0.9; luck if left out.")


class TrialArmPart(Part):
    """What one arm is offered."""

    share: whole_within(1, MOST_SHARE) = Field(  # type: ignore[valid-type]
        1, description="Its share of the allocation beside the other arms' (1)."
    )
    gets: Text | None = Field(None, description="What it is offered, in words.")
    offer: Annotated[Text, among("an offer", OFFERS)] = Field(
        "added",
        description="none: no provision; usual: what would be given anyway; added: more than that, "
        "or another mode of it.",
    )
    levels: dict[Text, Text] | None = Field(
        None,
        description="Of a factorial trial: {factor: its level in this arm}; of a crossover: "
        "{first: what is given, second: what is given}; of two levels: {school: which kind}.",
    )
    opens: whole_within(0, MOST_UNITS) = Field(  # type: ignore[valid-type]
        0, description="Of a platform: units allocated before the arm is there (0)."
    )
    closes: whole_within(1, MOST_UNITS) | None = Field(  # type: ignore[valid-type]
        None, description="Of a platform: units allocated before the arm takes no more."
    )
    enact: EnactmentPart | None = Field(
        None, description="What it is in a synthetic England: {level, begins, minutes, delivered}."
    )


def read_trial_arm(node: Any, usual: Any) -> Any:
    """Read bare words as what the arm gets, and a bare number as its share."""
    if not isinstance(node, Word):
        return usual(node)
    key = "share" if str(node).isdigit() else "gets"
    return usual(Block({Word(key, line_of(node)): node}))


TrialArms = dict[
    Text, Annotated[TrialArmPart, Alternative(read_trial_arm, {"type": ["string", "integer"]})]
]


def as_blocks(node: object) -> tuple[int, ...]:
    """Return lengths of blocks: one whole number, or several."""
    items = node if isinstance(node, list) else [node]
    found: list[int] = []
    for item in items:
        text = str(item) if isinstance(item, str) else ""
        if not text.isdigit() or not 2 <= int(text) <= LONGEST_BLOCK:
            raise misread(
                item,
                f"{shown(item)} is no length of a block: whole numbers from 2 to {LONGEST_BLOCK}.",
            )
        found.append(int(text))
    return tuple(found)


BLOCKS_FORM: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]
}
Likely = Annotated[float, PlainValidator(as_number), Field(gt=0, lt=1)]
Positive = Annotated[float, PlainValidator(as_number), Field(gt=0)]


class MinimisePart(Part):
    """Minimisation: the arm that leaves arms most alike is the likelier one."""

    weights: dict[Text, Positive] | None = Field(
        None, description="What is known: its weight; everything known, alike, if left out."
    )
    likely: Likely = Field(
        0.8, description="Probability of the arm that leaves least imbalance, below 1 (0.8)."
    )
    measure: Annotated[Text, among("a measure of imbalance", IMBALANCES)] = Field(
        "range", description="range or variance of the arms' counts."
    )


def as_pairs(node: object) -> tuple[tuple[str, str], ...]:
    """Return {known: value, …} as pairs."""
    if not isinstance(node, dict) or not node:
        raise misread(node, f"should be {{known: value}}; {shown(node)} was found.")
    return tuple((str(name), as_text(value)) for name, value in node.items())


class StagePart(Part):
    """A later stage: whom it draws, among which arms."""

    arms: TrialArms = Field(description="Arm: what it is offered, or {share, gets, offer}.")
    among: (
        Annotated[
            tuple[tuple[str, str], ...],
            PlainValidator(as_pairs),
            accepts({"type": "object", "minProperties": 1}),
        ]
        | None
    ) = Field(None, description="{known by then: value} of those who are drawn; all if left out.")


class RollPart(Part):
    """The list of children of every cluster, frozen before it is allocated."""

    table: Text = Field(description="The file: CSV or Parquet, beside the study.")
    unit: Text = Field(description="Its column of the cluster.")
    child: Text = Field(description="Its column of the child.")
    baseline: Names | None = Field(None, description="Columns that must be filled before.")


def as_known(node: object) -> dict[str, tuple[str, ...]]:
    """Return {name: [level, …]}, every name with two levels or more."""
    if not isinstance(node, dict) or not node:
        raise misread(node, f"should be {{name: [level, level]}}; {shown(node)} was found.")
    found, faults = {}, []
    for name, levels in node.items():
        read = tuple(as_text(level) for level in levels) if isinstance(levels, list) else ()
        if len(set(read)) < 2 or len(set(read)) < len(read):
            faults.append((line_of(name, 0), f"{name}: list two levels or more, each once."))
        found[str(name)] = read
    fault_if(faults)
    return found


KNOWN_FORM: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "array", "items": {"type": ["string", "number"]}},
}


class TrialPart(Part):
    """What a study says of a trial, besides its assignment."""

    arms: TrialArms | None = Field(
        None, description="Arm: what it is offered, or {share, gets, offer, levels}."
    )
    size: whole_within(2, MOST_UNITS) | None = Field(  # type: ignore[valid-type]
        None, description="How many units are to be allocated."
    )
    known: (
        Annotated[dict[str, tuple[str, ...]], PlainValidator(as_known), accepts(KNOWN_FORM)] | None
    ) = Field(None, description="What is known of a unit when it is allocated: {name: [levels]}.")
    blocks: Annotated[tuple[int, ...], PlainValidator(as_blocks), accepts(BLOCKS_FORM)] | None = (
        Field(None, description="Lengths of permuted blocks, each drawn at random: [4, 6].")
    )
    minimise: MinimisePart | None = Field(
        None, description="Of minimisation: {weights, likely, measure}."
    )
    match: Names | None = Field(None, description="Columns on which pairs are alike.")
    register_: RegisterPart | None = Field(
        None, alias="register", description="Units that are all known beforehand."
    )
    draw: DrawPart | None = Field(None, description="How they are drawn: {balance, candidates, …}.")
    roll: RollPart | None = Field(
        None, description="The children of clusters, frozen first: {table, unit, child, baseline}."
    )
    stages: dict[Text, StagePart] | None = Field(
        None, description="Later stages of a sequence: {stage: {arms, among}}."
    )
    consent: Names | None = Field(
        None, description="What must be confirmed of a unit before it is allocated, by name."
    )
    plans: Annotated[Text, among("what is done about plans", PLANS)] | None = Field(
        None,
        description="Children for whom an EHC plan specifies the provision: excluded, or kept "
        "(they take part, and what the plan specifies is given in every arm).",
    )
    power: TrialPowerPart | None = Field(None, description="What has to be found.")
    monitoring: MonitoringPart | None = Field(
        None, description="Looks on the way: {looks, bounds or spending, alpha, sides, harm}."
    )
    registry: RegistryPart | None = Field(
        None, description="What a registry asks besides: sponsor, contacts, lawfulness, …"
    )
    washout: Text | None = Field(
        None,
        description="Of a crossover: what lies between its periods, in words (eight weeks).",
    )
