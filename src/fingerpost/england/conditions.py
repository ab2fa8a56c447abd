"""The health conditions that children of synthetic England are born with or come to have, as data.

Codes are ICD-10 without dots. Shares of live births are those of the published descriptions (see
the targets file); a share of 0 means that the condition comes only with another.
"""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.england.model import CLEFT, GENERAL, NEURO

YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: how common, how it is recorded, what it shifts.

    share: of live births. codes, weights: diagnoses that stand for it and how common each is.
    born: recorded on the birth episode; else on an admission at an age between ages (years).
    stratum: general, cleft or neurodisability. support: added to the log-odds of support. marker:
    the chance of a measured marker of need for a plan. special: the chance that a marked child
    begins in a special school. admissions: log rate ratios of unplanned and planned admissions.
    early: mean of further admissions before age four. deaths: chance of death before five.
    scores: added to attainment scores. unassessed: added to the log-odds of not being assessed.
    boys: share of boys among children with it. missed: log rate ratio of sessions missed through
    illness and with other leave.
    """

    name: str
    share: float
    codes: tuple[str, ...]
    weights: tuple[float, ...]
    born: bool = True
    ages: tuple[float, float] = (0.0, 0.0)
    stratum: int = GENERAL
    support: float = 0.0
    marker: float = 0.0
    special: float = 0.0
    admissions: tuple[float, float] = (0.0, 0.0)
    early: float = 0.0
    deaths: float = 0.0
    scores: float = 0.0
    unassessed: float = 0.0
    boys: float = 0.513
    missed: float = 0.0


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "cleft",
        0.00143,
        ("Q351", "Q353", "Q359", "Q360", "Q369", "Q371", "Q374", "Q379"),
        (0.20, 0.14, 0.10, 0.04, 0.20, 0.17, 0.10, 0.05),
        stratum=CLEFT,
        marker=0.02,
        special=0.10,
        early=2.0,
        deaths=0.006,
        admissions=(0.10, 1.1),
    ),
    Condition(
        "down_syndrome",
        0.0011,
        ("Q900", "Q909"),
        (0.2, 0.8),
        stratum=NEURO,
        support=2.5,
        marker=0.93,
        special=0.30,
        admissions=(1.5, 2.0),
        early=1.5,
        deaths=0.062,
        scores=-1.6,
        unassessed=3.4,
        missed=0.75,
    ),
    Condition(
        "spina_bifida",
        0.0003,
        ("Q051", "Q052", "Q057", "Q059"),
        (0.2, 0.2, 0.3, 0.3),
        stratum=NEURO,
        support=1.6,
        marker=0.45,
        special=0.25,
        admissions=(1.5, 1.9),
        early=1.5,
        deaths=0.08,
        scores=-0.5,
        unassessed=1.8,
        missed=0.75,
    ),
    Condition(
        "congenital_heart_disease",
        0.0085,
        ("Q210", "Q211", "Q213", "Q221", "Q231", "Q251"),
        (0.45, 0.20, 0.08, 0.12, 0.08, 0.07),
        support=0.70,
        marker=0.05,
        special=0.15,
        admissions=(0.6, 0.8),
        early=0.9,
        deaths=0.045,
        scores=-0.20,
        unassessed=1.3,
        missed=0.15,
    ),
    Condition(
        "other_anomaly",
        0.0245,
        ("Q620", "Q423", "Q665", "Q690", "Q700", "Q793", "Q431", "Q120", "Q030"),
        (0.30, 0.03, 0.12, 0.16, 0.15, 0.06, 0.05, 0.07, 0.06),
        support=0.70,
        marker=0.06,
        special=0.15,
        admissions=(0.5, 0.8),
        early=0.6,
        deaths=0.045,
        scores=-0.20,
        unassessed=1.3,
        missed=0.15,
    ),
    Condition(
        "cerebral_palsy",
        0.00105,
        ("G800", "G801", "G802", "G808", "G809"),
        (0.18, 0.24, 0.25, 0.13, 0.20),
        born=False,
        ages=(0.7, 3.9),
        stratum=NEURO,
        support=2.1,
        marker=0.88,
        special=0.30,
        admissions=(1.6, 2.1),
        early=1.2,
        deaths=0.03,
        scores=-1.0,
        unassessed=2.8,
        boys=0.56,
        missed=0.75,
    ),
    Condition(
        "epilepsy",
        0.0048,
        ("G400", "G403", "G406", "G409"),
        (0.15, 0.30, 0.10, 0.45),
        born=False,
        ages=(0.4, 8.0),
        stratum=NEURO,
        support=1.8,
        marker=0.25,
        special=0.35,
        admissions=(1.8, 2.0),
        early=0.6,
        deaths=0.01,
        scores=-0.5,
        unassessed=2.1,
        boys=0.53,
        missed=0.75,
    ),
    Condition(
        "autism",
        0.0070,
        ("F840", "F845", "F849"),
        (0.60, 0.15, 0.25),
        born=False,
        ages=(2.2, 10.8),
        stratum=NEURO,
        support=2.4,
        marker=0.20,
        special=0.30,
        admissions=(1.6, 2.0),
        early=0.3,
        scores=-0.5,
        unassessed=2.2,
        boys=0.78,
        missed=0.75,
    ),
    Condition(
        "developmental_disorder",
        0.0132,
        ("F801", "F809", "F82", "F83", "F88"),
        (0.22, 0.40, 0.10, 0.20, 0.08),
        born=False,
        ages=(1.4, 4.8),
        stratum=NEURO,
        support=2.1,
        marker=0.20,
        special=0.25,
        admissions=(1.6, 2.0),
        early=0.5,
        scores=-0.6,
        unassessed=2.1,
        boys=0.68,
        missed=0.75,
    ),
    Condition(
        "adhd",
        0.0032,
        ("F900", "F901", "F909"),
        (0.70, 0.15, 0.15),
        born=False,
        ages=(5.2, 10.9),
        stratum=NEURO,
        support=2.0,
        admissions=(0.9, 1.0),
        scores=-0.4,
        unassessed=0.6,
        boys=0.78,
        missed=0.3,
    ),
    Condition(
        "learning_disability",
        0.0045,
        ("F700", "F710", "F729", "F789", "F799"),
        (0.25, 0.20, 0.15, 0.10, 0.30),
        born=False,
        ages=(2.4, 10.2),
        stratum=NEURO,
        support=2.5,
        marker=0.4,
        special=0.40,
        admissions=(1.7, 2.1),
        early=0.6,
        deaths=0.01,
        scores=-1.0,
        unassessed=2.8,
        boys=0.62,
        missed=0.75,
    ),
)
NAMES = tuple(condition.name for condition in CONDITIONS)
# A diagnosis of these recorded before Year 1 spring is itself a marker of need for a plan.
MARKING = ("autism", "learning_disability")
SPECIAL_ELSE = 0.12
