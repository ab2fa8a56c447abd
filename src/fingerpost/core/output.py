"""What may be shown: results without a value per child."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.agreement import Agreement
from fingerpost.core.described import Described
from fingerpost.core.estimand import Term
from fingerpost.core.flow import Flow
from fingerpost.core.provenance import Provenance
from fingerpost.core.refusal import Refusal
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import SENSITIVITY_RANGE


@dataclass(frozen=True, slots=True)
class Result:
    """One estimate as people read it: on the natural scale (a ratio is a ratio).

    se: on the scale of the covariance (of the log for ratios), None where there is none.
    lo, hi: None where no interval is justified; ±inf where unbounded.
    role: `answer`, `extrapolation` (shown only under that heading) or `control` (of a sensitivity
    analysis). warnings: in words.
    """

    estimator: str
    term: Term
    value: float
    se: float | None
    lo: float | None
    hi: float | None
    level: float
    interval: str
    df: float | None = None
    n: int | None = None
    clusters: int | None = None
    arm_n: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    role: str = "answer"
    primary: bool = False

    @property
    def ranged(self) -> bool:
        """Whether its limits are a sensitivity range, and no interval that holds so often."""
        return self.interval.startswith(SENSITIVITY_RANGE)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a disclosure rule stopped, and which, in words.

    where: the part of results.json it is missing from, such as `diagnostics.balance`. name: the
    rule's short name, as `Control` has it. rows: of a table, 0 where a thing of its own.
    """

    what: str
    rule: str
    policy: str
    where: str = ""
    name: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """What one rule of a release policy did to one part of an output.

    where: the part of results.json, such as `diagnostics.balance` or `answers`. name: the rule's.
    asks: what it asks for. looked: at what it looked; empty where the part holds nothing for it to
    look at. found: how many rows or things it stopped, None where that may not be told. did: what
    was done, in words.
    """

    where: str
    name: str
    asks: str
    looked: str
    found: int | None
    did: str


@dataclass(frozen=True, slots=True)
class RegionResult:
    """A region with the leaf that gave it."""

    estimator: str
    region: Region


@dataclass(frozen=True, slots=True)
class SensitivityResult:
    """What one sensitivity analysis found: tables, results (role `control`), regions, and what it
    could not answer. about: the outcome it was asked beside; empty where it speaks of all.
    """

    leaf: str
    tables: tuple[Table, ...] = ()
    results: tuple[Result, ...] = ()
    regions: tuple[RegionResult, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A finding after the release gate.

    status: `answered`, `partly refused` or `refused`. clearance: `inside` (not cleared), `public`,
    `prepared` (under a policy, for a person to check) or `cleared` (by that person). policy_words:
    what the policy does, for readers. controls: what each rule did to each part, under a policy
    that withholds. covariance: joint, by index of `results` (role answer), None where two results
    share no variance unit. refusals: of targets, which no leaf answers; leaf_refusals: of one leaf,
    where others answer. leaves: what each leaf of the study says of itself. truth: (term, value)
    where the records are synthetic; untold: of what no truth can be had there, and why.
    """

    study: Study
    status: str
    clearance: str
    policy: str
    results: tuple[Result, ...]
    covariance: tuple[tuple[float | None, ...], ...]
    regions: tuple[RegionResult, ...]
    refusals: tuple[Refusal, ...]
    extrapolations: tuple[Result, ...]
    agreements: tuple[Agreement, ...]
    tables: tuple[Table, ...]
    sensitivity: tuple[SensitivityResult, ...]
    flow: Flow
    provenance: Provenance
    leaf_refusals: tuple[Refusal, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    truth: tuple[tuple[Term, float], ...] = ()
    untold: tuple[tuple[str, str], ...] = ()
    policy_words: str = ""
    controls: tuple[Control, ...] = ()
    leaves: tuple[Described, ...] = ()

    @property
    def overridden(self) -> str:
        """The policy that the study itself names, where it is not the one that was used."""
        return "" if self.study.release == self.policy else self.study.release

    def described(self, name: str, room: str = "estimators") -> Described:
        """Return what a leaf says of itself: its name alone, where nothing is known of it."""
        known = (leaf for leaf in self.leaves if (leaf.room, leaf.name) == (room, name))
        return next(known, Described(room, name))

    def table(self, name: str) -> Table | None:
        """Return a diagnostic table by name, or None."""
        return next((table for table in self.tables if table.name == name), None)
