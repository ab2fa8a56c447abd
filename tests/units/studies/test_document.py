"""A study document becomes the Study that its words mean."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.core.study import Condition, Covariate, TableSource
from fingerpost.studies.document import init, read_study, resolve
from units.studies.documents import EXAMPLES, LINKED, ROOT, SMALL, instead


def read(more: str = "", base: str = SMALL):
    return read_study("small.yaml", text=base + more)


def term(*factors: Factor) -> ModelTerm:
    return ModelTerm(factors)


def test_the_least_a_study_says():
    study = read()
    assert (study.name, study.question) == ("small", "Does support change reading?")
    assert study.records.sources == (TableSource(path="children.csv"),)
    assert (study.records.unit, study.records.weight) == ("child", "w")
    assert study.records.clusters == (("school", "school_id"),)
    assert study.arms.levels == ((0, "none"), (1, "support"))
    assert study.assignment == Observed(given=("age", "sex", "need"), cluster="school")
    assert study.estimators == ("ipw", "aipw")


def test_what_is_left_out_has_the_stated_default():
    study = read()
    assert study.estimand.contrasts == ((("support", 1.0), ("none", -1.0)),)
    assert study.estimand.targets == (Target("ate"),)
    assert study.estimand.scale == "difference"
    assert (study.models.exposure, study.models.outcome, study.models.by_arm) == (None, None, True)
    assert (study.release, study.missing, study.level, study.seed) == (
        "inside",
        "complete",
        0.95,
        0,
    )
    assert study.agreement is None and study.primary == () and study.guard.overrides == ()


def test_every_other_arm_is_compared_with_the_first():
    levels = "arms: {column: a, levels: {1: plan, 2: support, 3: support, 0: none}}"
    study = read(base=instead(levels))
    assert study.arms.names == ("plan", "support", "none")
    assert [[arm for arm, _ in pair] for pair in study.estimand.contrasts] == [
        ["support", "plan"],
        ["none", "plan"],
    ]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("2002-09-01", "2002-09-01"),
        ("007", "007"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("3", 3),
        ("-2", -2),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ('"3"', "3"),
        ("'true'", "true"),
    ],
)
def test_words_are_what_was_written(written, read_as):
    study = read(f"population: [{{column: c, equals: {written}}}]\n")
    value = study.population[0].value
    assert value == read_as and type(value) is type(read_as)


def test_text_keeps_what_yaml_would_have_turned_into_a_number_or_a_date():
    assert read("follow_up: 2004-06-30\n").follow_up == "2004-06-30"
    assert read(base=instead("study: 007")).name == "007"


def test_conditions_in_order_each_with_its_reason():
    study = read(
        """population:
  words: adults
  where:
    - {column: age, at_least: 25, at_most: 74, reason: adults}
    - {column: sex, is_in: [0, f]}
    - {column: weight, recorded: true}
    - {column: died, recorded: false}
    - {column: moved, missing: true}
    - {column: born, below: 2003-09-01}
"""
    )
    assert study.population_words == "adults"
    assert study.population == (
        Condition("age", "at_least", 25, "adults"),
        Condition("age", "at_most", 74, "adults"),
        Condition("sex", "is_in", (0, "f")),
        Condition("weight", "recorded"),
        Condition("died", "missing"),
        Condition("moved", "missing"),
        Condition("born", "below", "2003-09-01"),
    )


def test_a_mapping_of_conditions_is_shorthand_for_equals():
    study = read("population: {where: {treat: 1, age: {above: 5}, region: [north, east]}}\n")
    assert study.population == (
        Condition("treat", "equals", 1),
        Condition("age", "above", 5),
        Condition("region", "is_in", ("north", "east")),
    )


def test_tables_from_packages_and_stacks():
    study = read(
        base=instead(
            "records: {stack: [{package: p, file: a.dta, where: {treat: 1}, set: {from: a}}, "
            "{table: b.duckdb, name: people}], unit: id, clusters: {school: s}, synthetic: true}"
        )
    )
    assert study.records.synthetic
    assert study.records.sources == (
        TableSource(
            package="p",
            file="a.dta",
            where=(Condition("treat", "equals", 1),),
            set=(("from", "a"),),
        ),
        TableSource(path="b.duckdb", table="people"),
    )


def test_outcomes_carry_what_people_said_of_them():
    study = read(
        base=instead(
            "outcomes: {absence: {column: a, kind: count, exposure: sessions, better: lower, "
            "measured_in: sessions, important: 3, domain: attendance, informant: record, "
            "chosen_by: parents, title: absence, at: 3}, died: {column: t, kind: time, event: d}}"
        )
    )
    absence, died = study.outcomes
    assert (absence.kind, absence.exposure, absence.at) == ("count", "sessions", 3)
    assert (absence.measure.better, absence.measure.important) == ("lower", 3.0)
    assert (absence.measure.chosen_by, absence.measure.title) == ("parents", "absence")
    assert (died.kind, died.event) == ("time", "d")


def test_covariates_in_short_and_in_full():
    study = read("missing: indicator\ncovariates: {sex: categorical, age: {at: 3, label: age}}\n")
    assert study.covariates == (
        Covariate("sex", "categorical", "indicator"),
        Covariate("age", None, "indicator", 3, "age"),
    )


def test_targets_in_every_form():
    study = read(
        "estimand: {contrast: [support, none], target: [ate, att, atu, overlap, {received: none}, "
        "{trimmed: 0.01}, {trimmed: 0.05, of: att}, {trimmed: 0.02, of: {received: support}}]}\n"
    )
    assert study.estimand.targets == (
        Target("ate"),
        Target("att"),
        Target("atu"),
        Target("overlap"),
        Target("received", arm="none"),
        Target("ate", trim=0.01),
        Target("att", trim=0.05),
        Target("received", arm="support", trim=0.02),
    )
    assert read("estimand: {target: {trimmed: 0.01}}\n").estimand.targets[0].trim == 0.01


def test_targets_of_a_leafs_own_and_incremental_ones():
    study = read("estimand: {target: [compliers, cutoff, matched, {incremental: 1.5}]}\n")
    assert [target.kind for target in study.estimand.targets[:3]] == [
        "compliers",
        "cutoff",
        "matched",
    ]
    assert study.estimand.targets[3] == Target("incremental", delta=1.5)


@pytest.mark.parametrize(
    ("written", "meant"), [("6", (6.0,)), ("[6, 12]", (6.0, 12.0)), ("[6, 12, 6]", (6.0, 12.0))]
)
def test_one_horizon_or_several_each_once(written, meant):
    assert read(f"estimand: {{horizon: {written}}}\n").estimand.horizons == meant


def test_subgroups_of_the_estimand_are_not_those_of_the_overlap():
    study = read("estimand: {subgroups: [sex, need, sex]}\nsubgroups: [age]\n")
    assert study.estimand.subgroups == ("sex", "need")
    assert study.subgroups == ("age",)


def test_a_contrast_of_weights_puts_what_is_added_first():
    three = instead("arms: {column: support, levels: {0: none, 1: support, 2: plan}}")
    written = "estimand: {contrast: {none: -1, support: 0.5, plan: 0.5}, target: ate}\n"
    (contrast,) = read(written, base=three).estimand.contrasts
    assert contrast == (("support", 0.5), ("plan", 0.5), ("none", -1.0))
    with pytest.raises(Malformed, match="att is of two arms, and a contrast weighs more"):
        read(written.replace("ate}", "att}"), base=three)


def test_linear_in_the_model_of_censoring_is_every_covariate():
    study = read("models: {censoring: [linear, {square: age}]}\n")
    assert study.models.censoring == (
        term(Factor("age")),
        term(Factor("sex")),
        term(Factor("need")),
        term(Factor("age", "power", 2)),
    )
    assert read("models: {censoring: linear}\n").models.censoring == study.models.censoring[:3]
    assert read().models.censoring is None


def test_terms_in_every_form():
    study = read(
        """models:
  exposure:
    - linear
    - {square: age}
    - {power: {of: age, to: 3}}
    - {spline: need}
    - {spline: {of: need, knots: 5}}
    - {equals: {of: need, value: 0}}
    - {product: [age, {square: need}]}
  outcome: {terms: linear, interactions: [age]}
"""
    )
    age, sex, _need = (Factor(name) for name in ("age", "sex", "need"))
    assert study.models.exposure == (
        term(age),
        term(sex),  # `linear` leaves out need, whose spline holds the straight line
        term(Factor("age", "power", degree=2)),
        term(Factor("age", "power", degree=3)),
        term(Factor("need", "spline", knots=4)),
        term(Factor("need", "spline", knots=5)),
        term(Factor("need", "equals", value=0.0)),
        term(age, Factor("need", "power", degree=2)),
    )
    assert study.models.outcome is None
    assert study.models.interactions == ("age",)
    assert not study.models.by_arm, "interactions are for one pooled model"


def test_options_of_leaves_hash():
    study = read(
        "sensitivity:\n- e_value\n"
        "- {omitted_variable: {benchmarks: [age, [sex, need]], times: [1, 2]}}\n",
        base=instead("estimators: [{aipw: {normalised: true}}, ipw]"),
    )
    assert study.estimators == ("aipw", "ipw")
    assert study.options == (("aipw", (("normalised", True),)),)
    assert study.sensitivity[1].option("benchmarks") == ("age", ("sex", "need"))
    assert study.sensitivity[1].option("times") == (1, 2)
    assert hash(study) == hash(replace(study))


def test_a_guard_override_is_named_and_a_repeated_default_is_not():
    guard = read("guard: {refuse: {effective_size: 20, smd: 0.25}, warn: {share: 0.2}}\n").guard
    assert (guard.refuse_effective_size, guard.refuse_smd, guard.warn_share) == (20, 0.25, 0.2)
    assert guard.overrides == ("refuse_effective_size", "warn_share")


def test_a_draw_of_children_has_no_level_above_the_child():
    study = read(
        base=instead("assignment: {randomised: {design: simple, unit: child, given: [age]}}")
    )
    assert study.assignment == Randomised("simple", unit=None, given=("age",))
    assert study.cluster is None
    by_school = read(base=instead("assignment: {randomised: {unit: school, strata: region}}"))
    assert by_school.cluster == "school" and by_school.assignment.randomised


def test_the_linked_form_is_read_and_kept():
    study = read_study("linked.yaml", text=LINKED)
    assert study.arms.names == ("none", "support") and study.arms.column is None
    assert dict(study.arms.words)["support"] == "SEN Support"
    assert [spec.name for spec in study.outcomes] == [
        "unauthorised_absence",
        "unplanned_admissions",
        "ks2_maths",
    ]
    assert (study.time_zero, study.follow_up) == ("year 1, census spring", "to end of year 6")
    assert "cleft_isolated" in study.population_words
    notes = dict(study.notes)
    assert notes["population.phenotype"] == "cleft_isolated"
    assert notes["population.born"] == "2003-09/2008-08"
    assert notes["population.enrolled"] == "year 1, school state-funded"
    assert study.release == "ons_srs"


def test_a_linked_study_cannot_be_set_beside_one_table():
    with pytest.raises(Malformed, match="written for linked records"):
        resolve(read_study("linked.yaml", text=LINKED), ("sex", "fsm"))


def test_two_writings_of_one_study_are_one_study():
    long = SMALL.replace("[ipw, aipw]", "\n  - ipw\n  - aipw").replace("score}}", "score } } # why")
    assert read(base=long).digest() == read().digest()
    assert read("seed: 1\n").digest() != read().digest()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_examples_are_read(path):
    study = read_study(path)
    assert len(study.arms.names) >= 2
    # A trial, or a roll-out, may be planned and drawn before it says how it is analysed.
    if study.access is None and study.trial is None:
        assert study.estimators and study.outcomes


@pytest.mark.parametrize("kind", ["observed", "randomised"])
def test_templates_are_studies(kind):
    study = read_study("new.yaml", text=init(kind))
    assert study.assignment.randomised == (kind == "randomised")
    assert init(kind).count("#") > 5, "a template says what its lines are for"


def test_an_unknown_template_names_the_known_ones():
    with pytest.raises(UsageError, match=r'observed or randomised\. Did you mean "observed"\?'):
        init("observd")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert read_study(path) == read()


# ------------------------------------------------------------------------- set beside records


def test_all_but_leaves_out_what_has_another_part_to_play():
    text = instead("assignment: {observed: {given: {all_but: [later]}, cluster: school}}").replace(
        "reading: {column: score}",
        "reading: {column: score}, absence: {column: abs, kind: count, exposure: sessions}",
    )
    columns = (
        "w",
        "child",
        "sex",
        "school_id",
        "support",
        "score",
        "later",
        "abs",
        "sessions",
        "age",
    )
    study = resolve(read("missing: indicator\n", base=text), columns)
    assert study.given == ("sex", "age")
    assert study.all_but is None and study.cluster == "school"
    assert study.covariates == (
        Covariate("sex", missing="indicator"),
        Covariate("age", missing="indicator"),
    )


def test_linear_is_spelled_out_once_the_columns_are_known():
    text = instead("assignment: {observed: {given: {all_but: []}}}")
    more = "models: {exposure: [linear, {square: age}], outcome: linear}\n"
    columns = ("child", "school_id", "w", "support", "score", "age", "sex")
    models = resolve(read(more, base=text), columns).models
    assert models.exposure == (
        term(Factor("age")),
        term(Factor("sex")),
        term(Factor("age", "power", degree=2)),
    )
    assert models.outcome is None


def test_resolving_twice_changes_nothing():
    columns = ("child", "school_id", "w", "support", "score", "age", "sex", "need")
    once = resolve(read(), columns)
    assert resolve(once, columns) == once


def test_every_unknown_column_is_named_at_once():
    more = (
        "population: [{column: yeer, equals: 1}]\nsubgroups: [gendr]\n"
        "sensitivity: [{negative_control: {outcome: scor}}, "
        "{proximal: {exposure_proxy: agee, outcome_proxy: nedd}}]\n"
    )
    columns = ("child", "schoolid", "w", "support", "score", "age", "sex", "need", "year", "gender")
    with pytest.raises(Malformed) as caught:
        resolve(read(more), columns)
    problems = caught.value.problems
    for key, name, near in (
        ("records.clusters.school", "school_id", "schoolid"),
        ("population", "yeer", "year"),
        ("subgroups", "gendr", "gender"),
        ("sensitivity.negative_control.outcome", "scor", "score"),
        ("sensitivity.proximal.exposure_proxy", "agee", "age"),
        ("sensitivity.proximal.outcome_proxy", "nedd", "need"),
    ):
        assert (
            f'{key}: there is no column "{name}" in the records. Did you mean "{near}"?' in problems
        )
    assert len(problems) == 6


def test_a_model_may_not_use_what_all_but_leaves_out():
    text = instead("assignment: {observed: {given: {all_but: [later]}}}")
    more = (
        "models: {exposure: [linear, {square: later}], "
        "outcome: {terms: linear, interactions: [later]}}\n"
    )
    columns = ("child", "school_id", "w", "support", "score", "age", "later")
    with pytest.raises(Malformed) as caught:
        resolve(read(more, base=text), columns)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "models.exposure",
        "models.outcome.interactions",
    ]


def test_eclsk_has_the_34_covariates(shared_file):
    table = shared_file("eclsk_special_education/eclsk_c.csv")
    with table.open(encoding="utf-8") as handle:
        columns = tuple(next(csv.reader(handle)))
    study = resolve(read_study(ROOT / "examples" / "eclsk" / "study.yaml"), columns)
    left_out = {"CHILDID", "S1_ID", "F5SPECS", "C5R4RSCL", "C5R4MSCL", "C6R4RSCL", "C6R4MSCL"}
    assert set(study.given) == set(columns) - left_out
    assert len(study.given) == 34
