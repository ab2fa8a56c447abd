"""The parts of a study document, as a person writes them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainValidator

from fingerpost.core.measure import Measure
from fingerpost.core.model import ModelTerm
from fingerpost.core.study import Condition, Scalar
from fingerpost.studies.language.conditions import WHERE_FORM, as_conditions
from fingerpost.studies.language.fields import (
    Alternative,
    Copies,
    Cycles,
    Donors,
    Flag,
    Names,
    Number,
    Part,
    Text,
    Told,
    Value,
    Words,
    accepts,
    among,
    as_number,
    as_text,
    as_told,
    fault_if,
    frozen,
    misread,
    shown,
    unknown_keys,
)
from fingerpost.studies.language.terms import TERMS_FORM, as_terms
from fingerpost.studies.language.tree import Block, Word, line_of, scalar

Kind = Literal["continuous", "binary", "count", "ordinal", "time"]
Better = Literal["higher", "lower"]
CovariateKind = Literal["numeric", "categorical"]
Handling = Literal["complete", "indicator", "impute"]
Policy = Literal["none", "inside", "ons_srs"]
ARM_KEYS = ("column", "levels", "words", "at", "date")

Where = Annotated[tuple[Condition, ...], PlainValidator(as_conditions), accepts(WHERE_FORM)]
Terms = Annotated[tuple[ModelTerm, ...], PlainValidator(as_terms), accepts(TERMS_FORM)]
HandlingField = Annotated[Handling, among("a way to handle missing covariates", get_args(Handling))]


class SourcePart(Part):
    """One table to read."""

    table: Text | None = Field(
        None,
        description="The file: CSV, Parquet, Stata (.dta) or DuckDB; "
        "a relative path starts from the study's folder.",
    )
    name: Text | None = Field(None, description="The table's name inside a DuckDB file.")
    package: Text | None = Field(
        None,
        description="An installed package that holds the file; it is "
        "read by path and never imported.",
    )
    file: Text | None = Field(None, description="The file's path inside the package.")


class ImputationPart(Part):
    """How missing values are imputed: multiple imputation by chained equations."""

    copies: Copies = Field(20, description="Completed copies of the records (20).")
    cycles: Cycles = Field(10, description="Passes over the variables before a copy is taken (10).")
    outcomes: Flag = Field(
        True, description="false: children without an outcome are left out of it, not imputed."
    )
    auxiliary: Names | None = Field(
        None, description="Columns that only the imputation models use."
    )
    donors: Donors = Field(
        5, description="Children from whom a value is drawn by predictive mean matching (5)."
    )


class StackedPart(SourcePart):
    """One of several tables that are put on top of one another."""

    where: Where | None = Field(None, description="Only rows that meet these conditions are read.")
    set: dict[Text, Value] | None = Field(None, description="Columns given one value in every row.")


class CountPart(Part):
    """A new column that counts in how many others a value stands."""

    columns: Names = Field(description="The columns that are looked at.")
    equal: Value = Field(description="The value that is counted.")


class RecordsPart(SourcePart):
    """Where the table is, and which columns name the child and its clusters."""

    stack: list[StackedPart] | None = Field(
        None, description="Several tables, put on top of one another, in place of `table`."
    )
    unit: Text | None = Field(
        None, description="The column that names the child; rows are numbered if it is left out."
    )
    clusters: dict[Text, Text] | None = Field(
        None, description="Level: column, such as {school: S1_ID}."
    )
    weight: Text | None = Field(None, description="The column of sampling weights.")
    synthetic: Flag = Field(
        False, description="true if the records are made up; every output says so."
    )
    sums: dict[Text, Names] | None = Field(
        None, description="New column: the columns whose sum it is; missing where one of them is."
    )
    counts: dict[Text, CountPart] | None = Field(
        None, description="New column: how many of `columns` hold the value `equal`."
    )


def as_people(node: object) -> str:
    """Return what reports call those who are studied: a plural that ends in s."""
    if not isinstance(node, str) or not re.fullmatch(PEOPLE, node):
        raise misread(
            node,
            "should be one plural that ends in s, in small letters, such as adults or pupils; "
            f"{shown(node)} was found.",
        )
    return node


PEOPLE = "[a-z]+s"
People = Annotated[
    str, BeforeValidator(as_people), accepts({"type": "string", "pattern": f"^{PEOPLE}$"})
]


class PopulationPart(Part):
    """Who is studied."""

    where: Where | None = Field(
        None, description="Conditions, in order; each is a step of the flow."
    )
    words: Text | None = Field(None, description="The population in words.")
    phenotype: Words | None = Field(
        None,
        description="Linked records: the group of children by health condition, or "
        "{code_list: NAME}, a list of codes of your own.",
    )
    born: Words | None = Field(
        None, description="Linked records: the span of birth, 2003-09/2008-08."
    )
    enrolled: Words | None = Field(
        None, description="Linked records: year and kind of school at which a child enters."
    )
    concern: Words | None = Field(
        None,
        description="Linked records: raised, for only children about whom a concern had been "
        "raised by time zero.",
    )
    new_users: bool | None = Field(
        None,
        description="Linked records: whether only children without provision in any earlier school "
        "year are studied.",
    )
    people: People | None = Field(
        None,
        description="What reports call those studied where they are no children: adults, pupils.",
    )


def read_population(node: Any, usual: Any) -> Any:
    """Read a bare list as the conditions."""
    if isinstance(node, list):
        return usual(Block({Word("where", line_of(node)): node}))
    return usual(node)


def as_levels(node: object) -> tuple[tuple[Scalar, str], ...]:
    """Return {recorded value: arm} as pairs in order."""
    if not isinstance(node, dict):
        raise misread(node, f"should be {{0: none, 1: services}}; {shown(node)} was found.")
    faults: list[tuple[int, str]] = []
    levels: list[tuple[Scalar, str]] = []
    seen: dict[str, str] = {}
    for key, arm in node.items():
        value = scalar(key)
        same = f"{value:g}" if isinstance(value, float) else str(value)
        if same in seen:
            faults.append((line_of(key), f'the values "{seen[same]}" and "{key}" are the same.'))
        seen[same] = str(key)
        if not isinstance(arm, str) or not arm.strip():
            faults.append((line_of(key), f'the value "{key}" has no arm. Write {key}: name.'))
        else:
            levels.append((value, str(arm).strip()))
    fault_if(faults)
    return tuple(levels)


LEVELS_FORM: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}


class ThenPart(Part):
    """A second draw, among the children whom it concerned."""

    column: Text = Field(description="The column that holds what was drawn the second time.")
    levels: Annotated[
        tuple[tuple[Scalar, str], ...], PlainValidator(as_levels), accepts(LEVELS_FORM)
    ] = Field(description="Recorded value: what was drawn. Two or more.")
    among: dict[Text, Value] = Field(
        description="Column: value, of the children who were drawn again."
    )


class ArmsPart(Part):
    """The exposure: what children did or did not receive."""

    column: Text = Field(description="The column that holds the exposure.")
    levels: Annotated[
        tuple[tuple[Scalar, str], ...], PlainValidator(as_levels), accepts(LEVELS_FORM)
    ] = Field(
        description="Recorded value: arm. Two arms or more; several values may name one arm; "
        "the first arm is the one others are compared with."
    )
    words: dict[Text, Text] | None = Field(None, description="Arm: what it means.")
    at: Value | None = Field(
        None, description="When the exposure was measured: a number or a date."
    )
    date: Text | None = Field(None, description="The column with the date of the exposure.")
    then: ThenPart | None = Field(
        None,
        description='What was drawn next, among whom: arms are then regimes, "FIRST, then SECOND".',
    )
    outside: Text | None = Field(
        None,
        description="The arm that was not drawn: children of long records, beside the trial.",
    )


def read_arms(node: Any, usual: Any) -> Any:
    """Read {arm: words} as the arms of linked records."""
    if not isinstance(node, dict) or not node or set(ARM_KEYS) & {str(key) for key in node}:
        return usual(node)
    return {str(key): as_words_of_arm(key, words) for key, words in node.items()}


def as_words_of_arm(arm: str, node: object) -> Told:
    """Return what an arm means."""
    if isinstance(node, list) or node is None:
        raise misread(
            arm,
            f'"{arm}" should be an arm in words, or arms should have a column and '
            "levels: {column: F5SPECS, levels: {0: none, 1: services}}.",
        )
    return as_told(node)


class OutcomePart(Part):
    """One outcome: how it is read, and what people said of it."""

    column: Text = Field(description="The column that holds it.")
    kind: Annotated[Kind, among("a kind of outcome", get_args(Kind))] = Field(
        "continuous", description="continuous, binary (0 or 1), count, ordinal or time."
    )
    exposure: Text | None = Field(
        None, description="A count's column of person-time; the outcome is then a rate."
    )
    entry: Text | None = Field(None, description="For kind time: the column of late entry.")
    event: Text | None = Field(
        None, description="For kind time: the column that is 1 where the event was seen."
    )
    measured_in: Text | None = Field(None, description="The unit, such as IRT points.")
    better: Annotated[Better, among("a direction", get_args(Better))] | None = Field(
        None, description="Which way is good: higher or lower."
    )
    important: Number | None = Field(None, description="The smallest difference that matters.")
    title: Text | None = Field(None, description="The outcome's name in reports.")
    domain: Text | None = Field(None, description="The domain, such as attainment.")
    informant: Text | None = Field(None, description="Who tells: child, parent, teacher, record.")
    chosen_by: Text | None = Field(None, description="Who chose this outcome.")
    at: Value | None = Field(None, description="When it was measured: a number or a date.")
    date: Text | None = Field(None, description="The column with its date.")


def read_outcomes(node: Any, usual: Any) -> Any:
    """Read a list as names of measures of linked records, or {name: {important, chosen_by}}."""
    if not isinstance(node, list):
        return usual(node)
    return [as_measure(item) for item in node]


def as_measure(node: object) -> Measure:
    """Return one measure of linked records, with what the study says of it."""
    if isinstance(node, str):
        return Measure(as_text(node))
    if not isinstance(node, dict) or len(node) != 1:
        raise misread(
            node,
            "should be the name of a measure, or {name: {important: 1, chosen_by: parents}}; "
            f"{shown(node)} was found.",
        )
    ((name, said),) = node.items()
    said = said or {}
    if not isinstance(said, dict):
        raise misread(name, f"{name}: should be {{important: 1, chosen_by: parents}}.")
    fault_if(unknown_keys(said, ("important", "chosen_by")))
    important = said.get("important")
    return Measure(
        str(name),
        important=None if important is None else as_number(important),
        chosen_by="" if said.get("chosen_by") is None else as_text(said["chosen_by"]),
    )


class CovariatePart(Part):
    """How one covariate is read."""

    type: Annotated[CovariateKind, among("a type of covariate", get_args(CovariateKind))] | None = (
        Field(
            None,
            description="numeric or categorical; if left out, numeric where the column "
            "holds numbers.",
        )
    )
    missing: HandlingField | None = Field(
        None,
        description="complete (a child without it leaves), "
        "indicator (its absence is a covariate of its own) or impute (multiple imputation).",
    )
    at: Value | None = Field(None, description="When it was measured: a number or a date.")
    label: Text | None = Field(None, description="Its name in reports.")


def read_covariate(node: Any, usual: Any) -> Any:
    """Read a bare word as the type."""
    return usual(Block({Word("type", node.line): node})) if isinstance(node, Word) else usual(node)


def as_given(node: object) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return (given, all_but): a list of covariates, or {all_but: columns}."""
    if isinstance(node, list):
        return tuple(as_text(item) for item in node), None
    if isinstance(node, dict):
        fault_if(unknown_keys(node, ("all_but",)))
        others = node.get("all_but")
        if isinstance(others, list):
            return (), tuple(as_text(item) for item in others)
        raise misread(node, "all_but: needs a list of columns, which may be empty: [].")
    raise misread(
        node, f"should be a list of covariates, or {{all_but: [columns]}}; {shown(node)} was found."
    )


GIVEN_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["all_but"],
            "properties": {
                "all_but": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Every column is a covariate but these, the child, clusters, "
                    "weight, exposure and outcomes.",
                }
            },
        },
    ]
}
Given = Annotated[
    tuple[tuple[str, ...], tuple[str, ...] | None], PlainValidator(as_given), accepts(GIVEN_FORM)
]


class ObservedPart(Part):
    """Arms as life gave them."""

    given: Given | None = Field(
        None,
        description="The covariates given which arms are taken to be exchangeable; of a roll-out, "
        "given which trends are taken to be parallel, none if left out.",
    )
    cluster: Text | None = Field(None, description="The level at which variance is taken.")


class RandomisedPart(Part):
    """Arms that were drawn."""

    design: Text = Field("simple", description="The design of the draw.")
    unit: Text = Field("child", description="What was drawn: child, or a level of the clusters.")
    given: Given | None = Field(None, description="Covariates for balance tables and adjustment.")
    strata: Names | None = Field(None, description="Columns within which the draw was made.")
    cluster: Text | None = Field(
        None,
        description="The level at which variance is taken, where it is coarser than the unit: "
        "children who were drawn one by one and are taught together.",
    )


class AssignmentPart(Part):
    """Who did the assigning: exactly one of the two."""

    observed: ObservedPart | None = Field(None, description="Life did.")
    randomised: RandomisedPart | None = Field(None, description="A draw did.")


class OutcomeModelPart(Part):
    """The working model of the outcome."""

    terms: Terms | None = Field(None, description="linear, or a list of terms.")
    by_arm: Flag | None = Field(
        None, description="true: one model an arm. false: one pooled model."
    )
    interactions: Names | None = Field(
        None, description="Covariates whose slope differs by arm in the pooled model."
    )


def read_outcome_model(node: Any, usual: Any) -> Any:
    """Read bare terms as the terms of one model an arm."""
    if isinstance(node, str | list):
        return usual(Block({Word("terms", line_of(node)): node}))
    return usual(node)


class ModelsPart(Part):
    """The working models; every covariate linear if left out."""

    exposure: Terms | None = Field(
        None, description="Terms of the model of the arms: linear or a list."
    )
    outcome: Annotated[OutcomeModelPart, Alternative(read_outcome_model, TERMS_FORM)] | None = (
        Field(
            None, description="Terms of the model of the outcome, or {terms, by_arm, interactions}."
        )
    )
    censoring: Terms | None = Field(
        None,
        description="Terms of the model of whose outcome was seen, besides the arm: linear or a "
        "list. Those seen then stand for those who were not; without it they are left out.",
    )
    firth: Flag = Field(
        False,
        description="true: fit the model of the arms by Firth's penalised likelihood, which is "
        "finite under separation.",
    )


def as_choice(node: object) -> tuple[str, tuple[tuple[str, object], ...]]:
    """Return (name, options) of `name` or `{name: {option: value}}`."""
    if isinstance(node, str):
        return as_text(node), ()
    if isinstance(node, dict) and len(node) == 1:
        ((name, options),) = node.items()
        if options is None or isinstance(options, dict):
            return str(name), tuple(frozen(options or {}))  # type: ignore[arg-type]
    raise misread(
        node, f"should be a name or {{name: {{option: value}}}}; {shown(node)} was found."
    )


CHOICE_FORM: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ]
}
Choice = Annotated[
    tuple[str, tuple[tuple[str, object], ...]], PlainValidator(as_choice), accepts(CHOICE_FORM)
]
