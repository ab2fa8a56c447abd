"""The causal model of synthetic England, as frozen numbers.

Nodes: a measured social index Ls and a measured clinical index Lc, both with mean 0 and variance 1
and both exact linear functions of recorded covariates; a latent severity S with variance 1; a
school habit and a local authority habit of providing. S never points to unauthorised absence, and
the effect of provision on it is changed only by how soon and how much was provided.

Sources: the coefficients of the indices, of support in children born with a cleft and of the
outcomes are decisions of method that reproduce the published 1.22 (crude) and 0.86 (weighted) for
unauthorised absence (IJPDS 9(5):2572); national shares are those of the targets file. Everything
else is a choice, kept here so that it can be seen and changed.
"""

from __future__ import annotations

from dataclasses import dataclass

RATE, SCORE = "rate", "score"
BLUNT, MEANINGFUL = "blunt", "meaningful"


@dataclass(frozen=True, slots=True)
class OutcomeModel:
    """How one outcome depends on severity, the two indices and support.

    scale: `rate` (log rate of a count) or `score` (standard deviations). effect: ratio of means
    for a rate, difference for a score, of support against none when strength is as in Year 1 of
    the children provided for. base: log rate a year at S = Ls = Lc = 0 in children without a
    listed condition, or mean score. spread: variance of the gamma frailty (squared coefficient of
    variation) of a rate, or variance of what the model leaves unexplained in a score. elsewhere:
    added to the slope of Ls outside the cleft stratum.
    """

    name: str
    scale: str
    domain: str
    severity: float
    social: float
    clinical: float
    effect: float
    base: float
    spread: float
    elsewhere: float = 0.0


# What the indices and severity leave of a score's variance of 1: 1 − var(aS + bLs + cLc), with
# cov(S, Ls) = .15 and cov(S, Lc) = .45.
OUTCOMES: tuple[OutcomeModel, ...] = (
    OutcomeModel("unauthorised_absence", RATE, BLUNT, 0.0, 0.533, 0.0, 0.86, 0.90, 2.6, 0.20),
    OutcomeModel("unplanned_admissions", RATE, BLUNT, 0.22, 0.15, 0.20, 1.00, -3.47, 1.2),
    OutcomeModel("planned_admissions", RATE, BLUNT, 0.20, 0.0, 0.35, 1.00, -3.31, 1.2),
    OutcomeModel("medical_absence", RATE, BLUNT, 0.15, 0.10, 0.10, 0.98, 0.65, 0.8),
    OutcomeModel("ks1", SCORE, BLUNT, -0.40, -0.25, -0.10, 0.03, 0.0, 0.7015),
    OutcomeModel("ks2", SCORE, BLUNT, -0.40, -0.25, -0.10, 0.05, 0.0, 0.7015),
    OutcomeModel("participation", SCORE, MEANINGFUL, -0.30, -0.10, -0.05, 0.30, 0.0, 0.8720),
    OutcomeModel("wellbeing", SCORE, MEANINGFUL, -0.20, -0.15, 0.0, 0.25, 0.0, 0.9285),
)
# Counts and scores on which provision has no effect of its own; they fill in the records.
OTHER: tuple[OutcomeModel, ...] = (
    OutcomeModel("illness_absence", RATE, BLUNT, 0.08, 0.19, 0.10, 1.0, 2.08, 1.7),
    OutcomeModel("other_authorised_absence", RATE, BLUNT, 0.0, 0.10, 0.0, 1.0, 0.75, 2.0),
    OutcomeModel("eyfsp", SCORE, BLUNT, -0.45, -0.25, -0.10, 0.0, 0.0, 0.6457),
    OutcomeModel("phonics", SCORE, BLUNT, -0.45, -0.25, -0.10, 0.0, 0.0, 0.6457),
)
# How strongly an Education, Health and Care plan acts, against support of the same strength.
PLAN_STRENGTH = 1.5


@dataclass(frozen=True, slots=True)
class NeedModel:
    """Severity from the indices, and support from severity, the indices and habits.

    Support against none has log-odds intercept + severity·S + social·Ls + clinical·Lc + habits.
    cleft: the intercept in isolated cleft, which gives 31.6%. general: in all other children,
    before the shifts of their conditions. sex: added for boys and taken off for girls outside the
    cleft stratum. preterm: for each week short of 37, outside the cleft stratum. reform, later_era:
    added from the academic years 2015 and 2020, outside the cleft stratum. concern: how much
    larger the log-odds of a concern by Year 1 are than those of provision.
    """

    severity_on_social: float = 0.15
    severity_on_clinical: float = 0.45
    severity: float = 0.80
    social: float = 0.75
    clinical: float = 0.20
    cleft: float = -1.044
    general: float = -2.550
    sex: float = 0.35
    preterm: float = 0.22
    reform: float = -0.54
    later_era: float = 0.34
    concern: float = 1.0
    school_sd: float = 0.45
    la_sd: float = 0.141
    plan_la_sd: float = 1.38


@dataclass(frozen=True, slots=True)
class PlanModel:
    """An Education, Health and Care plan by Year 1, from a measured marker and little else.

    unmarked: the chance without a marker. marked: with one, in a mainstream school, shifted by the
    local authority's habit on the log-odds; in a special school every child has a plan, so that .6
    of marked children have one. neither: with a marker, neither plan nor support.
    listless: the chance of a marker without a listed condition at 37 weeks or more and Ls = 0;
    outside the cleft stratum its odds are multiplied by `boys` or `girls`, by exp(preterm × weeks
    short of 37) and by exp(social × Ls), up to a chance of `most`. missed: log rate ratio of
    sessions that a marked child misses through illness and with other leave, where no condition
    says more.
    """

    unmarked: float = 0.002
    marked: float = 0.475
    neither: float = 0.0075
    listless: float = 0.0029
    boys: float = 1.62
    girls: float = 0.40
    preterm: float = 0.40
    social: float = 1.10
    most: float = 0.97
    missed: float = 0.69


@dataclass(frozen=True, slots=True)
class LaterModel:
    """Starts, ends and plans after Year 1, which act on no outcome whose truth is printed.

    starts: added to the log-odds of support, a year from Year 2 to Year 6. ends: chance a year
    that support ends. plans: log-odds a year that support becomes a plan, at S = 0; with slope
    `severity` and `marker` added for a marked child. social: added to the log-odds of a later start
    for each unit of Ls, beside its part in need.
    """

    starts: tuple[float, ...] = (-0.10, -0.80, -1.05, -1.20, -1.35)
    social: float = 0.35
    ends: float = 0.19
    plans: float = -4.6
    severity: float = 0.8
    marker: float = 2.4


@dataclass(frozen=True, slots=True)
class StrengthModel:
    """How the strength of provision depends on its delay and its amount.

    Strength is a product of one number each for delay (terms from first concern), planned minutes a
    week and share delivered, divided by its mean, so that it has mean 1 among the provided.
    concern_terms: the chance that a first concern falls in each term, last the spring term of
    Year 1, first the autumn term in which the child is two. waits: for local authorities that are
    quick, middling and slow, the weights of a delay of 0, 1, … terms before those that would end
    after Year 1 spring are dropped.
    """

    concern_terms: tuple[float, ...] = (
        *(0.04, 0.05, 0.05, 0.07, 0.09, 0.10),
        *(0.17, 0.13, 0.09),
        *(0.16, 0.05),
    )
    waits: tuple[tuple[float, ...], ...] = (
        (0.30, 0.30, 0.16, 0.12, 0.06, 0.03, 0.03),
        (0.18, 0.24, 0.20, 0.16, 0.10, 0.07, 0.05),
        (0.10, 0.16, 0.18, 0.20, 0.14, 0.12, 0.10),
    )
    by_delay: tuple[float, ...] = (1.3, 1.3, 1.0, 0.6, 0.6, 0.6, 0.6)
    planned_minutes: tuple[int, ...] = (30, 60, 120)
    planned_share: tuple[float, ...] = (0.35, 0.40, 0.25)
    by_planned: tuple[float, ...] = (0.7, 1.0, 1.4)
    delivered: tuple[float, ...] = (0.6, 0.9)
    delivered_share: tuple[float, ...] = (0.4, 0.6)
    by_delivered: tuple[float, ...] = (0.8, 1.13)


@dataclass(frozen=True, slots=True)
class IndexModel:
    """The linear forms of the measured indices.

    Ls = (Σ social weight × covariate − centre) / scale, with covariates: log-odds of the area's
    child poverty score less `idaci_mean`, over `idaci_sd`; free school meals (0/1); mother's age
    in years; first language other than English (0/1); ethnicity by group.
    Lc = (Σ clinical weight × covariate − centre) / scale, with covariates: birth weight in
    kilograms, weeks of gestation, admissions before the fourth birthday (the birth not counted).
    clinical_centre, clinical_scale: by stratum (general, cleft, neurodisability). The numbers are
    means and standard deviations over children drawn (`benchmarks/england_truth.py --indices`).
    """

    idaci_mean: float = -1.70
    idaci_sd: float = 0.95
    idaci: float = 0.90
    fsm: float = 0.35
    mother_age: float = -0.025
    language: float = 0.08
    ethnicity: tuple[float, ...] = (0.0, 0.10, 0.0, 0.10, -0.15, 0.05, 0.05)
    social_centre: float = -0.643
    social_scale: float = 1.009
    birth_weight: float = -2.2
    gestation: float = 0.36
    early_admissions: float = 0.20
    clinical_centre: tuple[float, ...] = (6.8077, 7.2025, 6.9983)
    clinical_scale: tuple[float, ...] = (0.9727, 0.9713, 0.9864)


NEED = NeedModel()
PLAN = PlanModel()
LATER = LaterModel()
STRENGTH = StrengthModel()
INDEX = IndexModel()
GENERAL, CLEFT, NEURO = 0, 1, 2
NONE, SUPPORT, EHCP = 0, 1, 2
OPT_OUT = 0.058
# Children who never enter a state school, and who leave state schools, a year.
PRIVATE = 0.07
LEAVES = 0.008
MOVES = 0.035
# Children who repeat a year, once, from Year 3 on.
REPEATS = 0.003
