"""The question as a document: frozen, hashable, complete before any record is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, dataclass, field, fields, is_dataclass

from fingerpost.core.access import Access
from fingerpost.core.assignment import Assignment, Observed
from fingerpost.core.estimand import Estimand
from fingerpost.core.linked import Linked
from fingerpost.core.measure import Measure
from fingerpost.core.model import Models
from fingerpost.core.rollout import Rollout
from fingerpost.core.trial import Trial

Scalar = str | int | float | bool
LANGUAGE = 1  # of the canonical form; raised only if a default changes its meaning


@dataclass(frozen=True, slots=True)
class Condition:
    """One eligibility step on one column: `test` is equals, is_in, at_least, at_most, below,
    above, recorded or missing; `value` what it is compared with.
    """

    column: str
    test: str
    value: Scalar | tuple[Scalar, ...] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table to read: a file, or a file inside an installed package, read by path.

    where: conditions applied on reading, so that several sources can be stacked into one table.
    table: the table's name inside a DuckDB file. set: columns given a constant on reading.
    """

    path: str | None = None
    package: str | None = None
    file: str | None = None
    table: str | None = None
    where: tuple[Condition, ...] = ()
    set: tuple[tuple[str, Scalar], ...] = ()

    def words(self) -> str:
        """Return the source as a reader names it."""
        return self.path if self.path else f"{self.file} in package {self.package}"


@dataclass(frozen=True, slots=True)
class Records:
    """Where the table is, which column names the child, and which name its clusters.

    repeated: whether a child may stand on several rows (trials in sequence, copies of a child).
    sums: (new column, columns) whose sum it is, missing where one of them is. counts: (new column,
    columns, value): how many of the columns hold the value.
    """

    sources: tuple[TableSource, ...] = ()
    unit: str | None = None
    clusters: tuple[tuple[str, str], ...] = ()
    weight: str | None = None
    synthetic: bool = False
    repeated: bool = False
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    counts: tuple[tuple[str, tuple[str, ...], Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Then:
    """A second draw, among some: its column, each recorded value with the name of what was drawn,
    and (column, value) of the children whom it concerned.
    """

    column: str
    levels: tuple[tuple[Scalar, str], ...]
    among: tuple[str, Scalar]

    @property
    def names(self) -> tuple[str, ...]:
        """What was drawn the second time, in order."""
        return tuple(dict.fromkeys(name for _, name in self.levels))


@dataclass(frozen=True, slots=True)
class Arms:
    """The exposure: its column, and each recorded value with the name of its arm.

    at: when it was measured (a number or ISO date, ordered), date: a column that holds that.
    outside: the arm that was not drawn: children of long records, who took no part in the trial.
    then: the second draw, of a trial that draws again among some children: arms are then its
    regimes, such as "medication, then more".
    """

    column: str | None = None
    levels: tuple[tuple[Scalar, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    at: Scalar | None = None
    date: str | None = None
    then: Then | None = None
    outside: str = ""

    @property
    def firsts(self) -> tuple[str, ...]:
        """What the column's values are called, in order; of one draw alone, the arms."""
        return tuple(dict.fromkeys(name for _, name in self.levels))

    @property
    def names(self) -> tuple[str, ...]:
        """The arms in order; the first is the reference of multinomial models."""
        if self.then is None:
            return self.firsts
        return tuple(f"{one}, then {other}" for one in self.firsts for other in self.then.names)


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """How one outcome is read.

    exposure: column of person-time for a count. scale: the only scale that makes sense of it,
    whatever the study's; empty where any does. read: how a measure of linked records is read.
    """

    name: str
    column: str
    kind: str = "continuous"
    exposure: str | None = None
    entry: str | None = None
    event: str | None = None
    measure: Measure = Measure("")
    at: Scalar | None = None
    date: str | None = None
    scale: str = ""
    read: str = ""


@dataclass(frozen=True, slots=True)
class Covariate:
    """How one covariate is read.

    kind: `numeric` or `categorical`; None: numeric where the column holds numbers.
    missing: `complete` (the child leaves, counted), `indicator` (mean or own level, and a flag) or
    `impute` (drawn anew in every copy of the records).
    """

    name: str
    kind: str | None = None
    missing: str = "complete"
    at: Scalar | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Imputation:
    """How missing values are imputed by chained equations.

    copies: completed copies of the records, each analysed and then pooled. cycles: passes over the
    variables before a copy is taken. outcomes: whether outcomes are imputed too. auxiliary: columns
    that only the imputation models use. donors: children from whom a value is drawn by predictive
    mean matching.
    """

    copies: int = 20
    cycles: int = 10
    outcomes: bool = True
    auxiliary: tuple[str, ...] = ()
    donors: int = 5


@dataclass(frozen=True, slots=True)
class SensitivitySpec:
    """One sensitivity leaf and its options, as sorted (name, value) pairs; lists are tuples."""

    leaf: str
    options: tuple[tuple[str, object], ...] = ()

    def option(self, name: str, default: object = None) -> object:
        """Return one option."""
        return dict(self.options).get(name, default)


@dataclass(frozen=True, slots=True)
class Guard:
    """Thresholds of the guard rails; `overrides` names those the study changed before the run."""

    refuse_effective_size: float = 30.0
    refuse_child_share: float = 0.10
    refuse_cluster_share: float = 0.25
    refuse_smd: float = 0.25
    refuse_outside: float = 0.10
    refuse_children: float = 20
    refuse_clusters: float = 5
    refuse_events: float = 1
    warn_effective_size: float = 100.0
    warn_effective_fraction: float = 0.20
    warn_share: float = 0.05
    warn_smd: float = 0.10
    warn_events: float = 10
    warn_outside: float = 0.02
    outside_below: float = 0.01
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What authors say of themselves (TARGET items 17-21 and the texts a report needs);
    None means: not stated by the authors.
    """

    background: str | None = None
    why: str | None = None
    ethics: str | None = None
    registration: str | None = None
    data_sharing: str | None = None
    code_sharing: str | None = None
    funding: str | None = None
    interests: str | None = None
    limitations: str | None = None
    generalisability: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One question, whoever assigned the arms.

    given: the covariates, in order, once `all_but` has been resolved against the records' columns.
    all_but: set instead of given until then. subgroups: columns by which overlap is shown.
    agreement: the largest distance between primary answers of one term that counts as agreement,
    in the unit of the outcome (on the ratio scale: on the log), None where not declared;
    agreements: the same by outcome, instead.
    missing: what a missing covariate does by default. imputation: how it is imputed, None where
    nothing is. level: of every interval. roles: columns that
    options of leaves name and that are no covariates, once resolved. linked: what is asked of
    linked records; None for a study of one table. access: what a study of access asks; None for a
    study of an effect. people: what reports call those studied, where they are no children.
    rollout: when provision begins where, of a study of units over periods; None for any other.
    trial: how arms are drawn, of a study that draws them; None for any other.
    """

    name: str
    question: str
    records: Records = Records()
    population: tuple[Condition, ...] = ()
    population_words: str = ""
    arms: Arms = Arms()
    time_zero: str = ""
    follow_up: str = ""
    outcomes: tuple[OutcomeSpec, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    assignment: Assignment = Observed()
    all_but: tuple[str, ...] | None = None
    estimand: Estimand = Estimand()
    models: Models = Models()
    estimators: tuple[str, ...] = ()
    options: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = ()
    primary: tuple[str, ...] = ()
    agreement: float | None = None
    guard: Guard = Guard()
    sensitivity: tuple[SensitivitySpec, ...] = ()
    subgroups: tuple[str, ...] = ()
    statement: Statement = Statement()
    release: str = "inside"
    missing: str = "complete"
    level: float = 0.95
    seed: int = 0
    notes: tuple[tuple[str, str], ...] = field(default=())
    roles: tuple[str, ...] = ()
    agreements: tuple[tuple[str, float], ...] = ()
    linked: Linked | None = None
    access: Access | None = None
    imputation: Imputation | None = None
    people: str = ""
    rollout: Rollout | None = None
    trial: Trial | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The covariates that make arms exchangeable, it is assumed."""
        return self.assignment.given

    @property
    def cluster(self) -> str | None:
        """The level at which variance is taken; None is the child."""
        return self.assignment.cluster

    @property
    def taken_up(self) -> bool:
        """Whether the arms of a trial's study are what was taken up: none of those drawn."""
        if self.trial is None or self.arms.column is None or not self.arms.firsts:
            return False
        return not {arm.name for arm in self.trial.arms} & set(self.arms.firsts)

    def within(self, outcome: str) -> float | None:
        """Return the distance declared to count as agreement on an outcome, None where none was."""
        return dict(self.agreements).get(outcome, self.agreement)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON of all that the study says.

        Fields left at their defaults are not part of it, so that a later version with more fields
        gives a registered study the same digest; LANGUAGE changes if a default ever does.
        """
        said = {"language": LANGUAGE, "study": _said(self)}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _said(value: object) -> object:
    """Return a value as plain data, with only the fields that differ from their defaults."""
    if is_dataclass(value) and not isinstance(value, type):
        told: dict[str, object] = {"is": type(value).__name__}
        for each in fields(value):
            own = getattr(value, each.name)
            if each.default is MISSING or own != each.default:
                told[each.name] = _said(own)
        return told
    if isinstance(value, tuple):
        return [_said(item) for item in value]
    return value
