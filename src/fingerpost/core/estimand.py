"""What is asked: targets, terms and the estimand that spells them out."""

from __future__ import annotations

from dataclasses import dataclass, replace

Contrast = tuple[tuple[str, float], ...]

TARGETS: dict[str, str] = {
    "ate": "all children of the study",
    "att": "children who received the first arm of the contrast",
    "atu": "children who received the second arm of the contrast",
    "received": "children who received the named arm",
    "overlap": "children whose arm was in doubt (overlap weights)",
    "compliers": "children whose arm the instrument moves",
    "cutoff": "children at the cut-off",
    "matched": "children for whom a match was found",
    "incremental": "all children, the odds of provision multiplied",
    "conditional": "no group: a coefficient given the covariates",
    "association": "no group: the difference as observed, nothing adjusted for",
    "alike": "no group: the gap between children alike in what was measured of them",
    "equal_need": "no group: the gap between children alike in this and in recorded need",
    "explained": "no group: the part of a gap that goes with what is named",
    "simple": "units and periods since provision began there, each counted alike",
    "exposure_average": "units where provision began: the mean over periods since, each alike",
    "group_average": "units where provision began: the mean over when it began",
    "calendar_average": "units where provision had begun: the mean over calendar periods",
    "long_term": "units that have had provision for longest",
    "at_exposure": "units a number of periods after provision began there",
}
# Effects of provision that begins at different periods; leaves over panels answer them.
PANEL_TARGETS = (
    *("simple", "exposure_average", "group_average", "calendar_average"),
    *("long_term", "at_exposure"),
)
# Differences between groups of children, which claim no effect of anything on anybody.
DESCRIPTIVE = ("association", "conditional", "alike", "equal_need", "explained")
# Targets that belong to a leaf, not to a study: it answers them of every contrast unasked.
OWN_TARGETS = ("association", "conditional", "compliers", "cutoff", "matched")
SUMMARIES = ("mean", "risk", "rate", "survival", "rmst", "quantile")
SCALES = ("difference", "ratio", "level")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an effect is for. `trim` keeps children whose every arm has probability ≥ trim."""

    kind: str
    arm: str | None = None
    delta: float | None = None
    trim: float | None = None

    def label(self) -> str:
        """Return the target's short name, as results carry it.

        >>> Target("ate", trim=0.01).label()
        'ate trimmed 0.01'
        >>> Target("received", arm="support").label()
        'received support'
        """
        words = [self.kind]
        if self.arm is not None:
            words.append(self.arm)
        if self.delta is not None:
            words.append(f"{self.delta:g}")
        if self.trim is not None:
            words.append(f"trimmed {self.trim:g}")
        return " ".join(words)

    @property
    def causal(self) -> bool:
        """Whether an answer for this target claims an effect of provision on someone."""
        return self.kind not in DESCRIPTIVE

    @property
    def by_likeness(self) -> bool:
        """Whether an effect leans on children being alike given the covariates, so that a cause
        nobody recorded may undo it; an instrument or a rule leans on something else.
        """
        return self.causal and self.kind not in {"compliers", "cutoff"}

    @property
    def tilted(self) -> bool:
        """Whether weights of the score make children of any arm stand for the target."""
        return self.kind not in ("incremental", *OWN_TARGETS, *DESCRIPTIVE, *PANEL_TARGETS)


@dataclass(frozen=True, slots=True)
class Term:
    """One number that is asked for.

    contrast: weights over arms, such as (("support", 1.0), ("none", -1.0)).
    horizon, exposure_time: in the time unit of the outcome, None where they do not apply.
    On scale `ratio` estimates hold the logarithm; results hold the ratio.
    """

    outcome: str
    contrast: Contrast
    target: Target
    summary: str = "mean"
    scale: str = "difference"
    horizon: float | None = None
    exposure_time: float | None = None
    subgroup: str | None = None

    @property
    def conditional(self) -> bool:
        """Whether the number is a coefficient given covariates, never pooled with marginal ones."""
        return self.target.kind == "conditional"

    def on(self, target: Target) -> Term:
        """Return the same term for another target."""
        return replace(self, target=target)

    def words(self) -> str:
        """Return the contrast in words: 'support v none'."""
        return contrast_words(self.contrast)

    def label(self) -> str:
        """Return the target's short name, with the horizon and the subgroup where there are any.

        >>> Term("y", pair("a", "b"), Target("ate"), horizon=12.0, subgroup="sex = girl").label()
        'ate, by 12, sex = girl'
        """
        by = "" if self.horizon is None else f"by {self.horizon:g}"
        since = "" if self.exposure_time is None else f"exposure {self.exposure_time:g}"
        return ", ".join(part for part in (self.target.label(), by, since, self.subgroup) if part)


def pair(first: str, second: str) -> Contrast:
    """Return the contrast of one arm with another."""
    return ((first, 1.0), (second, -1.0))


def contrast_words(contrast: Contrast) -> str:
    """Return a contrast in words.

    >>> contrast_words(pair("support", "none"))
    'support v none'
    """
    if len(contrast) == 1:
        return contrast[0][0]
    if len(contrast) == 2 and contrast[0][1] == 1.0 and contrast[1][1] == -1.0:
        return f"{contrast[0][0]} v {contrast[1][0]}"
    joined = " + ".join(f"{weight:g} × {arm}" for arm, weight in contrast)
    return joined.replace("+ -", "− ")


@dataclass(frozen=True, slots=True)
class Estimand:
    """The contrasts, targets and scale asked of every outcome; horizons, of outcomes of time.

    subgroups: columns of few values; every term is also asked of the children of each value.
    exposures: periods since provision began, of target `at_exposure`.
    """

    contrasts: tuple[Contrast, ...] = ()
    targets: tuple[Target, ...] = (Target("ate"),)
    scale: str = "difference"
    summary: str | None = None
    horizons: tuple[float, ...] = ()
    subgroups: tuple[str, ...] = ()
    exposures: tuple[float, ...] = ()

    def terms(self, outcome: str, summary: str) -> tuple[Term, ...]:
        """Return the terms of one outcome, in the order contrast × target × horizon."""
        return tuple(
            Term(outcome, contrast, target, self.summary or summary, self.scale, horizon, exposure)
            for contrast in self.contrasts
            for target in self.targets
            for horizon in self.horizons or (None,)
            for exposure in (self.exposures if target.kind == "at_exposure" else (None,))
        )
