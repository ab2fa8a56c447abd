"""From judged terms to answers: who is refused, alone or with all; what does not end a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Observed
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew
from fingerpost.core.estimand import Estimand, Target, Term
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.model import Factor, Models, ModelTerm, linear
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Arms, Guard, OutcomeSpec, SensitivitySpec, Statement, Study
from fingerpost.release.clear import clear
from fingerpost.sensitivity import omitted_variable
from fingerpost.studies import plan
from fingerpost.studies.answering import Answered, analysis_of, answer_outcome
from fingerpost.studies.groups import trimmed
from fingerpost.studies.run import run
from suites.time_worlds import TimeWorld, asked
from suites.worlds import GIVEN, World, term
from units.studies.test_run import records_of, written

ATE = term("continuous", Target("ate"))


def study_of(cohort: Cohort, *terms: Term, estimators: tuple[str, ...], **more) -> Study:
    """Return a study that asks the terms' contrast, targets and scale of a world's cohort."""
    base = Study(
        "answering",
        "Does support help?",
        arms=Arms("arm", tuple((arm, arm) for arm in cohort.arms)),
        outcomes=(OutcomeSpec("y", "y", cohort.outcomes["y"].kind),),
        assignment=Observed(GIVEN, "school"),
        estimand=Estimand((terms[0].contrast,), tuple(t.target for t in terms), terms[0].scale),
        estimators=estimators,
    )
    return replace(base, **more)


def answered(study: Study, cohort: Cohort, *, with_tables: bool = False) -> Answered:
    own = Task(cohort, plan.asked(study, "y"), analysis_of(study))
    return answer_outcome(study, own, lambda words: None, with_tables=with_tables)


def of(found: Answered, leaf: str) -> Answer:
    (answer,) = [answer for answer in found.answers if answer.leaf == leaf]
    return answer


# -------------------- one leaf without an answer


def test_a_leaf_without_an_answer_is_refused_alone_and_others_keep_answer_and_warnings() -> None:
    cohort = World(n=900, schools=60, arms=2).draw(1)
    study = study_of(
        cohort,
        ATE,
        estimators=("ipw", "subclassification", "naive"),
        options=(("subclassification", (("strata", 300),)),),
        guard=Guard(warn_smd=-1.0),
    )
    found = answered(study, cohort)
    assert found.refusals == ()
    alone = of(found, "subclassification")
    assert alone.estimate is None
    (refusal,) = alone.refusals
    assert refusal.leaf == "subclassification" and refusal.terms == (ATE,)
    assert "Mend: fewer strata" in refusal.rules[0].words
    ipw = of(found, "ipw")
    assert ipw.refusals == () and np.isfinite(ipw.estimate.value).all()
    (warned,) = ipw.warnings
    assert warned[0] == ATE and "differs from the target" in warned[1]
    # The same leaf, asked alone, says the same.
    only = of(answered(replace(study, estimators=("ipw",)), cohort), "ipw")
    assert only.estimate.value == pytest.approx(ipw.estimate.value)
    assert only.warnings == ipw.warnings


def test_an_outcome_that_is_sometimes_negative_bars_the_ratio_of_regression_alone() -> None:
    cohort = World(n=900, schools=60, arms=2).draw(2)
    below = Outcome("continuous", cohort.outcomes["y"].value - 7.5)
    cohort = replace(cohort, outcomes={"y": below})
    assert below.value.min() < 0 < below.value.mean()
    ratio = term("continuous", Target("ate"), "ratio")
    study = study_of(cohort, ratio, estimators=("regression", "ipw", "aipw"))
    found = answered(study, cohort)
    assert found.refusals == ()
    (refusal,) = of(found, "regression").refusals
    assert refusal.leaf == "regression"
    assert "never negative" in refusal.rules[0].words
    assert [answer.leaf for answer in found.answers if answer.estimate] == ["ipw", "aipw"]


def test_where_a_mean_is_below_nought_no_leaf_has_a_ratio_and_the_target_is_not_refused() -> None:
    cohort = World(n=900, schools=60, arms=2).draw(2)
    below = Outcome("continuous", cohort.outcomes["y"].value - 30)
    cohort = replace(cohort, outcomes={"y": below})
    ratio = term("continuous", Target("ate"), "ratio")
    found = answered(study_of(cohort, ratio, estimators=("ipw", "g_formula")), cohort)
    assert found.refusals == ()
    for leaf in ("ipw", "g_formula"):
        (refusal,) = of(found, leaf).refusals
        assert "a ratio has no meaning" in refusal.rules[0].words


def test_released_the_refusal_stands_among_those_of_leaves(tmp_path: Path) -> None:
    study = written(tmp_path, World(n=900, schools=60, arms=2), targets="ate")
    study = replace(
        study,
        arms=Arms("arm", (("none", "none"), ("support", "support"))),
        estimators=("ipw", "subclassification"),
        options=(("subclassification", (("strata", 300),)),),
    )
    output = clear(run(study, records_of(study, tmp_path)))
    assert output.refusals == ()
    assert [refusal.leaf for refusal in output.leaf_refusals] == ["subclassification"]
    assert {result.estimator for result in output.results} == {"ipw"}


# -------------------- the target refused


def test_a_refused_target_is_answered_by_nobody_and_other_targets_are() -> None:
    cohort = World(n=900, schools=60, arms=2).draw(3)
    att = ATE.on(Target("att"))
    study = study_of(
        cohort, ATE, att, estimators=("naive", "ipw", "g_formula"), guard=Guard(refuse_outside=-1.0)
    )
    found = answered(
        replace(study, estimand=replace(study.estimand, targets=(ATE.target,))), cohort
    )
    assert [refusal.terms for refusal in found.refusals] == [(ATE,)]
    assert [answer.leaf for answer in found.answers if answer.estimate] == ["naive"]
    (beyond,) = [answer for answer in found.answers if answer.extrapolated]
    assert beyond.leaf == "g_formula" and beyond.estimate is None
    # A threshold between what was measured of the two targets refuses one alone.
    open_gate = replace(study, guard=Guard(refuse_smd=9.0))
    tables = answered(open_gate, cohort, with_tables=True).tables
    measured = {
        table.tag("target"): row["measured"]
        for table in tables
        if table.name == "guard"
        for row in table.records()
        if row["rule"] == "balance"
    }
    low, high = sorted(measured, key=measured.get)
    between = Guard(refuse_smd=(measured[low] + measured[high]) / 2)
    parted = answered(replace(study, guard=between), cohort)
    assert [refusal.terms[0].target.kind for refusal in parted.refusals] == [high]
    ipw = of(parted, "ipw").estimate
    assert [term.target.kind for term in ipw.terms] == [low]


# -------------------- what does not end a study


def test_a_sensitivity_analysis_without_an_answer_does_not_end_the_study(
    tmp_path: Path, monkeypatch
) -> None:
    study = written(tmp_path, World(n=900, schools=60, arms=2), targets="ate")
    study = replace(
        study,
        arms=Arms("arm", (("none", "none"), ("support", "support"))),
        estimators=("naive", "ipw"),
        sensitivity=(SensitivitySpec("omitted_variable"), SensitivitySpec("e_value")),
    )

    def too_few(told) -> Answer:
        raise TooFew("omitted_variable: y does not vary among the children studied.")

    name = next(n for n, v in vars(omitted_variable).items() if isinstance(v, Sensitivity))
    unable = replace(getattr(omitted_variable, name), run=too_few)
    monkeypatch.setattr(omitted_variable, name, unable)
    output = clear(run(study, records_of(study, tmp_path)))
    assert output.status == "answered"
    assert {result.estimator for result in output.results} == {"naive", "ipw"}
    unanswered, told = output.sensitivity
    assert (unanswered.leaf, unanswered.tables) == ("omitted_variable", ())
    (refusal,) = unanswered.refusals
    assert refusal.rules[0].words == "omitted_variable: y does not vary among the children studied."
    assert told.leaf == "e_value" and told.tables and not told.refusals


def test_another_sentence_changes_the_digest_and_no_number(tmp_path: Path) -> None:
    """Few clusters draw random signs: from the study's name and seed, not from its words."""
    study = written(tmp_path, World(n=400, schools=12, arms=2), targets="ate")
    study = replace(
        study,
        arms=Arms("arm", (("none", "none"), ("support", "support"))),
        estimators=("naive", "ipw", "aipw"),
    )
    records = records_of(study, tmp_path)
    thanks = replace(study, statement=Statement(funding="A charity paid."))
    other_seed = replace(study, seed=study.seed + 1)

    def intervals_of(one: Study) -> list[tuple[float, float]]:
        return [(r.lo, r.hi) for r in clear(run(one, records)).results]

    first = intervals_of(study)
    assert thanks.digest() != study.digest()
    assert intervals_of(thanks) == first
    drawn = [here != there for here, there in zip(first, intervals_of(other_seed), strict=True)]
    assert any(drawn), "no interval here is drawn, so the law above would hold of anything"


# -------------------- fewer covariates, fewer children


def test_leaving_a_covariate_out_takes_its_terms_out_of_the_models() -> None:
    cohort = World(n=900, schools=60, arms=2).draw(4)
    products = (*linear(GIVEN), ModelTerm((Factor("index"), Factor("boy"))))
    models = Models(products, products, by_arm=False, interactions=GIVEN)
    study = study_of(cohort, ATE, estimators=("aipw",), models=models)
    told = analysis_of(study, ("boy",))
    assert told.given == ("boy",)
    assert told.models.exposure == told.models.outcome == linear(("boy",))
    assert told.models.interactions == ("boy",)
    assert analysis_of(study).models == models


def test_trimming_keeps_who_could_have_had_any_arm_and_fits_afresh() -> None:
    """Trimmed and answered is what the kept children alone, untrimmed, would say."""
    from fingerpost.estimators._score import score

    cohort = World(n=1500, schools=60, arms=2).draw(5)
    cut = ATE.on(Target("ate", trim=0.25))
    study = study_of(cohort, ATE, cut, estimators=("aipw",))
    own = Task(cohort, (ATE, cut), analysis_of(study))
    kept = score(own).probability.min(axis=1) >= 0.25
    assert 0 < kept.sum() < cohort.n
    assert trimmed(own, 0.25).cohort.n == kept.sum()
    found = {one.estimate.terms[0]: one.estimate for one in answered(study, cohort).answers}
    alone = study_of(cohort, ATE, estimators=("aipw",))
    part = of(answered(alone, cohort.take(np.flatnonzero(kept))), "aipw").estimate
    assert found[cut].value == pytest.approx(part.value)
    assert standard_errors(found[cut]) == pytest.approx(standard_errors(part))
    assert found[ATE].value != pytest.approx(part.value)


def test_a_level_that_trimming_takes_away_is_no_covariate_of_who_stays() -> None:
    """Children of the far region all had a probability below the threshold."""
    cohort = World(n=1500, schools=60, arms=2).draw(5)
    index = np.asarray(cohort.covariates["index"].values)
    region = np.where(index > 1.2, 2, np.arange(cohort.n) % 2)
    far = np.random.default_rng(1).random(cohort.n) < 0.05
    arm = np.where(region == 2, far.astype(int), cohort.arm)
    columns = {**cohort.covariates, "region": Column(region, ("north", "south", "far"))}
    cohort = replace(cohort, arm=arm, covariates=columns)
    cut = ATE.on(Target("ate", trim=0.2))
    given = Observed((*GIVEN, "region"), "school")
    study = study_of(cohort, cut, estimators=("ipw",), assignment=given)
    found = answered(study, cohort, with_tables=True)
    assert found.refusals == ()
    answer = of(found, "ipw").estimate
    assert answer.n[0] < cohort.n and np.isfinite(answer.value).all()
    rows = next(table for table in found.tables if table.name == "balance").column("covariate")
    assert "region = north" in rows


# -------------------- weights of a leaf's own


def crowded(leaf: str, *others: str, **more) -> tuple[Study, Cohort]:
    """Return a study in which the tilting weights pass a rule that the leaf's own weights break:
    each child of the fewer arm may be matched once, and hardly anybody is left over.
    """
    cohort = World(n=900, schools=60, arms=2).draw(6)
    att = ATE.on(Target("att"))
    keep = np.flatnonzero((cohort.arm == 0) | (np.arange(cohort.n) % 10 < 7))
    study = study_of(cohort, att, estimators=(leaf, *others), **more)
    return study, cohort.take(keep)


def test_matches_that_are_far_bar_matching_alone() -> None:
    once = (("matching", (("replace", False),)),)
    study, cohort = crowded("matching", "ipw", options=once, guard=Guard(refuse_smd=0.05))
    found = answered(study, cohort, with_tables=True)
    assert found.refusals == ()
    alone = of(found, "matching")
    assert alone.estimate is None
    (refusal,) = alone.refusals
    assert refusal.leaf == "matching" and [rule.rule for rule in refusal.rules] == ["balance"]
    assert "Ask for closer matches" in refusal.mend
    judged = next(table for table in alone.tables if table.name == "own_guard")
    assert judged.tag("estimator") == "matching" and "refuse" in judged.column("verdict")
    assert of(found, "ipw").estimate is not None and of(found, "ipw").refusals == ()


def test_balancing_weights_that_rest_on_one_child_bar_balancing_alone() -> None:
    """A threshold between the largest shares of the two leaves' weights parts them."""
    study, cohort = crowded("entropy_balancing", "ipw")
    found = answered(study, cohort, with_tables=True)

    def largest(tables, name: str) -> float:
        (guarded,) = (table for table in tables if table.name == name)
        return max(r["measured"] for r in guarded.records() if r["rule"] == "largest child")

    own = largest(of(found, "entropy_balancing").tables, "own_guard")
    tilted = largest(found.tables, "guard")
    assert own > tilted * 1.001
    between = Guard(refuse_child_share=(own + tilted) / 2)
    parted = answered(replace(study, guard=between), cohort)
    assert parted.refusals == ()
    (refusal,) = of(parted, "entropy_balancing").refusals
    assert refusal.leaf == "entropy_balancing"
    assert [rule.rule for rule in refusal.rules] == ["largest child"]
    assert of(parted, "entropy_balancing").estimate is None
    assert of(parted, "ipw").estimate is not None


def test_what_is_near_a_rule_on_own_weights_is_a_warning_of_that_leaf() -> None:
    once = (("matching", (("replace", False),)),)
    wary = Guard(warn_smd=0.05, refuse_smd=0.9)
    study, cohort = crowded("matching", "ipw", options=once, guard=wary)
    found = answered(study, cohort)
    told = [words for _, words in of(found, "matching").warnings]
    assert any("after weighting" in words for words in told)
    assert not [words for _, words in of(found, "ipw").warnings if "after weighting" in words]


def test_few_who_stayed_and_stand_for_many_who_left_bar_the_weighted_curve_alone() -> None:
    """The score is mild, and leaving is not: only weights for leaving rest on one child."""
    cohort = TimeWorld(n=600, schools=60, leaving="telling").draw(6)
    told = asked(Target("ate"))
    weighed = Models(censoring=linear(GIVEN))

    def ask(guard: Guard, **more) -> Answered:
        study = study_of(cohort, told, estimators=("survival",), guard=guard, **more)
        study = replace(study, models=weighed)
        own = Task(cohort, (told,), analysis_of(study))
        return answer_outcome(study, own, lambda words: None)

    def largest(tables, name: str) -> float:
        (guarded,) = (table for table in tables if table.name == name)
        return max(r["measured"] for r in guarded.records() if r["rule"] == "largest child")

    found = ask(Guard())
    own = largest(of(found, "survival").tables, "own_guard")
    assert own > 1.5 * largest(found.tables, "guard")
    parted = ask(Guard(refuse_child_share=0.9 * own))
    assert parted.refusals == () and of(parted, "survival").estimate is None
    (refusal,) = of(parted, "survival").refusals
    assert {rule.rule for rule in refusal.rules} == {"largest child"}
    by_hazards = ask(
        Guard(refuse_child_share=0.9 * own), options=(("survival", (("by", "g_formula"),)),)
    )
    assert of(by_hazards, "survival").estimate is not None


def test_a_leafs_own_warnings_are_kept_beside_those_of_the_guard_rails() -> None:
    """Most children are of schools of one arm: the leaf says so itself."""
    cohort = World(n=900, schools=60, arms=2).draw(7)
    school = cohort.clusters["school"]
    cohort = replace(cohort, arm=np.where(school % 4 > 0, school % 2, cohort.arm))
    study = study_of(cohort, ATE, estimators=("within", "ipw"))
    within = of(answered(study, cohort), "within")
    assert any("fewer than half of the children" in words for _, words in within.warnings)


# -------------------- children whose outcome was not seen


def test_a_leaf_without_a_use_for_who_was_seen_gets_the_seen_alone_and_says_so() -> None:
    from fingerpost.studies.answering import SEEN_ONLY

    cohort = World(n=1500, schools=60, arms=2).draw(8)
    seen = np.random.default_rng(8).random(cohort.n) < 0.7
    whole = cohort.outcomes["y"]
    hidden = replace(whole, value=np.where(seen, whole.value, np.nan), observed=seen)
    models = Models(censoring=linear(GIVEN))
    study = study_of(cohort, ATE, estimators=("regression", "ipw"), models=models)
    found = answered(study, replace(cohort, outcomes={"y": hidden}))
    regression, ipw = of(found, "regression"), of(found, "ipw")
    assert regression.estimate.n[0] == seen.sum()
    assert SEEN_ONLY.format(leaf="regression") in [words for _, words in regression.warnings]
    assert SEEN_ONLY.format(leaf="ipw") not in [words for _, words in ipw.warnings]
    # The seen alone, without a model of who was seen, give the same coefficient.
    part = cohort.take(np.flatnonzero(seen))
    plain = replace(study, estimators=("regression",), models=Models())
    alone = of(answered(plain, part), "regression")
    assert regression.estimate.value == pytest.approx(alone.estimate.value)
    assert SEEN_ONLY not in [words for _, words in alone.warnings]
    # For the other, those not seen are stood for: it is not the answer on the seen.
    left = of(answered(replace(plain, estimators=("ipw",)), part), "ipw")
    assert ipw.estimate.value != pytest.approx(left.estimate.value, rel=1e-6)


def test_a_leaf_with_weights_of_its_own_is_judged_on_the_seen_alone() -> None:
    cohort = World(n=1500, schools=60, arms=2).draw(8)
    seen = np.random.default_rng(8).random(cohort.n) < 0.7
    whole = cohort.outcomes["y"]
    hidden = replace(whole, value=np.where(seen, whole.value, np.nan), observed=seen)
    att, models = ATE.on(Target("att")), Models(censoring=linear(GIVEN))
    study = study_of(cohort, att, estimators=("matching",), models=models)
    matching = of(answered(study, replace(cohort, outcomes={"y": hidden})), "matching")
    part = cohort.take(np.flatnonzero(seen))
    alone = of(answered(replace(study, models=Models()), part), "matching")
    assert matching.estimate.value == pytest.approx(alone.estimate.value)
    assert any(table.name == "own_balance" for table in matching.tables)
