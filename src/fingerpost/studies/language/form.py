"""The whole document: every key at the top of a study file."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field

from fingerpost.studies.language.access import KINDS, AccessPart
from fingerpost.studies.language.conditions import CONDITIONS_FORM
from fingerpost.studies.language.estimands import EstimandPart
from fingerpost.studies.language.fields import (
    Alternative,
    Distance,
    Level,
    Name,
    Names,
    Number,
    Part,
    Seed,
    Share,
    Text,
    Words,
    among,
)
from fingerpost.studies.language.parts import (
    ArmsPart,
    AssignmentPart,
    Choice,
    CovariatePart,
    HandlingField,
    ImputationPart,
    ModelsPart,
    OutcomePart,
    Policy,
    PopulationPart,
    RecordsPart,
    read_arms,
    read_covariate,
    read_outcomes,
    read_population,
)
from fingerpost.studies.language.rollouts import RolloutPart
from fingerpost.studies.language.strategies import STRATEGY_FORM
from fingerpost.studies.language.sustained import NEVER_FORM, SUSTAINED_FORM
from fingerpost.studies.language.tree import Block, Word, line_of
from fingerpost.studies.language.trials import TrialPart

REQUIRED = ("study", "question", "arms", "outcomes", "assignment", "estimators")


class AgreementPart(Part):
    """What counts as agreement, declared before looking."""

    # One of the two keys: what a schema can say of it.
    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    within: Distance | None = Field(
        None,
        description="The largest distance between primary answers of one question that counts as "
        "agreement: in the outcome's unit, on the ratio scale in logarithms.",
    )
    by_outcome: dict[Text, Distance] | None = Field(
        None,
        description="Outcome: distance, such as {maths: 1, absence: 0.005}, in place of `within` "
        "where outcomes have units of their own.",
    )


class RefusePart(Part):
    """A question is refused where a threshold is passed."""

    effective_size: Number | None = Field(None, description="Least effective size of an arm (30).")
    child_share: Number | None = Field(
        None, description="Largest share of an arm's weight on one child (0.10)."
    )
    cluster_share: Number | None = Field(
        None, description="Largest share of an arm's weight in one cluster (0.25)."
    )
    smd: Number | None = Field(
        None, description="Largest standardised difference from the target (0.25)."
    )
    outside: Number | None = Field(
        None, description="Largest share of the target nearly without a chance of an arm (0.10)."
    )
    children: Number | None = Field(None, description="Fewest children in an arm (20).")
    clusters: Number | None = Field(None, description="Fewest clusters in an arm (5).")
    events: Number | None = Field(
        None, description="Fewest events in an arm, of a binary or count outcome (1)."
    )


class WarnPart(Part):
    """A question is answered with a warning where a threshold is passed."""

    effective_size: Number | None = Field(None, description="Least effective size of an arm (100).")
    effective_fraction: Number | None = Field(
        None, description="Least effective size as a share of the arm (0.20)."
    )
    share: Number | None = Field(
        None, description="Largest share of an arm's weight on one child (0.05)."
    )
    smd: Number | None = Field(
        None, description="Largest standardised difference from the target (0.10)."
    )
    outside: Number | None = Field(
        None, description="Largest share of the target nearly without a chance of an arm (0.02)."
    )
    events: Number | None = Field(
        None, description="Fewest events in an arm, of a binary or count outcome (10)."
    )


class GuardPart(Part):
    """Thresholds of the guard rails; an override is printed beside every answer."""

    refuse: RefusePart | None = Field(None, description="Thresholds that refuse.")
    warn: WarnPart | None = Field(None, description="Thresholds that warn.")
    outside_below: Share | None = Field(
        None, description="The probability below which a child is outside (0.01)."
    )


class StatementPart(Part):
    """What the authors say of themselves; what is left out is reported as not stated."""

    background: Text | None = Field(None, description="What is known, and the gap (TARGET item 2).")
    why: Text | None = Field(None, description="Why a target trial is emulated (TARGET item 4).")
    ethics: Text | None = Field(None, description="Ethical approval (TARGET item 17).")
    registration: Text | None = Field(None, description="Registration (TARGET item 18).")
    data_sharing: Text | None = Field(None, description="Where the data are (TARGET item 19).")
    code_sharing: Text | None = Field(None, description="Where the code is (TARGET item 19).")
    funding: Text | None = Field(None, description="Who paid (TARGET item 20).")
    interests: Text | None = Field(None, description="Interests of the authors (TARGET item 21).")
    limitations: Text | None = Field(None, description="Limits that the authors see.")
    generalisability: Text | None = Field(None, description="To whom else the answer may apply.")


class ReleasePart(Part):
    """What may leave the room."""

    policy: Annotated[Policy, among("a release policy", get_args(Policy))] = Field(
        "inside", description="none (public records), inside (stamped: not cleared) or ons_srs."
    )


def read_release(node: Any, usual: Any) -> Any:
    """Read a bare word as the policy."""
    if isinstance(node, Word):
        return usual(Block({Word("policy", line_of(node)): node}))
    return usual(node)


TEXT: dict[str, Any] = {"type": "string"}
MEASURES: dict[str, Any] = {
    "type": "array",
    "items": {
        "anyOf": [
            TEXT,
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {
                    "type": ["object", "null"],
                    "additionalProperties": False,
                    "properties": {
                        "important": {
                            "type": "number",
                            "description": "The smallest difference that matters.",
                        },
                        "chosen_by": {"type": "string", "description": "Who chose this outcome."},
                    },
                },
            },
        ]
    },
}
ARM_WORDS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"anyOf": [TEXT, STRATEGY_FORM, SUSTAINED_FORM, NEVER_FORM]},
}


class Document(Part):
    """A study: one question, who is studied, what is compared, and how it is to be answered."""

    study: Name | None = Field(
        None,
        description="The study's short name, such as sen-support-cleft: letters, digits, - and _, "
        "at most 80.",
    )
    kind: Annotated[Text, among("a kind of study", KINDS)] = Field(
        "effect",
        description="effect: what provision does; access: who gets it, when, and whether alike.",
    )
    question: Text | None = Field(None, description="The question in one sentence.")
    records: RecordsPart | None = Field(
        None, description="Where the table is; may be named at the run instead."
    )
    population: Annotated[PopulationPart, Alternative(read_population, CONDITIONS_FORM)] | None = (
        Field(
            None,
            description="Who is studied: conditions, or {where, words}; every row if left out.",
        )
    )
    arms: Annotated[ArmsPart, Alternative(read_arms, ARM_WORDS)] | None = Field(
        None, description="The exposure: {column, levels}, or {arm: words} on linked records."
    )
    rollout: RolloutPart | None = Field(
        None,
        description="Of a study of units over periods: when provision begins where, how the order "
        "is drawn, what has to be found.",
    )
    trial: TrialPart | None = Field(
        None,
        description="Of a study that draws its arms: what each is offered, how they are drawn, "
        "what has to be found.",
    )
    access: AccessPart | None = Field(
        None, description="Kind access: what counts as provision, whose gaps, at equal what."
    )
    time_zero: Words | None = Field(
        None, description="When follow-up begins, in words or a mapping."
    )
    follow_up: Words | None = Field(
        None, description="How long children are followed, in words or a mapping."
    )
    outcomes: Annotated[dict[Text, OutcomePart], Alternative(read_outcomes, MEASURES)] | None = (
        Field(None, description="Name: {column, kind, …}, or a list of measures of linked records.")
    )
    covariates: dict[Text, Annotated[CovariatePart, Alternative(read_covariate, TEXT)]] | None = (
        Field(
            None,
            description="Name: numeric, categorical or {type, missing, at, label}. "
            "Only what needs saying.",
        )
    )
    assignment: AssignmentPart | None = Field(
        None, description="Who assigned the arms: {observed: …} or {randomised: …}."
    )
    models: ModelsPart | None = Field(None, description="Working models; linear if left out.")
    estimand: EstimandPart | None = Field(
        None, description="What is asked: contrast, target, scale."
    )
    estimators: list[Choice] | None = Field(
        None, min_length=1, description="Names of estimators, or {name: {option: value}}."
    )
    primary: Names | None = Field(
        None,
        description="The estimators whose answers decide; every one "
        "with a causal target if left out.",
    )
    agreement: AgreementPart | None = Field(
        None, description="What counts as agreement between primary answers."
    )
    guard: GuardPart | None = Field(
        None, description="Guard-rail thresholds; {} keeps the defaults."
    )
    sensitivity: list[Choice] | None = Field(
        None, description="Names of sensitivity analyses, or {name: {option: value}}."
    )
    subgroups: Names | None = Field(None, description="Columns by which overlap is shown.")
    statement: StatementPart | None = Field(
        None, description="Ethics, registration, funding and the like."
    )
    release: Annotated[ReleasePart, Alternative(read_release, TEXT)] | None = Field(
        None, description="What may leave: {policy: none}, inside or ons_srs; inside if left out."
    )
    missing: HandlingField | None = Field(
        None,
        description="What a missing covariate does: complete "
        "(the child leaves, counted), indicator or impute; impute where `imputation` is written.",
    )
    imputation: ImputationPart | None = Field(
        None, description="Multiple imputation: {copies, cycles, outcomes, auxiliary, donors}."
    )
    level: Level | None = Field(None, description="Level of intervals; 0.95 if left out.")
    seed: Seed | None = Field(
        None, description="Seed of everything drawn at random; 0 if left out."
    )
