"""The truth beside the answers: only of a synthetic England, of terms whose truth is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cli._truth import Told, Untold, amounts, arm_of, value_of
from fingerpost.cli._truth_access import with_gaps
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.finding import Finding, Whom
from fingerpost.core.linked import Dose, Linked, Strategy, TimeZero
from fingerpost.core.output import Output
from fingerpost.core.study import Study
from fingerpost.england import reveal
from fingerpost.england.build import Options, build
from fingerpost.england.model import STRENGTH
from fingerpost.records.store import open_store
from fingerpost.studies.document import read_study
from units.reports.fixtures import clean


@pytest.mark.parametrize(
    ("strategy", "arm"),
    [
        (Strategy("", ("none",)), "none"),
        (Strategy("", ("support",)), "support"),
        (Strategy("", ("ehcp", "special")), "ehcp"),
        (Strategy("", ("support", "ehcp", "special")), None),
        (Strategy("", ("support",), within=1), None),
        (Strategy("", ("support",), dose=(Dose("minutes_a_week", "below", 60),)), None),
    ],
)
def test_only_the_arms_of_england_have_sealed_outcomes(strategy, arm):
    assert arm_of(strategy) == arm


def test_delays_and_minutes_are_those_that_a_strategy_allows():
    late = amounts(Strategy("", ("support",), after=3))
    assert late.delays == tuple(range(3, len(STRENGTH.by_delay)))
    assert late.minutes == STRENGTH.planned_minutes
    much = amounts(Strategy("", ("support",), dose=(Dose("minutes_a_week", "at_least", 60),)))
    assert much.minutes == tuple(n for n in STRENGTH.planned_minutes if n >= 60)
    assert amounts(Strategy("", ("support",), dose=(Dose("planned_weeks", "below", 5),))) is None
    assert amounts(Strategy("", ("support",), after=50)) is None


# ------------------------------------------------------------- of the children of one England
SMALL = Options(children=2_000, seed=4)


@pytest.fixture(scope="module")
def england(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("england") / "small"
    build(folder, SMALL)
    return folder


def told(folder: Path, linked: Linked, whom: dict[Term, Whom], members: np.ndarray) -> Told:
    finding = replace(Finding(Study("s", "?"), ()), members=members.astype(str), whom=whom)
    sealed = reveal.sealed(folder, [int(one) for one in members])
    return Told(finding, linked, open_store(folder), SMALL.scenario, sealed, {})


def asked(outcome: str, contrast: tuple[str, str], kind: str = "ate", scale: str = "ratio") -> Term:
    return Term(outcome, pair(*contrast), Target(kind), scale=scale)


NONE, SUPPORT = Strategy("", ("none",)), Strategy("", ("support",))
MEMBERS = np.arange(1, 2_001)


def test_each_child_counts_as_the_target_counts_it(england):
    linked = Linked(strategies=(("none", NONE), ("support", SUPPORT)))
    term = asked("unauthorised_absence", ("support", "none"), "overlap")
    weight = np.random.default_rng(1).random(900)
    whom = {term: Whom(np.arange(100, 1_000), weight)}
    own = told(england, linked, whom, MEMBERS)
    means = own.sealed.means("unauthorised_absence")[100:1_000]
    wanted = (weight @ means[:, 1]) / (weight @ means[:, 0])
    assert value_of(own, term) == pytest.approx(wanted)
    with pytest.raises(Untold, match="no weights could be fitted"):
        value_of(own, asked("medical_absence", ("support", "none"), "overlap"))
    ate = asked("unauthorised_absence", ("support", "none"), scale="difference")
    every = own.sealed.means("unauthorised_absence").mean(axis=0)
    assert value_of(own, ate) == pytest.approx(every[1] - every[0])
    with pytest.raises(Untold, match="standardised scores"):
        value_of(own, asked("ks2_maths", ("support", "none")))


def test_any_provision_lies_between_its_kinds(england):
    some = Strategy("", ("support", "ehcp", "special"))
    linked = Linked(strategies=(("none", NONE), ("any", some)))
    own = told(england, linked, {}, MEMBERS)
    value = value_of(own, asked("unauthorised_absence", ("any", "none")))
    means = own.sealed.means("unauthorised_absence").mean(axis=0)
    assert means[2] / means[0] < value < means[1] / means[0]
    persistent = value_of(own, asked("persistent_absence", ("any", "none"), scale="difference"))
    assert -0.05 < persistent <= 0.0
    with pytest.raises(Untold, match="no mean of it"):
        value_of(own, asked("exclusions", ("any", "none")))


def test_support_begun_after_year_1_does_nothing_here(england):
    linked = Linked(
        strategies=(("none", NONE), ("support", SUPPORT)), zero=TimeZero(1, "spring", 4)
    )
    rows = np.arange(500)
    for year, effect in ((1, True), (2, False), (4, False)):
        term = asked("unauthorised_absence", ("support", "none"), "att")
        whom = {term: Whom(rows, np.ones(500), np.full(500, year))}
        value = value_of(told(england, linked, whom, MEMBERS), term)
        assert (value < 0.95) if effect else (value == 1.0)
    later = told(england, linked, whom, MEMBERS)
    with pytest.raises(Untold, match="begun later acts too"):
        value_of(replace(later, scenario="never_too_late"), term)


def test_sustained_support_is_support_by_year_1_and_grace_is_a_mixture(england):
    kept = replace(SUPPORT, through=3, begins=1)
    linked = Linked(strategies=(("never", replace(NONE, through=3)), ("kept", kept)))
    copies = np.concatenate([MEMBERS, MEMBERS])
    own = told(england, linked, {}, copies)
    means = own.sealed.means("unauthorised_absence")[:2_000].mean(axis=0)
    term = asked("unauthorised_absence", ("kept", "never"))
    assert value_of(own, term) == pytest.approx(means[1] / means[0])
    waiting = replace(linked, strategies=(*linked.strategies[:1], ("kept", replace(kept, grace=1))))
    with pytest.raises(Untold, match="grace"):
        value_of(replace(own, linked=waiting), term)


# ------------------------------------------------------------- of who gets provision
EQUITY = Path(__file__).resolve().parents[3] / "examples" / "hope" / "equity.yaml"


def gaps_told(folder: Path, given: tuple[str, ...]) -> Output:
    """Return an output with two gaps of boys and girls, and the planted ones beside them."""
    study = read_study(EQUITY)
    study = replace(study, assignment=replace(study.assignment, given=given))
    terms = [asked("provision", ("boys", "girls"), kind) for kind in ("association", "equal_need")]
    one = clean().results[0]
    output = replace(clean(), results=tuple(replace(one, term=term) for term in terms))
    finding = replace(Finding(study, ()), members=MEMBERS.astype(str))
    return with_gaps(output, finding, open_store(folder))


def test_planted_gaps_are_of_studies_that_take_account_of_recorded_conditions(england):
    output = gaps_told(england, read_study(EQUITY).given)
    (_, observed), (_, at_need) = output.truth
    planted = reveal.planted(england, MEMBERS)
    assert observed == planted.observed("sex", ("M", "F"))
    assert at_need == planted.gap("sex", ("M", "F")) > 0
    fewer = gaps_told(england, ("sex", "fsm", "chronic_condition"))
    assert [term.target.kind for term, _ in fewer.truth] == ["association"]
    what, why = fewer.untold[0]
    assert what == "gaps at equal need"
    assert "neurodevelopmental and eyfsp_emerging" in why and "chronic" not in why
