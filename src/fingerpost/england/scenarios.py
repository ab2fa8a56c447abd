"""The scenarios: the same England with one thing changed, each as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.england.model import BLUNT, MEANINGFUL, OutcomeModel


@dataclass(frozen=True, slots=True)
class Scenario:
    """What differs from the model as written.

    severity, social, clinical: what the slopes of provision are multiplied by. need_recorded: for
    whom functional need is recorded: `concern` (whenever one is raised, provided for or not), `all`
    (every child in Reception besides) or `provided` (only those provided for). month: added to the
    log-odds of provision for each month a child is younger in the school year, in all strata.
    month_on_scores: added to scores for each such month, which breaks month of birth as an
    instrument. wave: added to the log-odds of provision in authorities whose wave has begun.
    blunt, meaningful: what effects of provision are multiplied by on measures of that domain (on
    the log scale for ratios). habit_on_scores: the slope of scores on the school's habit of
    providing, which breaks it as an instrument. late: what the strength of provision begun after
    Year 1 spring is multiplied by; 0 makes the years up to then the only ones that count.
    """

    name: str
    words: str
    severity: float = 1.0
    social: float = 1.0
    clinical: float = 1.0
    need_recorded: str = "concern"
    month: float = 0.0
    month_on_scores: float = 0.0
    wave: float = 0.0
    blunt: float = 1.0
    meaningful: float = 1.0
    habit_on_scores: float = 0.0
    late: float = 0.0

    def times(self, outcome: OutcomeModel) -> float:
        """Return what the outcome's effect is multiplied by."""
        return {BLUNT: self.blunt, MEANINGFUL: self.meaningful}[outcome.domain]


HIDDEN = Scenario(
    "hidden_severity",
    "Severity drives provision and outcomes and is seen by nobody but those who raise a concern.",
)
SCENARIOS: tuple[Scenario, ...] = (
    HIDDEN,
    replace(
        HIDDEN,
        name="no_confounding",
        words="Provision depends on the habits of schools and authorities alone.",
        severity=0.0,
        social=0.0,
        clinical=0.0,
    ),
    replace(
        HIDDEN,
        name="universal_need",
        words="Functional need is recorded for every child in Reception.",
        need_recorded="all",
    ),
    replace(
        HIDDEN,
        name="concern_only_need",
        words="Functional need is recorded whenever a concern is raised, provided for or not.",
    ),
    replace(
        HIDDEN,
        name="provided_only_need",
        words="Functional need is recorded only for children provided for.",
        need_recorded="provided",
    ),
    replace(
        HIDDEN,
        name="policy_schedule",
        words="Authorities begin a policy of earlier provision in four waves, in no random order.",
        wave=0.8,
    ),
    replace(
        HIDDEN,
        name="weak_overlap",
        words="Severity and disadvantage all but decide who is provided for.",
        severity=2.2,
        social=2.2,
        clinical=2.2,
    ),
    replace(
        HIDDEN,
        name="month_of_birth",
        words="The youngest in a year are provided for more, and score lower for their age.",
        month=0.08,
        month_on_scores=-0.035,
    ),
    replace(
        HIDDEN,
        name="blunt_only",
        words="Provision acts on absence, admissions and attainment alone.",
        meaningful=0.0,
    ),
    replace(
        HIDDEN,
        name="meaningful_only",
        words="Provision acts on participation and wellbeing alone.",
        blunt=0.0,
    ),
    replace(HIDDEN, name="no_effect", words="Provision does nothing.", blunt=0.0, meaningful=0.0),
    replace(HIDDEN, name="harm", words="Provision harms.", blunt=-1.0, meaningful=-1.0),
    replace(
        HIDDEN,
        name="never_too_late",
        words="Provision acts whenever it begins, less after Year 1.",
        late=0.7,
    ),
    replace(
        HIDDEN,
        name="habits_matter",
        words="Schools that provide more also teach better.",
        habit_on_scores=0.2,
    ),
)
DEFAULT = HIDDEN.name


def scenario(name: str) -> Scenario:
    """Return a scenario by name; UsageError where there is none.

    >>> scenario("no_effect").blunt
    0.0
    """
    names = [each.name for each in SCENARIOS]
    if name not in names:
        raise UsageError(f'No scenario "{name}".{nearest(name, names)} Scenarios: {listed(names)}.')
    return SCENARIOS[names.index(name)]
