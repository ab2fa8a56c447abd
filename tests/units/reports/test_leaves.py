"""What estimators and sensitivity analyses tell besides numbers: nothing is silently absent."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.flow import Flow
from fingerpost.core.measure import Measure
from fingerpost.core.output import Output, RegionResult, Result, SensitivityResult
from fingerpost.core.region import Region
from fingerpost.core.study import OutcomeSpec, SensitivitySpec
from fingerpost.core.table import Table
from fingerpost.release.clear import clear
from fingerpost.reports.phrases import effect, judgement, two_sides
from fingerpost.reports.sections import leaves, protocol, subgroups, target
from fingerpost.reports.short import MOST_SHORT
from fingerpost.reports.signs import signs
from fingerpost.reports.together import difference_sentence, p_words
from fingerpost.reports.words import answer, answers, certainty, reasons
from fingerpost.reports.write import html
from fingerpost.studies.described import described
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run
from units.plots.leaves import survival_curve, table
from units.reports.fixtures import ATE, ATT, bare, clean, result

METHODS = Path(__file__).resolve().parents[3] / "examples" / "methods"
EXAMPLES = ("rdd", "survival", "iv", "rosenbaum", "calibration")
PAIR = pair("support", "none")


@lru_cache
def example(name: str) -> Output:
    """The output of one of the manual's worked examples."""
    file = METHODS / f"{name}.yaml"
    study = read_study(file)
    return clear(run(study, read_records(study.records, base=file.parent)))


def made(*results: Result, **more: object) -> Output:
    """An output of results alone, on maths in points and on months to an exclusion."""
    told = bare()
    outcomes = (
        OutcomeSpec("maths", "maths", measure=Measure("", measured_in="points", better="higher")),
        OutcomeSpec(
            "exclusion",
            "months",
            kind="time",
            event="excluded",
            measure=Measure("", measured_in="months", better="lower"),
        ),
        OutcomeSpec("secure", "secure", kind="binary", measure=Measure("", better="higher")),
    )
    study = replace(told.study, outcomes=outcomes, estimators=("aipw",), primary=("aipw",))
    return replace(told, study=study, results=results, **more)  # type: ignore[arg-type]


def of(term: Term, value: float, se: float | None = 0.1, **more: object) -> Result:
    return result(term, "aipw", value, se, primary=True, **more)


# ------------------------------------------------------------------- no table is absent
def names_of(output: Output) -> set[str]:
    own = {each.name for each in output.tables if each.rows}
    return own | {t.name for one in output.sensitivity for t in one.tables if t.rows}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_table_of_a_worked_example_is_on_its_page(name):
    output = example(name)
    page = html(output, "x")
    assert [each for each in names_of(output) if f"{each}.csv" not in page] == []
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_a_table_that_nobody_knows_stands_under_its_estimator_or_under_other_tables():
    mine = table("surprise", "estimator x", (("aipw", 1.0), ("ipw", 2.0)))
    nobodys = table("nobodys", "x", ((1.0,),))
    tagged = table("tagged", "x", ((1.0,),), tags=(("estimator", "tmle"),))
    output = made(tables=(mine, nobodys, tagged))
    found = leaves.by_leaf(output)
    assert list(found) == ["aipw", "ipw", "tmle", ""]
    assert found["aipw"][0].rows == ((1.0,),)
    assert found["ipw"][0].rows == ((2.0,),)
    headings = [part.text for part in leaves.section(output).parts if part.kind == "heading"]
    assert headings[-1] == "Other tables"
    assert all(f"{name}.csv" in html(output, "x") for name in ("surprise", "nobodys", "tagged"))


def test_a_leafs_own_weights_are_judged_under_its_name():
    output = example("rosenbaum")
    words = [part.text for part in leaves.section(output).parts if part.kind == "words"]
    assert any("guard rails pass; all are in own_guard.csv" in text for text in words)
    figures = [part for part in leaves.section(output).parts if part.kind == "figure"]
    assert "own weights of matching" in figures[0].picture.title


def test_the_picture_of_a_cut_off_meets_its_answer():
    """The gap between the lines where they meet the cut-off is the answer."""
    output = example("rdd")
    (lines,) = [each for each in output.tables if each.name == "rdd_lines"]
    at = {row["side"]: row["fitted"] for row in lines.records() if row["running"] == 85.0}
    # Every child below the cut-off has a plan.
    gap = at["below"] - at["at or above"]
    assert gap == pytest.approx(output.results[0].value, abs=1e-9)


def test_bins_hold_ten_children_or_more_and_every_child_once():
    output = example("rdd")
    (bins,) = [each for each in output.tables if each.name == "rdd_bins"]
    (widths,) = [each for each in output.tables if each.name == "rdd_bandwidth"]
    twice = next(row for row in widths.records() if row["window"] == "twice")
    counts = [int(str(count)) for count in bins.column("children")]
    assert min(counts) >= 10
    assert sum(counts) == int(str(twice["below"])) + int(str(twice["at or above"]))


# --------------------------------------------------------------------------- short answers
def times(*horizons: float, summary: str = "risk", group: str | None = None) -> list[Term]:
    return [
        Term("exclusion", PAIR, ATE, summary=summary, horizon=each, subgroup=group)
        for each in horizons
    ]


def test_one_answer_is_told_in_full_and_other_times_in_short():
    output = made(*(of(term, -0.05, 0.01) for term in times(6.0, 12.0, 24.0)))
    (told,) = answers(output)
    assert told.count("per 100 children lower under support than under none") == 1
    assert "(the share with the event by 6 months)" in told
    assert "By 12 months: −5.00 per 100 children" in told
    assert "; by 24 months:" in told


def test_many_answers_are_not_all_told():
    terms = [
        replace(term, target=target, subgroup=group)
        for target in (ATE, ATT)
        for group in (None, "girl = 0", "girl = 1", "fsm = 0", "fsm = 1")
        for term in times(6.0, 12.0, 24.0)
    ]
    (told,) = answers(made(*(of(term, -0.05, 0.01) for term in terms)))
    clauses = told.count(" to −3.04)")
    assert clauses <= MOST_SHORT
    assert f"{len(terms) - 1 - clauses} further answers are in the report" in told
    assert "among girl = 0, by 6 months" in told
    assert len(told) < 1100


@pytest.mark.parametrize(("summary", "value"), [("risk", -0.1), ("survival", 0.1), ("rmst", 0.4)])
def test_fewer_events_are_good_whatever_is_summed_up(summary, value):
    """`better: lower` of a time to an event is of having the event: more time without is good."""
    (term,) = times(12.0, summary=summary)
    output = made()
    assert "an improvement" in judgement(output.study, of(term, value, 0.01))
    assert "a harm" in judgement(output.study, of(term, -value, 0.01))
    unit = "months" if summary == "rmst" else "per 100 children"
    assert f"{unit} {'lower' if value < 0 else 'higher'}" in effect(output.study, of(term, value))


def test_a_mean_of_arms_is_set_against_another_arm():
    weights = (("support", 0.5), ("plan", 0.5), ("none", -1.0))
    told = answer(made(of(Term("maths", weights, ATE), 2.0)))
    assert "2.000 points higher under the mean of support and plan than under none" in told
    assert "an improvement" in told
    assert two_sides(Term("maths", (("a", 0.3), ("b", 0.7), ("c", -1.0)), ATE)) == (
        "30% a and 70% b",
        "c",
    )
    assert two_sides(Term("maths", (("a", 1.0), ("b", 1.0), ("c", -2.0)), ATE)) is None


def test_more_provision_tells_how_many_then_have_it():
    curve = table(
        "incremental_curve",
        "contrast scale delta provided change lo hi",
        (
            ("support v none", "difference", 1.0, 0.44, 0.0, 0.0, 0.0),
            ("support v none", "difference", 2.0, 0.6, 0.5, 0.3, 0.7),
        ),
    )
    term = Term("maths", PAIR, Target("incremental", delta=2.0))
    told = answer(made(of(term, 0.5), tables=(curve,)))
    assert "with the odds of support multiplied by 2, against things as they are" in told
    assert "Then 60% would be under support, in place of 44%." in told


def test_a_set_is_told_in_the_unit_of_its_answer():
    region = Region(
        Term("secure", PAIR, Target("compliers")), ((0.08, 0.3),), 0.95, "Anderson–Rubin", 0.2, 0.01
    )
    told = answer(made(regions=(RegionResult("iv", region),)))
    assert "[8.00, 30.0] per 100 children" in told


# ------------------------------------------------------------------------------ subgroups
def grouped(p: float = 0.31, difference: float = -0.8) -> Output:
    differ = table(
        "subgroup_differences",
        "estimator column subgroups contrast target difference se wald df p",
        (("aipw", "girl", "1 v 0", "support v none", "ate", difference, 0.8, 1.0, 1.0, p),),
    )
    whole = Term("maths", PAIR, ATE)
    groups = [replace(whole, subgroup=f"girl = {at}") for at in (0, 1)]
    return made(
        of(whole, 3.0),
        *(of(term, value) for term, value in zip(groups, (3.4, 2.6), strict=True)),
        tables=(differ,),
    )


def test_whether_subgroups_differ_is_a_sentence_with_its_test():
    output = grouped()
    told = difference_sentence(output, list(output.results[1:]))
    assert told == "The answers for girl = 1 and girl = 0 differ by 0.800 points (p = .31)."
    figures = [part for part in subgroups.section(output).parts if part.kind == "figure"]
    assert told in figures[0].note
    assert "Of 1 test whether subgroups differ, 0 found p below .05" in certainty(output)
    assert "1 found p below .05" in certainty(grouped(p=0.01))


def test_a_study_without_subgroups_has_no_such_section():
    assert not subgroups.asked(clean())
    assert 'id="subgroups"' not in html(clean(), "x")
    assert 'id="subgroups"' in html(grouped(), "x")


@pytest.mark.parametrize(
    ("p", "words"), [(0.31, "p = .31"), (0.0004, "p < .001"), (1.0, "p = 1.00")]
)
def test_a_p_value_is_written_as_people_write_it(p, words):
    assert p_words(p) == words


# ------------------------------------------------------------------------ warning signs
def test_checks_that_fire_are_among_the_reasons():
    fired = (
        table("rdd_density", "jump se h p jumps", ((0.1, 0.01, 1.0, 0.003, True),)),
        table("rdd_placebo", "covariate jump jumps", (("fsm", 0.2, True), ("girl", 0.0, False))),
        table(
            "first_stage",
            "instrument effective_f critical weak",
            (("visited", 4.2, 23.1, True),),
        ),
        table("matches", "contrast matched without_match", (("support v none", 985, 61),)),
    )
    told = " ".join(reasons(made(of(Term("maths", PAIR, ATE), 1.0), tables=fired)))
    assert "as many just on one side of the cut-off as on the other (p = .003)" in told
    assert "fsm jumps at the cut-off" in told
    assert "the instrument visited is weak (effective F 4.20, below 23.1)" in told
    assert "61 of 1,046 children who sought a match found none" in told


def test_checks_that_do_not_fire_say_nothing():
    quiet = (
        table("rdd_density", "jump p jumps", ((0.1, 0.5, False),)),
        table("rdd_placebo", "covariate jump jumps", (("fsm", 0.2, False),)),
        table("first_stage", "instrument effective_f critical weak", (("v", 94.2, 23.1, False),)),
        table("matches", "contrast matched without_match", (("support v none", 985, 0),)),
    )
    assert signs(made(tables=quiet)) == ()


def test_a_covariate_filled_for_many_children_is_a_reason_for_doubt():
    columns = "variable role missing share handling"
    rows = (
        ("reading", "covariate", 300, 0.3, "mean and a flag"),
        ("fsm", "covariate", 20, 0.02, "a level of its own"),
        ("age", "covariate", 300, 0.3, "child left out"),
        ("maths", "outcome", 300, 0.3, "left out of this outcome"),
    )
    told = signs(made(tables=(table("missing", columns, rows),)))
    assert len(told) == 1
    assert "reading (30%) was not recorded for many children, and a flag stands in" in told[0]


def test_a_model_whose_form_departs_is_a_reason_for_doubt():
    columns = "model squared p_holm departs"  # of the outcome maths
    rows = (("exposure", "age", 0.5, False), ("outcome", "age", 0.01, True))
    told = signs(made(tables=(table("model_form", columns, rows),)))
    assert len(told) == 1
    assert "the working model of maths departs from the form that the records show" in told[0]


def test_primary_answers_for_different_children_are_not_judged_to_agree():
    twos = (
        result(Term("maths", PAIR, ATE), "aipw", 2.0, 0.3, primary=True),
        result(Term("maths", PAIR, Target("compliers")), "iv", 6.0, 1.0, primary=True),
    )
    told = certainty(made(*twos))
    assert "are for different children" in told
    assert "they run from 2.00 to 6.00" in told


def test_children_without_a_covariate_are_told_of_first():
    flow = Flow(100).then("covariate gestation is not recorded", 12)
    told = certainty(replace(made(of(Term("maths", PAIR, ATE), 1.0)), flow=flow))
    assert "12 of 100 children (12%) left because a covariate was not recorded" in told


def test_several_weak_instruments_are_counted_not_listed():
    columns = "instrument effective_f critical weak"
    told = signs(made(tables=(table("first_stage", columns, (("a, b and c", 2.0, 9.0, True),)),)))
    assert "the 3 instruments together are weak (effective F 2.00" in told[0]


def test_guard_rails_are_not_called_quiet_where_an_estimator_warns_itself():
    rails = next(each for each in clean().tables if each.name == "guard")
    fired = table("rdd_density", "jump p jumps", ((0.1, 0.003, True),))
    answer = of(Term("maths", PAIR, ATE), 1.0)
    assert "guard rails judged warns" in certainty(made(answer, tables=(rails,)))
    assert "guard rails judged warns" not in certainty(made(answer, tables=(rails, fired)))
    # Nor where nothing was answered: there is nothing that they could have warned of.
    assert "guard rails judged warns" not in certainty(made(tables=(rails,)))


# ------------------------------------------------------------------ sensitivity in sentences
ASKED = ("aipw", "maths", "support v none", "ate")
NAMES = "estimator outcome contrast target"


def challenged(leaf: str, *tables: Table, value: float = 1.5, **options: object) -> str:
    output = made(
        of(Term("maths", PAIR, ATE), value), sensitivity=(SensitivityResult(leaf, tables),)
    )
    spec = SensitivitySpec(leaf, tuple(sorted(options.items())))
    return certainty(replace(output, study=replace(output.study, sensitivity=(spec,))))


def test_a_tipping_point_says_what_it_takes():
    rows = (
        (*ASKED, "answer", 1.5, 0.0, 1.5, 0.2, "can be tipped"),
        (*ASKED, "limit", 1.1, 0.0, 1.1, 0.15, "can be tipped"),
    )
    tipping = table("tipping", f"{NAMES} tipped value to away away_sd verdict", rows, tags=())
    told = challenged("tipping_point", tipping)
    assert "account for 1.50 points (0.200 standard deviations)" in told
    assert "1.10 points (0.150 standard deviations) would bring its interval there" in told


def test_an_interval_that_holds_no_difference_needs_nothing_to_be_tipped():
    rows = (
        (*ASKED, "answer", 1.5, 0.0, 1.5, 0.2, "can be tipped"),
        (*ASKED, "limit", 0.0, 0.0, 0.0, 0.0, "is there already: the interval includes it"),
    )
    tipping = table("tipping", f"{NAMES} tipped value to away away_sd verdict", rows, tags=())
    told = challenged("tipping_point", tipping)
    assert "its interval holds that already" in told
    assert "would bring its interval there" not in told


@pytest.mark.parametrize(
    ("gamma", "words"),
    [
        (1.71, "1.71 times as likely (in odds)"),
        (1.0, "may be chance even without hidden bias"),
        (None, "no hidden bias that was tried would make"),
    ],
)
def test_hidden_bias_says_how_much_it_bears(gamma, words):
    row = ("matching", "support v none", "matched", "Wilcoxon", 50, 100, gamma)
    bound = table("rosenbaum_gamma", "estimator contrast target test sets children gamma", (row,))
    assert words in challenged("rosenbaum", bound).replace("No hidden", "no hidden")


@pytest.mark.parametrize(("null", "words"), [(2.0, "(δ = 2.00)."), (-2.4, "but the other way")])
def test_selection_says_how_strong_it_must_be(null, words):
    row = ("regression", "maths", "support v none", 0.5, 1.0, 2.0, 1.5, 2.5, null)
    names = "estimator outcome contrast r_max delta adjusted lo hi delta_for_null"
    told = challenged("oster", table("oster", names, (row,), tags=()))
    assert "would be 2.00 points (1.50 to 2.50)" in told
    assert words in told


@pytest.mark.parametrize(
    ("low", "words"),
    [
        (0.4, "still told from no difference"),
        (-0.4, "no longer told from no difference, so the verdict"),
    ],
)
def test_calibration_says_whether_the_verdict_changes(low, words):
    names = f"{NAMES} estimate lo hi controls calibrated calibrated_lo calibrated_hi"
    row = (*ASKED, 1.5, 1.0, 2.0, 4, 1.2, low, 2.0)
    told = challenged("calibration", table("calibration", names, (row,), tags=()))
    assert "that 4 controls show" in told
    assert words in told


def test_biases_proxies_and_many_comparisons_are_told():
    bias = table(
        "bias_analysis",
        f"{NAMES} biases estimate median lo hi lo_with_error hi_with_error",
        ((*ASKED, "unmeasured", 1.5, 2.5, 1.9, 3.3, 1.7, 3.5),),
        tags=(),
    )
    assert (
        "would be 2.50 points (1.90 to 3.30); with chance as well 1.70 to 3.50; as asked it is 1.50"
        in (challenged("bias_analysis", bias))
    )
    proxies = table(
        "proximal",
        "contrast estimate se lo hi without",
        (("support v none", 3.2, 0.3, 2.7, 3.7, 1.5),),
    )
    assert "3.20 points (2.70 to 3.70), in place of 1.50 points" in challenged("proximal", proxies)
    many = table("many_together", "estimator answers stand", (("aipw", 12.0, 6.0),), tags=())
    assert "rate of 5%, 6 of 12 answers by aipw stand" in challenged("many_comparisons", many)
    told = challenged("many_comparisons", many, rate=0.1)
    assert "rate of 10%" in told


@pytest.mark.parametrize(("low", "fires"), [(0.2, True), (-0.2, False)])
def test_a_gap_before_provision_leads_as_a_negative_control_does(low, fires):
    gap = table(
        "prior_outcome",
        "estimator target estimate se lo hi verdict",
        (("aipw", "ate", 0.5, 0.1, low, 0.8, ""),),
        tags=(("outcome", "maths_before"), ("contrast", "support v none")),
    )
    output = made(
        of(Term("maths", PAIR, ATE), 1.5), sensitivity=(SensitivityResult("prior_outcome", (gap,)),)
    )
    first = reasons(output)[0]
    assert first.startswith("On maths_before, measured before provision") == fires
    assert ("is not to be read as an effect" in answer(output)) == fires


# -------------------------------------------------------------------------------- protocol
def test_the_protocol_names_what_an_answer_rests_on():
    output = made()
    options = (
        ("iv", (("instrument", "visited"),)),
        ("rdd", (("cutoff", 85.0), ("running", "test_score"))),
        ("matching", (("caliper", 0.2), ("replace", True))),
    )
    estimand = replace(output.study.estimand, subgroups=("girl",))
    asked = tuple(name for name, _ in options)
    study = replace(output.study, options=options, estimand=estimand, estimators=asked)
    output = replace(output, study=study, leaves=described(study))
    bullets = next(part for part in protocol.section(output).parts if part.kind == "bullets")
    assert "Iv: the instrument is visited." in bullets.items
    assert "Rdd: a rule gives provision by test_score; the cut-off is 85." in bullets.items
    assert "Matching: caliper: 0.2; replace: yes." in bullets.items
    assert any("every value of girl" in item for item in bullets.items)
    (grid,) = [part for part in target.section(output).parts if part.kind == "grid"]
    said = [row for row in grid.rows if row[3].link == "#told"]
    assert len(said) == 1 and "visited" in said[0][2].text


def test_curves_of_children_without_a_subgroup_tag_are_drawn_once():
    curves = survival_curve()
    other = replace(curves, rows=tuple((*row[:5], 0.5, row[6]) for row in curves.rows))
    tagged = replace(curves, tags=(("outcome", "exclusion"),))
    output = made(tables=(tagged, replace(other, tags=tagged.tags)))
    figures = [part for part in leaves.section(output).parts if part.kind == "figure"]
    assert len(figures) == 1
    assert math.isclose(float(str(curves.rows[0][5])), 0.02)
    notes = [part.text for part in leaves.section(output).parts if part.kind == "words"]
    assert any("survival_curve.csv" in text for text in notes)
