"""Where each estimator leaf is tried: a world whose truth it should find, and how it is asked.

A leaf that is named in no family is tried in the common world. What a leaf is let off is written
here, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator
from suites import (
    cutoff_worlds,
    drawn_worlds,
    instrument_worlds,
    over_time_worlds,
    school_worlds,
    time_worlds,
    worlds,
)

MENU = leaves.menu("estimators", Estimator)
# Tests over draws give p-values and intervals and no estimate: they have tests of their own.
NO_ESTIMATE = ("permutation_test",)
# Its answer is double_ml's, as a test of its own shows; what it tells besides is tested there.
SAME = ("dr_learner",)
# Of trials of another shape than the worlds here: two draws, doses, children outside the trial.
# The laws that bear on them are tried in units/estimators/test_trials_of_other_shapes.py, and of
# what schoolmates have in test_spillover.py, of a choice in test_chosen_arm.py.
OTHER_SHAPES = ("regime_means", "q_learning", "dose_response", "surrogate_index")
OTHER_SHAPES += ("spillover", "chosen_arm")
LEAVES = {
    name: leaf
    for name, leaf in MENU.items()
    if leaf.takes == "cohort" and name not in (*NO_ESTIMATE, *SAME, *OTHER_SHAPES)
}
EQUAL = (
    "g_estimation",
    "mixed",
    "regression",
)  # coefficients: a truth only where effects are equal
FAMILY = {"iv": "instrument", "rdd": "cutoff", "survival": "time", "within": "school"}
FAMILY |= dict.fromkeys(EQUAL, "equal") | {"time_varying": "over time"}
FAMILY |= {"by_stratum": "drawn", "cluster_means": "drawn"}
OPTIONS: dict[str, dict[str, object]] = {
    "double_ml": {"learner": "linear"},  # the default learner has a slow test of its own
    "rdd": cutoff_worlds.options(),
}
# Combinations in which a coefficient's own model is not the world's, so that it has no truth there.
NO_TRUTH = {
    "regression": {
        *(("ratio", "continuous"), ("ratio", "binary"), ("difference", "binary")),
        ("difference", "count"),
    },
    "g_estimation": {
        *(("ratio", "continuous"), ("ratio", "binary"), ("difference", "binary")),
        ("difference", "count"),
    },
    "within": {("ratio", "continuous"), ("difference", "count")},
}
# Tables beside the answer that take most of a leaf's time, and what stands for them where only the
# answer is looked at, hundreds of times.
ASIDE: dict[str, dict[str, object]] = {
    "survival": {"curve_table": None},
    "rdd": {"checks": (), "_bandwidth_table": None, "bins_table": None, "lines_table": None},
}
COARSE = {"subclassification": "strata leave bias within them by design"}
LET_OFF: dict[str, dict[str, str]] = {
    "flip": {"incremental": "the odds of the first arm are multiplied: another question"},
    "sum": {
        "cluster_means": "HC2 divides by what each cluster leaves to others",
        "mixed": "its errors are of a model and not of influence",
        "matching": "matches are resampled around a curve",
        "rdd": "robust, by nearest",
    },
    "jackknife": {
        "matching": "who is matched changes by jumps",
        "rdd": "robust variance by nearest neighbours, and a bandwidth that is chosen",
        "double_ml": "what is learnt is taken as known: it is of second order",
        "cluster_means": "HC2, and strata as effects",
        "mixed": "Kenward and Roger's, of a model and not of influence",
        **COARSE,
    },
    "doubling": {
        "rdd": "the bandwidth depends on the number of children",
        "mixed": "copies of children make schools look more alike within than they are",
    },
    "weights": {
        "mixed": "it has no use for sampling weights",
        "rdd": "the bandwidth depends on the number of children",
        **COARSE,
    },
}


@dataclass(frozen=True)
class Place:
    """One leaf with one kind of outcome on one scale, tried in worlds of one size."""

    leaf: str
    kind: str = "continuous"
    scale: str = "difference"
    n: int = 2000
    schools: int = 100
    arms: int = 3
    two_kinds: bool = False

    @property
    def family(self) -> str:
        """The kind of world."""
        return FAMILY.get(self.leaf, "common")

    @property
    def levels(self) -> int:
        """Arms of the world: three where the leaf can, and takes them in no order."""
        few = MENU[self.leaf].levels in ("2", "ordered") or self.family in ("cutoff", "over time")
        return 2 if few else self.arms

    @property
    def world(self) -> Any:
        """The world, with `draw(seed)` and `truth(term)`."""
        size = {"n": self.n, "schools": self.schools, "arms": self.levels}
        if self.family == "time":
            return time_worlds.TimeWorld(**size)
        if self.family == "cutoff":
            return cutoff_worlds.CutoffWorld(n=self.n, schools=self.schools)
        if self.family == "instrument":
            return instrument_worlds.InstrumentWorld(**size, kind=self.kind)
        if self.family == "school":
            return school_worlds.SchoolWorld(**size, kind=self.kind, scale=self.scale)
        if self.family == "over time":
            return over_time_worlds.OverTimeWorld(n=self.n, schools=self.schools, kind=self.kind)
        if self.family == "drawn":
            whole = self.leaf == "cluster_means"
            return drawn_worlds.DrawnWorld(**size, kind=self.kind, whole=whole)
        equal = self.family == "equal"
        return worlds.World(**size, kind=self.kind, equal_effects=equal, two_kinds=self.two_kinds)

    @property
    def options(self) -> dict[str, object]:
        """The options with which the leaf is asked."""
        return OPTIONS.get(self.leaf, getattr(self.world, "options", {}))

    def term(self, target: Target, arms: tuple[str, str] = ("support", "none")) -> Term:
        """Return a term on the world's outcome."""
        if self.family == "time":
            return time_worlds.asked(target, scale=self.scale, arms=arms)
        summary = worlds.SUMMARIES[self.kind]
        return Term("y", pair(*arms), target, summary, self.scale)

    def targets(self) -> list[Target]:
        """Return the targets that the leaf declares, as they are asked here."""
        known = {
            "received": Target("received", arm="none"),
            "incremental": Target("incremental", delta=2.0),
        }
        return [known.get(kind, Target(kind)) for kind in MENU[self.leaf].targets]

    @property
    def first(self) -> Target:
        """The target of laws that are tried of one: all children, where the leaf answers that."""
        targets = self.targets()
        return Target("ate") if Target("ate") in targets else targets[0]

    def task(self, cohort: Cohort, *terms: Term, **more: object) -> Task:
        """Return the task, clustered by school."""
        given = getattr(self.world, "given", worlds.GIVEN)
        told = Analysis(
            given,
            assignment=getattr(self.world, "assignment", Observed()),
            cluster="school",
            stream="test",
            options={**self.options, **more},
        )
        return Task(cohort, terms, told)

    def ask(self, cohort: Cohort, *terms: Term, **more: object):
        """Return the leaf's answer."""
        return MENU[self.leaf].run(self.task(cohort, *terms, **more))

    def truth(self, term: Term) -> float:
        """Return the superpopulation value of a term, on the scale of estimates."""
        return _truth(self, term)


@cache
def _truth(place: Place, term: Term) -> float:
    world = place.world
    if term.target.kind == "association":
        return association(world, term)
    if place.family == "equal":
        return world.truth(term.on(Target("ate")))
    return world.truth(term)


def association(world: worlds.World, term: Term) -> float:
    """Return E[Y | A = a] contrasts: every arm's own children."""
    value = 0.0
    for arm, weight in term.contrast:
        own = replace(term, contrast=((arm, 1.0),), target=Target("received", arm=arm))
        value += weight * world.truth(own)
    return value


def places(leaf: str, **size: int) -> list[Place]:
    """Return a leaf's places: each declared scale and kind of outcome that has a truth."""
    return [
        Place(leaf, kind, scale, **size)
        for scale in LEAVES[leaf].scales
        for kind in LEAVES[leaf].outcomes
        if (scale, kind) not in NO_TRUTH.get(leaf, set())
        and (leaf != "rdd" or kind == "continuous")
    ]


def law(name: str) -> list[str]:
    """Return the leaves that a law is tried on."""
    return sorted(set(LEAVES) - set(LET_OFF.get(name, {})))
