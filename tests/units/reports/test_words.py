"""Sentences: they follow the numbers of one study, and never say more than these."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.assignment import Randomised
from fingerpost.core.estimand import Estimand, Target, Term, pair
from fingerpost.core.output import Output, Result, SensitivityResult
from fingerpost.core.rollout import Rollout
from fingerpost.plots.numbers import number
from fingerpost.reports.controls import sensitivity_tables
from fingerpost.reports.phrases import effect, judgement, ratio_interval, unit_of
from fingerpost.reports.refusals import refusals
from fingerpost.reports.words import answer, answers, certainty, limitations, reasons
from units.reports.fixtures import (
    ATE,
    ATT,
    OUTPUTS,
    TRAP,
    Shape,
    bare,
    clean,
    few_schools,
    found_of,
    leaf_refused,
    named,
    ratio,
    refused,
    regions,
    result,
    three_arms,
    two_outcomes,
)


def everything(output: Output) -> str:
    return " ".join((answer(output), certainty(output), *limitations(output), *refusals(output)))


def with_measure(output: Output, **more: object) -> Output:
    """The same output whose one outcome is measured otherwise."""
    spec = output.study.outcomes[0]
    measure = replace(spec.measure, **more)  # type: ignore[arg-type]
    return replace(output, study=replace(output.study, outcomes=(replace(spec, measure=measure),)))


def lower(value: float) -> str:
    """A difference below nothing as sentences tell it."""
    return number(abs(value), 2)


# ---------------------------------------------------------------------------- the answer
def test_a_refusal_comes_before_any_answer():
    output = refused()
    told, att = answer(output), found_of(output, "ipw", "att")
    assert told.startswith("We cannot tell how maths differs between services and none")
    refusal = told[: told.index(lower(att.value))]
    assert "for all children of the study" in refusal
    assert "for the children who received services, the answer is" in refusal.lower()


def test_the_plainest_reason_is_told_with_what_was_measured():
    (refusal,) = refused().refusals
    (share,) = [rule for rule in refusal.rules if rule.rule == "largest child"]
    told = answer(refused())
    words = f"one child carries {100 * share.measured:.1f}% of the weight of arm services"
    assert f"{words}, and {len(refusal.rules) - 1} other rule" in told


def test_every_broken_rule_is_told_with_its_limit():
    (told,) = refusals(refused())
    assert "(refused above 10%)" in told
    assert "(refused below 30)" in told
    assert "(refused above 0.25)" in told
    assert told.endswith("Ask about children who received services (att), about overlap, or trim.")


def test_what_a_refused_target_would_give_is_nowhere():
    output = refused()
    beyond = tuple(replace(one, value=-98.765) for one in output.extrapolations)
    assert beyond
    assert "98.7" not in everything(replace(output, extrapolations=beyond))


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_interval_that_holds_zero_is_never_called_no_effect(name):
    told = everything(OUTPUTS[name]()).lower()
    assert "no effect" not in told
    assert "not significant" not in told


def test_an_interval_that_holds_zero_is_told_by_its_ends():
    term = Term("maths", pair("services", "none"), ATT)
    told = judgement(refused().study, result(term, "ipw", 0.5, 1.0))
    assert "compatible with anything from 1.46 IRT points lower to 2.46 IRT points higher" in told


@pytest.mark.parametrize(
    ("better", "value", "word"),
    [
        ("higher", -5.0, "a harm"),
        ("higher", 5.0, "an improvement"),
        ("lower", -5.0, "an improvement"),
        ("lower", 5.0, "a harm"),
    ],
)
def test_good_and_harm_follow_what_people_chose(better, value, word):
    output = with_measure(refused(), better=better)
    term = Term("maths", pair("services", "none"), ATT)
    assert word in judgement(output.study, result(term, "ipw", value, 0.5))


def test_shares_of_a_roll_out_differ_in_percentage_points():
    term = Term("moved", pair("services", "none"), ATT, summary="risk")
    study = refused().study
    assert unit_of(study, term).words == "per 100 children"
    assert unit_of(replace(study, rollout=Rollout()), term).words == "percentage points"


def test_where_nobody_chose_there_is_neither_good_nor_harm():
    for made in (refused(), three_arms()):
        told = everything(with_measure(made, better=""))
        assert "harm" not in told
        assert "improvement" not in told
    assert "so this is a harm" in everything(three_arms())


def test_flipping_the_sign_flips_the_words():
    term = Term("maths", pair("services", "none"), ATT)
    study = refused().study
    down, up = (effect(study, result(term, "ipw", value, 1.0)) for value in (-5.0, 5.0))
    assert down.replace("lower", "higher") == up


def test_risks_are_told_per_hundred_children():
    output = clean()
    first, told = found_of(output, "ipw", "att"), answer(output)
    size, near, far = (lower(100 * end) for end in (first.value, first.hi, first.lo))
    assert f"{size} per 100 children lower under plan than under usual" in told
    assert f"{near} to {far} lower" in told


def test_a_difference_that_matters_is_compared_with_the_interval():
    output = clean()
    first = found_of(output, "ipw", "att")
    assert first.lo < -0.05 < first.hi
    assert "holds the smallest difference that matters (5.00 per 100 children)" in answer(output)
    above = with_measure(output, important=10.0)
    assert "below the smallest difference that matters" in answer(above)


def test_ratios_are_told_as_ratios():
    output = ratio()
    first, told = found_of(output, "ipw", "ate"), answer(output)
    share = number(100 * (first.value - 1))
    size = f"{number(first.value)} times as high ({share}% higher) under support as under none"
    assert size in told
    assert f"95% interval {number(first.lo)} to {number(first.hi)}" in told
    ranged = replace(first, interval="sensitivity range over spines: normal")
    assert ratio_interval(ranged) == ratio_interval(first).replace(
        "95% interval", "sensitivity range"
    )


def test_every_contrast_and_outcome_has_its_own_paragraph():
    assert len(answers(three_arms())) == 3
    told = answers(two_outcomes())
    assert [("reading is" in one, "days present is" in one) for one in told] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]
    assert "under plan than under none" in told[1]


def test_no_interval_is_said_to_be_none():
    assert "no interval is justified" in answer(few_schools())
    assert "2 estimates of 2 has no interval" not in " ".join(limitations(few_schools()))
    assert "2 of 2 estimates have no interval" in " ".join(limitations(few_schools()))


def test_sets_are_told_as_sets():
    assert "(−∞, −2.10] ∪ [3.40, ∞)" in answer(regions())
    assert "anything up to 4" in answer(regions())


def test_the_first_primary_leaf_of_the_study_gives_the_answer():
    output = refused()
    swapped = replace(output, study=replace(output.study, primary=("aipw", "ipw")))
    assert "by ipw" in answer(output)
    assert "by aipw" in answer(swapped)


def test_a_leaf_that_is_not_primary_is_not_the_answer():
    term = Term("maths", pair("services", "none"), ATE)
    plain = Result("g_formula", term, 9.9, 1.0, 7.9, 11.9, 0.95, "normal")
    output = refused(results=(plain, *refused().results), refusals=())
    assert "9.9" not in answer(output)


def test_trimmed_targets_say_whom_they_keep():
    term = Term("maths", pair("services", "none"), Target("att", trim=0.01))
    shown = answer(refused(results=(result(term, "ipw", 1.0, 0.1, primary=True),), refusals=()))
    kept = "of those whose every arm has a probability of 0.01 or more"
    assert f"the children who received services, {kept}" in shown


def test_an_output_without_answers_says_so():
    assert answer(bare()) == "No leaf of this study gives a causal answer."


# ---------------------------------------------------------- leaves that have no answer
def test_a_leaf_without_an_answer_refuses_no_target():
    output = leaf_refused()
    assert output.leaf_refusals and not output.refusals
    told = answer(output)
    assert "We cannot tell" not in told
    assert "by ipw" in told
    empty = output.leaf_refusals[0].rules[0].words.removeprefix("subclassification: ")
    (bullet,) = [text for text in reasons(output) if text.startswith("Subclassification has no")]
    assert empty[:40] in bullet
    whom = "the children whose arm was in doubt (overlap weights) and the children who received"
    assert whom in bullet


def test_a_leaf_without_an_answer_hides_no_warning_of_others():
    output = leaf_refused()
    warned = [
        row["words"]
        for t in named(output, "guard")
        for row in t.records()
        if row["verdict"] == "warn"
    ]
    assert warned
    assert [words for words in warned if words not in certainty(output)] == []


def test_a_question_that_no_leaf_answers_is_said_to_have_none_and_is_not_refused():
    output = leaf_refused()
    told = answer(replace(output, results=(), agreements=()))
    assert told.startswith("No leaf of this study has an answer to how maths differs")
    assert "We cannot tell" not in told
    kept = tuple(r for r in output.results if r.term.target == ATT)
    half = answer(replace(output, results=kept))
    assert half.startswith("For the children who received services, maths is")
    assert "no leaf of this study has an answer" in half.lower()
    assert half.index("by ipw") < half.lower().index("no leaf of this study")


def test_the_answer_is_for_the_first_target_that_any_leaf_answers():
    """The first primary leaf may lack the first target; the next one has it."""
    output = refused()
    results = tuple(
        r for r in output.results if (r.estimator, r.term.target.label()) != ("ipw", "att")
    )
    assert (
        "for the children who received services, the answer is: maths is"
        in answer(replace(output, results=results)).lower()
    )
    assert "by aipw" in answer(replace(output, results=results))


def test_what_a_sensitivity_analysis_could_not_answer_is_said():
    (told,) = [text for text in reasons(leaf_refused()) if "by subclassification could not" in text]
    assert told.startswith("The negative control by subclassification could not be answered for")
    (other,) = [text for text in reasons(refused()) if "could not be answered" in text]
    control = next(s for s in refused().sensitivity if s.leaf == "negative_control")
    (share,) = [
        rule.measured for r in control.refusals for rule in r.rules if rule.rule == "largest child"
    ]
    assert other.startswith("The negative control could not be answered for all children")
    assert f"one child carries {100 * share:.1f}%" in other


# ------------------------------------------------------------------------- certainty
def test_observing_is_not_drawing():
    assert "Nobody drew lots" in certainty(refused())
    assert "6 recorded covariates" in certainty(refused())
    assert "drawn (simple randomisation of each child)" in certainty(three_arms())


def test_the_reader_of_a_trial_is_told_no_assumption_of_exchangeability():
    drawn = replace(refused().study, assignment=Randomised("cluster", "school"))
    assert "Nobody drew lots" not in certainty(refused(study=drawn))


def test_agreement_is_judged_only_against_what_was_declared():
    output = refused()
    assert "within 1 declared beforehand: they agree" in certainty(output)
    apart = tuple(replace(one, within=0.001, agree=False) for one in output.agreements)
    told = certainty(replace(output, agreements=apart))
    assert "beyond 0.001 declared beforehand: they do not agree" in told
    assert "no distance was declared beforehand, so none is judged" in certainty(clean())
    assert "a factor of 1.05 declared beforehand" in certainty(ratio())


def test_sensitivity_speaks_of_this_study():
    output = refused()
    told = certainty(output)
    (robustness,) = sensitivity_tables(output, "robustness")
    (e_values,) = sensitivity_tables(output, "risk ratios")
    value = next(row["rv"] for row in robustness.records())
    first = next(row["e_value"] for row in e_values.records() if row["estimator"] == "ipw")
    assert f"explains {100 * value:.0f}% of what the covariates leave unexplained" in told
    assert "one as strong as covariate_01 would explain" in told
    assert f"a risk ratio of {number(first)} (E-value)" in told
    judged = len(controls_of_primary(output))
    assert f"{judged} of {judged} answers differ from nothing" in told


def controls_of_primary(output: Output) -> list[dict[str, object]]:
    """The control's rows of the primary answers that the study gives."""
    (table,) = sensitivity_tables(output, "control")
    given = {(r.estimator, r.term.target.label()) for r in output.results if r.primary}
    return [row for row in table.records() if (row["estimator"], row["target"]) in given]


def test_an_interval_that_holds_no_difference_is_given_no_e_value():
    output = ratio()
    (table,) = sensitivity_tables(output, "risk ratios")
    holds = tuple((*row[:-1], 1.0) for row in table.rows)
    assert table.columns[-1] == "e_value_limit"
    for rows, told in ((table.rows, False), (((*table.rows[0][:-1], 1.2), *holds[1:]), True)):
        one = SensitivityResult("e_value", (replace(table, rows=rows),))
        assert ("(E-value)" in certainty(replace(output, sensitivity=(one,)))) is told


def test_a_negative_control_that_holds_zero_does_not_fire():
    held = refused(Shape(confounded=False, given=("index", "before", "age")))
    rows = controls_of_primary(held)
    assert all(row["lo"] <= 0 <= row["hi"] for row in rows)
    assert f"0 of {len(rows)} answers differ from nothing" in certainty(held)


def test_a_control_without_an_interval_is_said_to_tell_nothing():
    output = refused()
    (table,) = sensitivity_tables(output, "control")
    bare = ("ipw", "att", -1.9, None, None, None, "cannot tell: no interval is justified")
    one = SensitivityResult("negative_control", (replace(table, rows=(bare,)),))
    told = certainty(replace(output, sensitivity=(one,)))
    assert "of 1 it cannot be told, as no interval is justified" in told
    assert "-1.9" in told.replace("\N{MINUS SIGN}", "-")
    assert "unbounded" not in told


def test_an_answer_whose_own_control_fires_is_not_read_as_an_effect():
    """The same leaf finds a difference where there can be none: neither harm nor improvement."""
    output = refused()
    (table,) = sensitivity_tables(output, "control")
    fired = ("ipw", "att", -1.9, 0.4, -2.7, -1.1, "a difference where there can be none")
    held = ("ipw", "att", -0.1, 0.4, -0.9, 0.7, "no sign of a difference")
    for row, doubted in ((fired, True), (held, False)):
        one = SensitivityResult("negative_control", (replace(table, rows=(row,)),))
        told = answer(replace(output, sensitivity=(one,)))
        assert ("not to be read as an effect" in told) is doubted
        assert ("so this is a harm" in told) is not doubted


def test_guard_rails_that_warn_are_counted_and_say_where_they_warn():
    output = leaf_refused()
    rows = [row for table in named(output, "guard") for row in table.records()]
    warned = [row for row in rows if row["verdict"] == "warn"]
    assert f"{len(warned)} guard rails warn" in certainty(output)
    assert "standard deviations (warned of above 0.05)" in certainty(output)
    judged = sum(len(table.rows) for table in named(clean(), "guard"))
    assert f"None of the {judged} guard rails judged warns" in certainty(clean())


def test_a_warning_that_several_outcomes_share_is_said_once():
    output = leaf_refused()
    guards = named(output, "guard")
    again = [replace(one, tags=(*one.tags, ("outcome", "another"))) for one in guards]
    once, twice = certainty(output), certainty(replace(output, tables=(*output.tables, *again)))
    rows = [row for table in guards for row in table.records()]
    warned = sum(row["verdict"] == "warn" for row in rows)
    assert f"{2 * warned} guard rails warn, some alike for several outcomes: " in twice
    assert "some alike" not in once
    assert twice.count("(warned of above 0.05)") == once.count("(warned of above 0.05)")


def test_of_several_contrasts_the_one_that_a_control_could_not_answer_is_named():
    output = refused()
    (told,) = [text for text in reasons(output) if "could not be answered" in text]
    both = Estimand((*output.study.estimand.contrasts, pair("none", "services")))
    several = replace(output, study=replace(output.study, estimand=both))
    (named_too,) = [text for text in reasons(several) if "could not be answered" in text]
    assert "services v none, all children" in named_too and "services v none" not in told


def test_thresholds_that_the_study_changed_are_told():
    assert "changed 2 guard-rail thresholds" in certainty(leaf_refused())
    assert "warn smd 0.05 instead of 0.1" in certainty(leaf_refused())
    assert "thresholds before the run" not in certainty(refused())


# ----------------------------------------------------------------------- limitations
def test_limitations_name_who_left_and_what_was_withheld():
    output = refused()
    gone = output.flow.start - output.flow.remaining
    assert f"{gone} children of 1,600 left" in " ".join(limitations(output))
    assert "long enough in school" in " ".join(limitations(output))
    assert "table overlap_subgroups" in " ".join(limitations(ratio()))


def test_words_follow_the_numbers():
    """Other names and other numbers: no old name or number is left in what is said."""
    first = refused()
    other = refused(
        replace(
            TRAP,
            outcome="reading",
            unit="marks",
            arms=("usual care", "therapy"),
            shift=0.25,
            given=("a", "b", "c"),
            seed=7,
        )
    )
    told = everything(other)
    gone = ["maths", "IRT", "services", "covariate_01"]
    gone += [lower(r.value) for r in first.results if r.term.target.causal]
    for word in gone:
        assert word not in told, word
    assert "therapy" in told
