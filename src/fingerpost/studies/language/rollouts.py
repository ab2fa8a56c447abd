"""Roll-outs as they are written: the register, periods, waves, the draw, power, collection."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from fingerpost.core.calendar import TERMS
from fingerpost.core.rollout import SOURCES, STRUCTURES
from fingerpost.studies.language.fields import (
    Alternative,
    Distance,
    Names,
    NamesOrEmpty,
    Number,
    Part,
    Share,
    Text,
    accepts,
    among,
    as_number,
    as_text,
    as_whole,
    fault_if,
    misread,
    shown,
    unknown_keys,
    whole_within,
)
from fingerpost.studies.language.rollouts_plan import MonitoringPart, RegistryPart
from fingerpost.studies.language.tree import Block, Row, Word, line_of

REQUIRED_ROLLOUT = ("study", "question", "rollout", "assignment")
WITHOUT, WITH = "no provision", "provision"
TARGETS_OF_POWER = (
    *("constant", "simple", "exposure_average", "group_average", "calendar_average", "long_term"),
    "at_exposure",
)
POWER_KINDS = ("continuous", "binary", "count")
TERM = re.compile(r"(\d{4}) (autumn|spring|summer)")
YEAR = re.compile(r"\d{4}")
MOST_PERIODS, MOST_CANDIDATES = 400, 10_000_000
# What a roll-out has no use for: it compares units before and after, not children by covariates.
NOT_OF_ROLLOUTS = ("access", "population", "covariates", "models", "imputation", "missing")


def as_periods(node: object) -> tuple[str, ...]:
    """Return the periods in order: a list, or {first: 2016, count: 10} in years or terms."""
    if isinstance(node, list):
        return tuple(as_text(item) for item in node)
    if not isinstance(node, dict):
        raise misread(
            node,
            "should be a list of periods, or {first: 2027 autumn, count: 12}; "
            f"{shown(node)} was found.",
        )
    fault_if(unknown_keys(node, ("first", "count")))
    if "first" not in node or "count" not in node:
        raise misread(node, "needs first and count: {first: 2027 autumn, count: 12}.")
    first, count = as_text(node["first"]), as_whole(node["count"])
    if not 2 <= count <= MOST_PERIODS:
        raise misread(node["count"], f"count: from 2 to {MOST_PERIODS} periods.")
    return onward(node["first"], first, count)


def onward(node: object, first: str, count: int) -> tuple[str, ...]:
    """Return so many years, or terms, from the first on."""
    if YEAR.fullmatch(first):
        return tuple(str(int(first) + step) for step in range(count))
    found = TERM.fullmatch(first)
    if found is None:
        raise misread(node, "first: is a year (2027) or a term (2027 autumn).")
    # In the calendar a year begins with its spring term; its autumn term comes last.
    in_year = ("spring", "summer", "autumn")
    at = int(found[1]) * len(TERMS) + in_year.index(found[2])
    return tuple(
        f"{(at + step) // len(TERMS)} {in_year[(at + step) % len(TERMS)]}" for step in range(count)
    )


PERIODS_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "items": {"type": ["string", "number"]}},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["first", "count"],
            "properties": {
                "first": {
                    "type": ["string", "number"],
                    "description": "The first period: a year (2027) or a term (2027 autumn).",
                },
                "count": {"type": "integer", "description": "How many there are."},
            },
        },
    ]
}
Periods = Annotated[tuple[str, ...], PlainValidator(as_periods), accepts(PERIODS_FORM)]


class RegisterPart(Part):
    """The units of the roll-out, one row each."""

    table: Text = Field(description="The file: CSV or Parquet, beside the study.")
    unit: Text = Field(description="The column of the unit's code.")
    name: Text | None = Field(None, description="The column of what the unit is called.")
    size: Text | None = Field(None, description="The column of its number of children.")
    neighbours: Text | None = Field(
        None, description="A file of pairs of neighbours: columns first, second and share."
    )


class WavePart(Part):
    """Units in which provision begins together."""

    begins: Text | None = Field(
        None, description="The period in which it begins; left out: not before the last period."
    )
    units: whole_within(1, 1_000_000) | None = Field(  # type: ignore[valid-type]
        None, description="How many units; left out: what other waves leave."
    )


def read_wave(node: Any, usual: Any) -> Any:
    """Read a bare period as when the wave begins."""
    return (
        usual(Block({Word("begins", line_of(node)): node}))
        if isinstance(node, Word)
        else usual(node)
    )


def as_where(node: object) -> tuple[str, str]:
    """Return {column: value} as a pair."""
    if isinstance(node, dict) and len(node) == 1:
        ((column, value),) = node.items()
        return str(column), as_text(value)
    raise misread(node, f"should be {{column: value}}; {shown(node)} was found.")


PAIR_FORM: dict[str, Any] = {"type": "object", "minProperties": 1, "maxProperties": 1}


class LimitPart(Part):
    """What a wave can hold."""

    at_most: Number = Field(description="The most units, or the largest sum of `column`.")
    wave: Text | None = Field(None, description="The wave; every wave if left out.")
    column: Text | None = Field(
        None, description="The column summed; units are counted if left out."
    )
    where: Annotated[tuple[str, str], PlainValidator(as_where), accepts(PAIR_FORM)] | None = Field(
        None, description="The units that count: {region: London}."
    )


def as_pair(node: object) -> tuple[str, str]:
    """Return a list of two units as a pair."""
    if isinstance(node, list) and len(node) == 2:
        return as_text(node[0]), as_text(node[1])
    raise misread(node, f"should be two units: [E09000001, E09000002]; {shown(node)} was found.")


TWO_FORM: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 2,
    "maxItems": 2,
}
Pair = Annotated[tuple[str, str], PlainValidator(as_pair), accepts(TWO_FORM)]


class PulsePart(Part):
    """Whence the randomness of the draw comes, that nobody knows when it is committed to."""

    source: Annotated[Text, among("a source", SOURCES)] = Field(
        "drand", description="drand, nist (public beacons) or parties (who commit and reveal)."
    )
    after: whole_within(0, 10**12) = Field(  # type: ignore[valid-type]
        0, description="The last round of the beacon that may be known; the pulse is the next."
    )
    parties: dict[Text, Text] | None = Field(
        None, description="Party: the SHA-256 of its secret of 32 bytes."
    )


PartOfAll = Annotated[float, PlainValidator(as_number), Field(ge=0, le=1)]


class BorderingPart(Part):
    """How many pairs of neighbours start in one wave, of all pairs of register.neighbours."""

    at_most: PartOfAll | None = Field(None, description="At most this part of them: 0.3.")
    at_least: PartOfAll | None = Field(None, description="At least this part of them.")


class DrawPart(Part):
    """How waves are drawn: at random within strata, of which the best balanced are kept."""

    balance: Names | None = Field(None, description="Columns on which waves are to be alike.")
    candidates: whole_within(100, MOST_CANDIDATES) = Field(  # type: ignore[valid-type]
        100_000, description="Draws made (100,000)."
    )
    accept: Annotated[float, PlainValidator(as_number), Field(ge=1e-6, le=1)] = Field(
        0.10, description="The share of them kept, of which one is drawn (0.10)."
    )
    limits: list[LimitPart] | None = Field(None, description="What waves can hold.")
    together: list[Pair] | None = Field(None, description="Pairs of units that share a wave.")
    apart: list[Pair] | None = Field(None, description="Pairs of units that never do.")
    neighbours: BorderingPart | None = Field(
        None, description="How many neighbours start in one wave: {at_most: 0.3} of their pairs."
    )
    pulse: PulsePart | None = Field(None, description="Whence its randomness comes.")


def as_numbers(node: object) -> tuple[float, ...]:
    """Return one number or a list of them."""
    if isinstance(node, list):
        return tuple(as_number(item) for item in node)
    return (as_number(node),)


NUMBERS_FORM: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]
}
Numbers = Annotated[tuple[float, ...], PlainValidator(as_numbers), accepts(NUMBERS_FORM)]


class CorrelationPart(Part):
    """How outcomes of one unit hang together; lists stand for every combination of their values."""

    structure: Annotated[Text, among("a structure", STRUCTURES)] = Field(
        "nested", description="nested, decay or cohort."
    )
    icc: Numbers = Field((0.05,), description="Correlation of two children of a unit and period.")
    cac: Numbers = Field(
        (1.0,), description="What is left of it a period later: the cluster autocorrelation."
    )
    iac: Numbers = Field((0.0,), description="Share of a child's own variance that lasts (cohort).")
    churn: Numbers = Field((0.0,), description="Share of children renewed each period (cohort).")
    effect_sd: Number = Field(0.0, description="Standard deviation of the effect between units.")
    effect_corr: Number = Field(0.0, description="Its correlation with the unit's level.")


Explained = Annotated[float, PlainValidator(as_number), Field(ge=0, lt=1)]


class PowerPart(Part):
    """What the roll-out has to find."""

    effect: Number | None = Field(None, description="The effect, in units of the outcome.")
    kind: Annotated[Text, among("a kind of outcome", POWER_KINDS)] | None = Field(
        None, description="continuous, binary or count; left out: the first outcome's."
    )
    sd: Number | None = Field(
        None, description="Standard deviation of children's outcomes in a unit and period."
    )
    level: Number | None = Field(None, description="The risk or rate without provision.")
    level_with: Number | None = Field(None, description="The risk or rate with provision.")
    children: Number = Field(100.0, gt=0, description="Children of a unit in a period.")
    size_cv: Distance = Field(0.0, description="Coefficient of variation of that number.")
    alpha: Share = Field(0.05, description="Two-sided level of the test (0.05).")
    power: Annotated[float, PlainValidator(as_number), Field(gt=0.5, lt=1)] = Field(
        0.80, description="Power at which the smallest detectable effect is given (0.80)."
    )
    target: Annotated[Text, among("a target of power", TARGETS_OF_POWER)] = Field(
        "constant", description="constant (one effect at every exposure) or a target of roll-outs."
    )
    correlations: list[CorrelationPart] | None = Field(
        None, description="What is held possible: curves are drawn over them."
    )
    explained_between: Explained = Field(
        0.0, description="Share of the variance between units that covariates explain (0)."
    )
    explained_within: Explained = Field(
        0.0, description="Share of the variance of children within them that they explain (0)."
    )
    unseen: dict[Text, Names] | None = Field(None, description="Wave: its periods without returns.")
    assumed: Names | None = Field(
        None, description="Each of these figures that is assumed and nobody's published one, told."
    )


def as_range(node: object) -> tuple[float, float]:
    """Return [least, most] as two numbers."""
    if isinstance(node, list) and len(node) == 2:
        low, high = as_number(node[0]), as_number(node[1])
        if low <= high:
            return low, high
        raise misread(
            node, f"should be [least, most]; {low:g} is more than {high:g}. Turn them round."
        )
    raise misread(node, f"should be [least, most]; {shown(node)} was found.")


RANGE_FORM: dict[str, Any] = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
}
Range = Annotated[tuple[float, float], PlainValidator(as_range), accepts(RANGE_FORM)]


class CollectionPart(Part):
    """Returns that every unit owes."""

    columns: Names = Field(description="Columns of a return.")
    due_days: whole_within(0, 1000) = Field(  # type: ignore[valid-type]
        30, description="Days after a period's end until its return is due (30)."
    )
    ends: dict[Text, Text] | None = Field(
        None, description="Period: its last day; terms and academic years know their own."
    )
    plausible: dict[Text, Range] | None = Field(
        None, description="Column: [least, most]; a return outside is asked about."
    )


def read_correlation(node: Any, usual: Any) -> Any:
    """Read one correlation as a list of one."""
    if node is None or isinstance(node, list):
        return usual(node)
    row = Row([node])
    row.line = line_of(node)
    return usual(row)


class StartsPart(Part):
    """A table of its own of when provision began."""

    table: Text = Field(description="The file, a row for each unit in which it began.")
    unit: Text = Field(description="Its column of the unit.")
    begins: Text = Field(description="Its column of when provision began.")
    periods: dict[Text, Text] | None = Field(
        None, description="Value of that column: period of the panel, {2020-21: 2022}."
    )
    names: dict[Text, Text] | None = Field(
        None, description="Unit in this table: unit in the records, where they differ."
    )


class MeasuresPart(Part):
    """Records that hold a row for each unit, period and measure."""

    column: Text = Field(description="The column that names the measure.")
    value: Text = Field(description="The column of its value.")


class RolloutPart(Part):
    """When provision begins where, in a study of units over periods."""

    register_: RegisterPart | None = Field(
        None, alias="register", description="The units: {table, unit, name, size, neighbours}."
    )
    periods: Periods | None = Field(
        None, description="Periods in order, or {first: 2027 autumn, count: 12}."
    )
    waves: dict[Text, Annotated[WavePart, Alternative(read_wave, {"type": "string"})]] | None = (
        Field(None, description="Wave: {begins, units}; one without begins is the late group.")
    )
    draw: DrawPart | None = Field(None, description="How the order is drawn.")
    anticipation: whole_within(0, MOST_PERIODS) = Field(  # type: ignore[valid-type]
        0, description="Periods before it begins in which units may already behave otherwise."
    )
    correlation: CorrelationPart | None = Field(
        None, description="The working correlation of the analysis: {structure: nested or decay}."
    )
    power: PowerPart | None = Field(None, description="What has to be found: effect, sd, children.")
    collection: CollectionPart | None = Field(
        None, description="Returns that every unit owes: {columns, due_days, ends}."
    )
    monitoring: MonitoringPart | None = Field(
        None, description="Looks on the way: {looks, bounds or spending, alpha, sides, harm}."
    )
    registry: RegistryPart | None = Field(
        None, description="What a registry asks besides: sponsor, contacts, lawfulness, …"
    )
    adopted: Text | None = Field(
        None, description="The records' column of the period in which provision began."
    )
    starts: StartsPart | None = Field(
        None, description="In place of `adopted`, a table of when provision began where."
    )
    measures: MeasuresPart | None = Field(
        None,
        description="Of records with a row for each unit, period and measure: {column, value}; the "
        "column of an outcome then names its measure.",
    )
    never: NamesOrEmpty | None = Field(
        None,
        description="Its values where provision did not begin; an empty word for empty cells.",
    )
    period: Text | None = Field(None, description="The records' column of the period.")
    children: Text | None = Field(
        None, description="The records' column of the number of children behind an outcome."
    )
