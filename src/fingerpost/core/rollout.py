"""What a study says of provision that begins at different times in different places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STRUCTURES = ("nested", "decay", "cohort")
SOURCES = ("drand", "nist", "parties")  # of a draw's randomness
NEVER = -1
# Boundaries whose shape is fixed, and ways in which error is spent look by look.
BOUNDS = ("obrien_fleming", "pocock", "wang_tsiatis")
SPENDING = ("obrien_fleming", "pocock", "power", "exponential")
SHAPED = ("wang_tsiatis", "power", "exponential")  # those that need a number


@dataclass(frozen=True, slots=True)
class Wave:
    """Units in which provision begins together.

    begins: the period in which it begins, empty where it does not before the last period.
    units: how many are drawn into it; None: what other waves leave.
    """

    name: str
    begins: str = ""
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What a wave can hold: the units (or the sum of `column` over them) are at most `at_most`.

    wave: None for every wave. where: (column, value) of the units that count; None for all.
    """

    at_most: float
    wave: str | None = None
    column: str = ""
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """The units of a roll-out, one row each, frozen before the draw.

    table: the file, beside the study. unit, name: columns of the unit's code and of what it is
    called. size: column of its number of children, empty where none is held. neighbours: a file of
    pairs of units (columns `first`, `second`, and `share` of children who cross the border, where
    known), empty where none is held.
    """

    table: str
    unit: str
    name: str = ""
    size: str = ""
    neighbours: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Where the randomness of a draw comes from, which nobody can know when it is committed to.

    source: `drand` or `nist` (public beacons), or `parties` who commit and reveal. after: the last
    round of the beacon that may be known by then; the pulse's is a later one. parties: (name,
    SHA-256 of that party's secret).
    """

    source: str = "drand"
    after: int = 0
    parties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bordering:
    """How many pairs of neighbours start in one wave: of all pairs of the register's file, each by
    its share where that is told, at least and at most this part; None where nothing is said.
    """

    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """How waves are drawn: candidates at random within strata, of which the best balanced are kept.

    balance: columns of the register on which waves are to be alike. candidates: draws made;
    accept: the share of them kept, of which one is drawn. limits: what waves can hold. together,
    apart: pairs of units declared to share a wave, or never to. neighbours: how many of the
    register's pairs of neighbours may, or must, start in one wave; None: as it falls. pulse: whence
    its randomness.
    """

    balance: tuple[str, ...] = ()
    candidates: int = 100_000
    accept: float = 0.10
    limits: tuple[Limit, ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    neighbours: Bordering | None = None
    pulse: Pulse = Pulse()


@dataclass(frozen=True, slots=True)
class Correlation:
    """How outcomes of one unit hang together, for planning and as the working model.

    structure: `nested` (children of a unit and period share icc, of two periods icc × cac), `decay`
    (icc × cac^|t − s|) or `cohort` (nested, and the same children are followed: iac is the share
    of a child's own variance that lasts, churn the share of children renewed from period to
    period). effect_sd: standard deviation of the effect between units; effect_corr: its correlation
    with the unit's level.
    """

    structure: str = "nested"
    icc: float = 0.05
    cac: float = 1.0
    iac: float = 0.0
    churn: float = 0.0
    effect_sd: float = 0.0
    effect_corr: float = 0.0


@dataclass(frozen=True, slots=True)
class Power:
    """What a roll-out has to find, and with what certainty.

    effect: in units of the outcome. kind: continuous, binary or count. sd: of children's outcomes
    within a unit and period, where continuous; level, level_with: the risk or rate without and
    with provision, where binary or count. children: of a unit in a period. size_cv: coefficient of
    variation of that number. alpha: two-sided. target: a target of panels, `constant` for one
    effect at every exposure. exposure: of `at_exposure`, periods since provision began, from 0.
    explained_between, explained_within: shares of the variance between units, and of children
    within them, that covariates of the analysis explain. unseen: (wave, its periods without
    returns). assumed: in words, each of these figures that is nobody's published one.
    """

    effect: float | None = None
    kind: str = "continuous"
    sd: float | None = None
    level: float | None = None
    level_with: float | None = None
    children: float = 100.0
    size_cv: float = 0.0
    alpha: float = 0.05
    power: float = 0.80
    target: str = "constant"
    correlations: tuple[Correlation, ...] = (Correlation(),)
    exposure: int | None = None
    explained_between: float = 0.0
    explained_within: float = 0.0
    unseen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """Returns that every unit owes: columns of a return, days after a period until it is due, the
    last day of each period, as (period, ISO date), and (column, (least, most)) outside which a
    value is asked about.
    """

    columns: tuple[str, ...] = ()
    due_days: int = 30
    ends: tuple[tuple[str, str], ...] = ()
    plausible: tuple[tuple[str, tuple[float, float]], ...] = ()


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Looks at the results before the end, and when they would stop the roll-out.

    looks: periods after whose returns somebody looks, or how many looks, the last analysis counted;
    nothing: one each academic year. bounds: an exact boundary; spending: how error is spent, look
    by look; at most one of both is told, and none means spending like O'Brien & Fleming.
    parameter: of wang_tsiatis δ, of power ρ, of exponential γ. alpha: of both sides together, where
    there are two. harm: one-sided level of a bound for harm that binds nobody; 0 for none. looked:
    of a trial, at which look the records were taken, or the shares of all information at each look
    held until then, 1 for the last analysis; None where nobody says.
    """

    looks: tuple[str, ...] | int | None = None
    bounds: str = ""
    spending: str = ""
    parameter: float | None = None
    alpha: float = 0.05
    sides: int = 2
    harm: float = 0.10
    looked: int | tuple[float, ...] | None = None

    @property
    def many(self) -> int | None:
        """How many looks there are, the last analysis counted; None where that is not said."""
        if self.looks is None or isinstance(self.looks, int):
            return self.looks
        return len(self.looks)

    @property
    def shape(self) -> str:
        """The name of the boundary, or of the way in which error is spent."""
        return self.bounds or self.spending or SPENDING[0]


@dataclass(frozen=True, slots=True)
class Starts:
    """A table of its own of when provision began, one row for each unit in which it did.

    table: the file. unit, begins: its columns. periods: (value of `begins`, period of the panel),
    where they are written otherwise. names: (unit here, unit of the records) that differ.
    """

    table: str
    unit: str
    begins: str
    periods: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """When provision begins where, and what planning it needs.

    periods: in order. waves: of a roll-out that is drawn. anticipation: periods before provision
    begins in which units may already behave otherwise. adopted: column of the records that holds
    the period in which provision began, where nothing was drawn; never: its values for units where
    it did not begin. period, children: columns of the records that hold the period and the number
    of children behind an outcome. starts: in place of `adopted`, a table of its own. measure,
    value: columns of records that hold a row for each unit, period and measure; an outcome's
    column is then the name of its measure. monitoring: looks on the way, None where nothing is
    said. registry: (what a registry asks, its answer) of what no other part of a study says.
    """

    periods: tuple[str, ...] = ()
    waves: tuple[Wave, ...] = ()
    register: Register | None = None
    draw: Draw = Draw()
    anticipation: int = 0
    correlation: Correlation | None = None
    power: Power | None = None
    collection: Collection | None = None
    adopted: str = ""
    never: tuple[str, ...] = ()
    period: str = ""
    children: str = ""
    starts: Starts | None = None
    measure: str = ""
    value: str = ""
    monitoring: Monitoring | None = None
    registry: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Sequences of a design as arrays: begins (w,) period index, NEVER where it does not begin
    before the last; units (w,) how many; of `periods` in all.
    """

    waves: tuple[str, ...]
    periods: tuple[str, ...]
    begins: NDArray[np.int64]
    units: NDArray[np.int64]

    @property
    def exposed(self) -> NDArray[np.bool_]:
        """(w, t) whether provision has begun."""
        at = np.arange(len(self.periods))
        begun: NDArray[np.bool_] = (self.begins[:, None] >= 0) & (at >= self.begins[:, None])
        return begun

    @property
    def exposure(self) -> NDArray[np.int64]:
        """(w, t) periods since provision began, counted from 0; NEVER where it has not."""
        at = np.arange(len(self.periods))
        return np.where(self.exposed, at - self.begins[:, None], NEVER)


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """The register as a draw sees it: u units in the order of their codes.

    strata: (u,) codes; covariates: name → (u,); size: (u,) children, ones where none is held.
    labels: column → (u,) words, for limits that speak of some units. neighbours: (p, 2) indices.
    """

    units: tuple[str, ...]
    strata: NDArray[np.int64]
    covariates: dict[str, Array] = field(default_factory=dict)
    size: Array | None = None
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    neighbours: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    stratum_names: tuple[Any, ...] = ()
