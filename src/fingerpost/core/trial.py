"""What a study says of a trial: who is drawn into which arm, how, and what is owed to whom."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.rollout import Draw, Monitoring, Register
from fingerpost.core.trial_power import TrialPower

OFFERS = ("none", "usual", "added")
PLANS = ("excluded", "kept")
IMBALANCES = ("range", "variance")
ENACTED = ("as it would be", "none", "support", "plan")
BEGINNINGS = ("nursery", "reception", "year 1")


@dataclass(frozen=True, slots=True)
class Enactment:
    """What an arm is in a synthetic England, where a trial is rehearsed.

    level: `as it would be` (whatever the child would be given anyway), `none`, `support` or `plan`.
    begins: `nursery`, `reception` or `year 1`: the first day of the year. minutes: planned, a week;
    delivered: the share of them; None as the child's own luck has it.
    """

    level: str = "as it would be"
    begins: str = "reception"
    minutes: int | None = None
    delivered: float | None = None


@dataclass(frozen=True, slots=True)
class TrialArm:
    """What one arm is offered.

    share: of the allocation, a whole number beside those of the other arms. gets: in words. offer:
    `none` (no provision), `usual` (what would be given anyway) or `added` (more than that, or
    another mode of it). levels: (factor, level): of a factorial trial's arm; of a crossover, what
    is given in each period; of two levels, the kind of cluster in which the arm is. enact: what it
    is in a synthetic England; None where the study does not say. opens: units allocated before the
    arm is there; closes: units allocated before it takes no more, None where it stays to the end.
    """

    name: str
    share: int = 1
    gets: str = ""
    offer: str = "added"
    levels: tuple[tuple[str, str], ...] = ()
    enact: Enactment | None = None
    opens: int = 0
    closes: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a unit when it is allocated, and its levels, all of them."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Minimise:
    """Minimisation: the arm that leaves arms most alike is the likelier one.

    weights: (what is known, its weight); nothing: everything that is known, alike. likely: the
    probability of the arm that leaves least imbalance, below 1 so that none is certain. measure:
    of imbalance, `range` or `variance` of the arms' counts.
    """

    weights: tuple[tuple[str, float], ...] = ()
    likely: float = 0.8
    measure: str = "range"


@dataclass(frozen=True, slots=True)
class Stage:
    """A later stage of a sequence: whom it draws, among which arms.

    among: (what is known by then, its value) of those who are drawn; nothing: everyone.
    """

    name: str
    arms: tuple[TrialArm, ...]
    among: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Roll:
    """The list of children of every cluster, frozen with their baseline before it is allocated.

    table: the file. unit, child: its columns of the cluster and the child. baseline: columns that
    must be filled before.
    """

    table: str
    unit: str
    child: str
    baseline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """How arms of a trial are drawn, and what planning and conduct need.

    arms: in order; the first is what others are compared with. size: units to be allocated, None
    where it is not said. known: what is known of each unit when it is allocated, strata among it.
    blocks: lengths of permuted blocks, of which each is drawn at random. minimise, match: of those
    designs; match: columns on which pairs are alike. register, draw: of units that are all known
    beforehand, and how balance is kept. roll: the children of clusters. stages: later stages.
    consent: what must be told of a unit before it is allocated, by name. plans: whether children
    for whom an EHC plan specifies the provision are `excluded`, or take part and the provision of
    their plan is `kept`; empty where it is not said. registry: (what a registry asks, its answer).
    washout: of a crossover, what lies between its periods so that the first no longer works.
    """

    arms: tuple[TrialArm, ...] = ()
    size: int | None = None
    known: tuple[Known, ...] = ()
    blocks: tuple[int, ...] = ()
    minimise: Minimise | None = None
    match: tuple[str, ...] = ()
    register: Register | None = None
    draw: Draw = Draw()
    roll: Roll | None = None
    stages: tuple[Stage, ...] = ()
    consent: tuple[str, ...] = ()
    plans: str = ""
    power: TrialPower | None = None
    monitoring: Monitoring | None = None
    registry: tuple[tuple[str, str], ...] = ()
    washout: str = ""
