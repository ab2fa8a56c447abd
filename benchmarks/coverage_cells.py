"""What the coverage study asks: settings, parts, cells, and the truth of each.

A setting is a kind of world. A part is a setting with one kind of outcome, or with one leaf that
has worlds of its own; it is drawn and kept together. A cell is one leaf, as a study would ask it,
with one term. Leaves, targets, scales and worlds are those of tests/suites/enrolled.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term
from fingerpost.core.model import Models, linear
from suites.cutoff_worlds import CutoffWorld
from suites.enrolled import COARSE, EQUAL, LEAVES, OPTIONS, Place, places
from suites.instrument_worlds import InstrumentWorld
from suites.school_worlds import SchoolWorld
from suites.time_worlds import TimeWorld, asked
from suites.worlds import GIVEN, SQUARES, UNSEEN, hidden

TRUTH_DRAWS = 10_000_000
KINDS = ("continuous", "binary", "count")
OWN = {"instrument": "iv", "cutoff": "rdd", "school": "within", "time": "survival"}
PLAIN = Models()
STEEP = 0.7  # how strongly being seen depends on the index, where outcomes are censored
APART = 50_000  # between the seeds of a world and of who is seen in it: beyond the worlds of a part
CENTRED = ("rdd",)  # judged on the middle of its interval, which is where its bias is taken out
# Not judged, with the reason that stands in the leaf's own docstring.
EXCUSED = {
    "subclassification": "strata are coarse, so some difference between arms remains within them: "
    "the bias is printed, not judged",
}
assert set(EXCUSED) == set(COARSE)


@dataclass(frozen=True)
class Setting:
    """One kind of world. own: families of leaves with worlds of their own that are drawn in it, and
    how many children each needs. common: whether the common world is drawn.
    """

    name: str
    told: str
    n: int = 1000
    schools: int = 60
    arms: int = 2
    own: tuple[tuple[str, int], ...] = ()
    common: bool = True
    bent: bool = False
    missing: bool = False
    unseen: bool = False
    rare: bool = False


SETTINGS = (
    Setting(
        "60 schools",
        "Every model holds. Leaves with a question of their own have worlds of their own: a "
        "lottery that moves some children (iv), a cut-off that is always or mostly followed (rdd), "
        "schools that decide both arm and outcome by what no record holds (within), and times to "
        "an event (survival).",
        own=(("instrument", 2000), ("cutoff", 2000), ("school", 1000), ("time", 1000)),
    ),
    Setting(
        "20 schools",
        "The same worlds with few clusters.",
        n=400,
        schools=20,
        own=(("instrument", 2000), ("cutoff", 2000), ("school", 400), ("time", 500)),
    ),
    Setting(
        "three arms",
        "The same worlds with three arms; leaves that take two are left out.",
        n=1500,
        arms=3,
        own=(("school", 1500), ("time", 1500)),
    ),
    Setting(
        "non-linear",
        "The square of the index decides arm and outcome, with other strength in each arm. The "
        "study declares squares for exposure and outcome models; double_ml is told nothing and "
        "uses its spline learner.",
        bent=True,
    ),
    Setting(
        "missing covariates",
        "The index is missing for a fifth of children (a tenth of girls, three tenths of boys), "
        "handled as `missing: indicator` does it: mean and flag. Where it is missing, whoever "
        "decides the arm does not know it either and goes by the mean, which is what makes the "
        "method right; the outcome depends on it as ever.",
        missing=True,
    ),
    Setting(
        "censored outcomes",
        "A third of outcomes or so were not seen, depending on the index, in other ways in each "
        "arm. The study declares the model of who was seen; leaves that can weight for it answer.",
        unseen=True,
    ),
    Setting(
        "leaving that tells",
        "Children of high index, who have the event soonest, leave far more often. The study "
        "declares the model of leaving, or, by g-formula, models hazards.",
        common=False,
        own=(("tied", 1000), ("untied", 1000)),
    ),
    Setting(
        "rare provision",
        "A fifth of children or so have support: matching without replacement needs many to draw "
        "from. With and without the adjustment for what is left.",
        common=False,
        rare=True,
        own=(("rare", 1000),),
    ),
)


@dataclass(frozen=True)
class Part:
    """One setting with one kind of outcome, or one family of leaves with worlds of its own."""

    setting: Setting
    what: str

    @property
    def name(self) -> str:
        """The name by which the part is kept and asked for."""
        return f"{self.setting.name}-{self.what}".replace(" ", "-")

    @property
    def title(self) -> str:
        """The heading of the part."""
        kind = f"{self.what} outcome" if self.what in KINDS else f"{self.what} worlds"
        return f"{self.setting.name}, {kind}"


@dataclass(frozen=True)
class Trial:
    """One leaf as a study asks it, in one world. variant: words for the options and the world."""

    leaf: str
    world: Any
    kind: str
    variant: str = ""
    options: tuple[tuple[str, object], ...] = ()
    models: Models = PLAIN
    unseen: bool = False

    def draw(self, seed: int) -> Cohort:
        """Return one sample, with outcomes hidden where the setting says so."""
        cohort: Cohort = self.world.draw(seed)
        return hidden(cohort, seed + APART, steep=STEEP) if self.unseen else cohort

    @property
    def given(self) -> tuple[str, ...]:
        """The covariates of the study."""
        found: tuple[str, ...] = getattr(self.world, "given", GIVEN)
        return found


@dataclass(frozen=True)
class Cell:
    """One leaf asked for one term."""

    trial: Trial
    term: Term


def parts() -> list[Part]:
    """Return every part, in the order of the table."""
    return [
        Part(setting, what)
        for setting in SETTINGS
        for what in (*(KINDS if setting.common else ()), *(name for name, _ in setting.own))
    ]


@cache
def cells(part: Part) -> tuple[Cell, ...]:
    """Return what is asked in a part: every leaf × target × scale whose truth is known."""
    make = {"time": _time, "tied": _telling, "untied": _telling, "rare": _rare}
    if part.what in KINDS:
        return tuple(_common(part))
    return tuple(make.get(part.what, _own)(part))


def _common(part: Part) -> Iterator[Cell]:
    """Leaves in the common world, and, where a coefficient is asked, in its twin of equal effects;
    there g_estimation also answers the ATE, as `homogeneous: true` lets it.
    """
    setting = part.setting
    size = {"n": setting.n, "schools": setting.schools, "arms": setting.arms}
    for leaf in (name for name in LEAVES if _in_common(name, setting)):
        for place in places(leaf, **size):
            if place.kind != part.what or place.levels != setting.arms:
                continue
            yield from _asked(_trial(place, setting), place)
            if leaf == "g_estimation":
                yield from _asked(_trial(place, setting, homogeneous=True), place, Target("ate"))


def _in_common(leaf: str, setting: Setting) -> bool:
    family = Place(leaf).family
    return family in ("common", "equal") and (LEAVES[leaf].censoring or not setting.unseen)


def _trial(place: Place, setting: Setting, **more: object) -> Trial:
    """Return a leaf of the common world as this setting asks it."""
    world = replace(place.world, bent=setting.bent, missing=setting.missing)
    options = {**OPTIONS.get(place.leaf, {}), **more}
    models = UNSEEN if setting.unseen else PLAIN
    words = [name.replace("_", " ") for name, value in more.items() if value is True]
    if place.leaf == "matching":
        options["replace"] = True
        words.append("with replacement")
    if place.leaf == "incremental":
        options["deltas"] = (2.0,)  # of a table that is not judged
    if setting.bent and place.leaf == "double_ml":
        options, words = {}, ["spline learner"]
    elif setting.bent:
        models = Models(exposure=SQUARES, outcome=SQUARES)
    elif place.leaf == "double_ml":
        words.append("linear learner")
    told = tuple(options.items())
    return Trial(place.leaf, world, place.kind, ", ".join(words), told, models, setting.unseen)


def _asked(trial: Trial, place: Place, *targets: Target) -> Iterator[Cell]:
    """Every target of a place."""
    for target in targets or tuple(_targets(place)):
        yield Cell(trial, place.term(target))


def _targets(place: Place) -> Iterator[Target]:
    """With two arms `received` is the ATT or the ATU; with three it is asked of the third."""
    for target in place.targets():
        if target.kind != "received":
            yield target
        elif place.levels > 2:
            yield Target("received", arm="plan")


def _own(part: Part) -> Iterator[Cell]:
    """A lottery, a cut-off (always and mostly followed), or schools that decide."""
    setting, leaf = part.setting, OWN[part.what]
    n = dict(setting.own)[part.what]
    for place in places(leaf, n=n, schools=setting.schools, arms=setting.arms):
        trial = Trial(leaf, place.world, place.kind, "", tuple(place.options.items()))
        if leaf != "rdd":
            yield from _asked(trial, place)
            continue
        for variant, fuzzy in (("always followed", False), ("mostly followed", True)):
            world = replace(place.world, fuzzy=fuzzy)
            yield from _asked(replace(trial, world=world, variant=variant), place)


def _time(part: Part) -> Iterator[Cell]:
    """Times, with leaving that tells nothing, weighted; risk and mean time free of the event."""
    setting = part.setting
    size = {"schools": setting.schools, "arms": setting.arms}
    world = TimeWorld(n=dict(setting.own)["time"], frailty=0.1, **size)
    yield from _of_time(Trial("survival", world, "time", "weighting"))


def _telling(part: Part) -> Iterator[Cell]:
    """Times with leaving that tells, in whole terms or at any time."""
    n, tied = dict(part.setting.own)[part.what], part.what == "tied"
    world = TimeWorld(n=n, schools=part.setting.schools, leaving="telling", tied=tied)
    models = Models(censoring=linear(GIVEN))
    weighted = "weighting, model of leaving"
    yield from _of_time(Trial("survival", world, "time", weighted, models=models))
    if tied:  # a logit of the hazard in each term is the world's own model
        options = (("by", "g_formula"),)
        yield from _of_time(Trial("survival", world, "time", "g_formula", options))


def _of_time(trial: Trial) -> Iterator[Cell]:
    for summary in ("risk", "rmst"):
        for place in places("survival", arms=trial.world.arms):
            for target in _targets(place):
                yield Cell(trial, asked(target, summary=summary, scale=place.scale))


def _rare(part: Part) -> Iterator[Cell]:
    """Matching without replacement, of the few who have support."""
    n = dict(part.setting.own)[part.what]
    for kind in KINDS:
        for place in places("matching", n=n, schools=part.setting.schools, arms=2):
            if place.kind != kind:
                continue
            world = replace(place.world, rare=True)
            for variant, more in (("", ()), (", bias_adjust", (("bias_adjust", True),))):
                words, options = f"without replacement{variant}", (("replace", False), *more)
                trial = Trial("matching", world, kind, words, options)
                yield Cell(trial, place.term(Target("att")))


# ---------------------------------------------------------------- truth


def truth(cell: Cell, kept: Path | None = None) -> float:
    """Return the superpopulation value of a cell's term, on the scale of estimates; remembered in
    a file, since ten million draws take seconds.
    """
    world, term = cell.trial.world, cell.term
    if isinstance(world, CutoffWorld | SchoolWorld):
        return float(world.truth(term))
    if cell.trial.leaf in EQUAL:
        term = term.on(Target("ate"))
    # The truth is that of a superpopulation: numbers of children and schools are no part of it.
    world = replace(world, n=1000, schools=60)
    if isinstance(world, InstrumentWorld) or term.target.kind == "incremental":
        return _level(world, term, kept)
    value = 0.0
    for name, weight in term.contrast:
        one = _level(world, _of_arm(term, name), kept)
        value += weight * (np.log(one) if term.scale == "ratio" else one)
    return float(value)


def _of_arm(term: Term, arm: str) -> Term:
    """Return the mean of one arm in the term's target, its arm spelt out."""
    kind, first, last = term.target.kind, term.contrast[0][0], term.contrast[-1][0]
    spelt = {
        "att": Target("received", arm=first),
        "atu": Target("received", arm=last),
        "association": Target("received", arm=arm),
    }
    target = spelt.get(kind, term.target)
    return replace(term, contrast=((arm, 1.0),), target=target, scale="difference")


KNOWN: dict[str, float] = {}


def _level(world: Any, term: Term, kept: Path | None) -> float:
    key = f"{TRUTH_DRAWS} {world!r} {term!r}"
    if kept is not None and kept.exists() and key not in KNOWN:
        KNOWN.update(json.loads(kept.read_text(encoding="utf-8")))
    if key not in KNOWN:
        KNOWN[key] = float(world.truth(term, TRUTH_DRAWS))
        if kept is not None:
            kept.write_text(json.dumps(KNOWN, indent=0), encoding="utf-8")
    return KNOWN[key]
