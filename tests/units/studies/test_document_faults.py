"""Every fault of a document is one line: its place, what was read, the mend; all at once."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.studies.document import init, read_study
from units.studies.documents import EXAMPLES, LINKED, SMALL, instead


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(Malformed) as caught:
        read_study("bad.yaml", text=text)
    return caught.value.problems


# A line written at the end of the small study (line 8, or 7 where it replaces one): the fault.
FAULTS = [
    ("estimand: {target: atee}", 'estimand.target: "atee" is not a target. Allowed: ate, att, atu'),
    ("estimand: {target: atee}", 'Did you mean "ate"?'),
    ("estimand: {target: {received: suport}}", '"suport" is not an arm. Allowed: none or support.'),
    ("estimand: {target: {trimmed: 0.6}}", "trimmed: must lie between 0 and 0.5"),
    ("estimand: {target: {trimed: 0.1}}", 'Did you mean "trimmed"?'),
    ("estimand: {contrast: [suport, none]}", 'estimand.contrast: "suport" is not an arm.'),
    ("estimand: {contrast: [none, none]}", "compared with itself"),
    ("estimand: {contrast: [none]}", "a contrast names two arms"),
    ("estimand: {contrast: {support: 1, none: -0.5}}", "and sum to 0"),
    ("estimand: {contrast: {support: 1, none: 0}}", "none of them 0"),
    ("estimand: {contrast: {support: 0}}", "of two arms or more"),
    ("estimand: {contrast: {suport: 1, none: -1}}", '"suport" is not an arm.'),
    ("estimand: {target: {incremental: 0}}", "from 0.05 to 20"),
    ("estimand: {target: {incremental: -2}}", "from 0.05 to 20"),
    ("estimand: {target: {incremental: twice}}", '"twice" is not a number'),
    ("estimand: {target: {incremental: 2, trimmed: 0.01}}", "a target is one of"),
    ("estimand: {target: {trimmed: 0.01, of: compliers}}", "received can be trimmed"),
    ("estimand: {target: {trimmed: 0.01, of: {incremental: 2}}}", "received can be trimmed"),
    ("estimand: {target: complier}", 'Did you mean "compliers"?'),
    ("estimand: {horizon: soon}", '"soon" is not a number'),
    ("estimand: {horizon: [6, late]}", '"late" is not a number'),
    ("estimand: {subgroups: [support]}", 'estimand.subgroups: "support" is the exposure'),
    ("models: {censoring: [{square: agee}]}", "models.censoring"),
    ("estimand: {scale: odds}", 'estimand.scale: "odds" is not a scale. Allowed: difference or'),
    ("estimand: {contrast: [support, none], contrasts: [[support, none]]}", "Keep one"),
    ("estimatrs: [ipw]", '"estimatrs" is not a key here.'),
    ("estimatrs: [ipw]", 'Did you mean "estimators"?'),
    ("estimators: [ipww]", '"ipww" is not an estimator. Allowed:'),
    ("estimators: [ipww]", 'Did you mean "ipw"?'),
    ("estimators: [ipw, ipw]", 'estimators: "ipw" is named twice.'),
    ("estimators: []", "estimators: is an empty list"),
    (
        "primary: g_formula",
        'primary: "g_formula" is not among the estimators. Allowed: ipw or aipw.',
    ),
    ("sensitivity: [evalue]", 'sensitivity: "evalue" is not a sensitivity analysis.'),
    ("sensitivity: [evalue]", 'Did you mean "e_value"?'),
    ("sensitivity: [{a: 1, b: 2}]", "should be a name or {name: {option: value}}"),
    ("agreement: {within: much}", 'agreement.within: "much" is not a number.'),
    ("agreement: {within: -1}", "agreement.within: -1 should be 0 or more"),
    ("level: 95", "level: 95 should be less than 1"),
    ("seed: 1.5", 'seed: "1.5" is not a whole number.'),
    ("seed: 007", 'seed: "007" is not a whole number.'),
    ("missing: drop", "Allowed: complete, indicator or impute."),
    ("release: {policy: public}", "release.policy:"),
    ("guard: {refuse: {smdd: 1}}", 'guard.refuse: "smdd" is not a key here.'),
    ("guard: {refuse: {smdd: 1}}", 'Did you mean "smd"?'),
    ("guard: [smd]", "guard: should be a mapping (key: value); a list was found."),
    ("population: [{column: age, at_leest: 5}]", 'Did you mean "at_least"?'),
    ("population: [{column: age}]", 'the condition on "age" has no test'),
    ("population: [{equals: 1}]", "a condition has no column"),
    ("population: [{column: age, at_least: old}]", '"old" cannot be ordered'),
    ("population: [{column: age, recorded: yes}]", '"yes" is neither true nor false'),
    ("population: [{column: age, is_in: 3}]", "is_in: needs a list of values"),
    ("population: age > 5", "population: should be a mapping"),
    ("covariates: {age: number}", "covariates.age.type:"),
    ("covariates: {support: numeric}", '"support" is the exposure (arms.column), not a covariate.'),
    ("covariates: {score: numeric}", '"score" is the column of outcome reading, not a covariate.'),
    ("subgroups: {a: b}", "subgroups"),
    ("models: {exposure: [linear, {sqare: age}]}", 'Did you mean "square"?'),
    ("models: {exposure: [{square: agee}]}", 'uses "agee", which is not in given.'),
    ("models: {exposure: [{square: agee}]}", 'Did you mean "age"?'),
    ("models: {exposure: [agee]}", '"agee" is not in given.'),
    ("models: {exposure: [{product: [age]}]}", "needs a list of two or more terms"),
    ("models: {exposure: [{product: [age, linear]}]}", "linear cannot be part of a product"),
    ("models: {exposure: [{spline: {of: age, knots: 2}}]}", "knots must be 3 or more"),
    ("models: {exposure: [{power: {of: age}}]}", "to is missing"),
    ("models: {exposure: [{power: {of: age, to: 0}}]}", "must be 1 or more"),
    ("models: {exposure: [{equals: {of: age, value: x}}]}", '"x" is not a number'),
    ("models: {exposure: log(age)}", "should be linear or a list of terms"),
    ("models: {outcome: {terms: linear, by_arm: true, interactions: [age]}}", "one pooled model"),
    ("models: {outcome: {terms: linear, interactions: [agee]}}", "models.outcome.interactions:"),
    ("records: {unit: child}", "records: names no table"),
    ("records: {table: a.csv, package: p, file: f}", "table and package are given together"),
    ("records: {package: p}", "file is missing"),
    ("records: {table: a.csv, name: t}", "records.name: is for DuckDB files"),
    ("records: {stack: [{where: {a: 1}}]}", "has neither table nor package and file"),
    ("records: {tabel: a.csv}", 'Did you mean "table"?'),
    ("arms: {column: s, levels: {0: none}}", "arms.levels: needs two arms or more"),
    ("arms: {column: s, levels: {0: none, 1: none}}", "needs two arms or more; 1 found"),
    ("arms: {column: s, levels: {0: a, 0.0: b}}", 'the values "0" and "0.0" are the same'),
    ("arms: {column: s, levels: {0: a, 1: }}", 'the value "1" has no arm'),
    ("arms: {column: s, levels: [a, b]}", "arms.levels: should be {0: none, 1: services}"),
    ("arms: {levels: {0: a, 1: b}}", "arms.column: is missing. It says: The column that holds"),
    ("arms: {column: s, levels: {0: a, 1: b}, words: {c: x}}", '"c" is not an arm.'),
    (
        "arms: {none: nothing, support: SEN Support}",
        "arms: has no column, but records is one table",
    ),
    ("outcomes: {reading: {kind: continuous}}", "outcomes.reading.column: is missing"),
    ("outcomes: {reading: {column: r, kind: continous}}", 'Did you mean "continuous"?'),
    ("outcomes: {reading: {column: r, beter: lower}}", 'Did you mean "better"?'),
    ("outcomes: {reading: {column: r, exposure: t}}", "person-time belongs to kind count"),
    ("outcomes: {reading: {column: r, event: t}}", "belongs to kind time"),
    ("outcomes: {reading: {column: r, kind: time}}", "kind time needs event"),
    ("outcomes: {reading: {column: support}}", '"support" is the exposure (arms.column)'),
    ("outcomes: {}", "outcomes: is missing"),
    ("assignment: {observed: {given: [age, support]}}", '"support" is the exposure (arms.column)'),
    ("assignment: {observed: {given: [age, score]}}", '"score" is the column of outcome reading'),
    ("assignment: {observed: {given: [age, child]}}", '"child" names the child'),
    ("assignment: {observed: {given: [age, w]}}", '"w" is the weight'),
    ("assignment: {observed: {given: [age, age]}}", '"age" is named twice'),
    ("assignment: {observed: {given: age}}", "should be a list of covariates, or {all_but:"),
    ("assignment: {observed: {given: {all: []}}}", '"all" is not a key here'),
    (
        "assignment: {observed: {given: [], cluster: scool}}",
        'Allowed: school. Did you mean "school"?',
    ),
    ("assignment: {observed: {}}", "assignment.observed.given: is missing"),
    ("assignment: {observed: {given: []}, randomised: {design: simple}}", "needs exactly one of"),
    ("assignment: {}", "needs exactly one of"),
    ("assignment: {randomised: {design: simpel}}", 'Did you mean "simple"?'),
    ("assignment: {randomised: {unit: area}}", '"area" is not a level of records.clusters'),
    ("question: [a]", "question: should be text; a list was found"),
    ("question: ''", "question: is empty text"),
    ("question:", "question: is missing. It says: The question in one sentence."),
]


@pytest.mark.parametrize(("line", "fault"), FAULTS, ids=[f"{n}" for n in range(len(FAULTS))])
def test_a_fault_is_named_with_its_place_and_its_mend(line, fault):
    text = instead(line)
    found = problems(text)
    assert any(fault in each for each in found), found
    last = len(text.splitlines())
    named = next(each for each in found if fault in each)
    if "is missing. It says" not in named or "." in named.split(": ")[1]:
        assert named.startswith(f"bad.yaml:{last}: "), named


@pytest.mark.parametrize(
    "key", ["study", "question", "arms", "outcomes", "assignment", "estimators"]
)
def test_what_every_study_must_say(key):
    kept = [line for line in SMALL.splitlines() if not line.startswith(f"{key}:")]
    found = problems("\n".join(kept))
    assert len(found) == 1 and f" {key}: is missing. It says: " in found[0]


def test_outcome_before_exposure_and_covariate_after_it():
    text = (
        instead("arms: {column: support, levels: {0: none, 1: support}, at: 2002}").replace(
            "reading: {column: score}", "reading: {column: score, at: 2001}"
        )
        + "covariates:\n  age: {at: 2002}\n  need: {at: 2003}\n"
    )
    before, after = sorted(problems(text), key=lambda line: "covariate" in line)
    assert (
        "outcomes.reading.at: outcome before exposure: measured at 2001, the arms at 2002" in before
    )
    assert "covariates.need.at: covariate after exposure: measured at 2003" in after
    assert after.startswith("bad.yaml:10:")


@pytest.mark.parametrize(
    ("zero", "at", "fault"),
    [
        ("2002-09-01", "2002-08-31", "outcome before exposure"),
        ("2002-09-01", "2003", "Write both as numbers or both as dates"),
        ("3", "2.5", "outcome before exposure"),
        ("spring", "2003", "cannot be ordered"),
        ("2002-09-01", "2002-08", "outcome before exposure"),
        ("2002-13", "2003", "cannot be ordered"),
    ],
)
def test_times_are_ordered_as_numbers_or_dates(zero, at, fault):
    text = instead(f"arms: {{column: a, levels: {{0: none, 1: support}}, at: {zero}}}")
    text = text.replace("reading: {column: score}", f"reading: {{column: score, at: {at}}}")
    assert any(fault in line for line in problems(text))


def test_a_later_date_in_a_shorter_form_is_not_before():
    text = instead('arms: {column: a, levels: {0: none, 1: support}, at: "2002-09-01"}')
    text = text.replace("reading: {column: score}", 'reading: {column: score, at: "2002"}')
    assert read_study("good.yaml", text=text).outcomes[0].at == "2002"


def test_all_faults_at_once_in_the_order_of_the_file():
    text = """\
study: bad
arms: {column: a, levels: {0: none, 1: support}}
outcomes:
  maths: {column: m, kind: continous}
  reading: {column: a}
assignment: {observed: {given: [age, a], cluster: school}}
estimand:
  contrast: [suport, none]
  target: [ate, atee]
estimators: [ipww]
nonsense: 1
"""
    found = problems(text)
    places = [int(line.split(":")[1]) for line in found]
    assert places == sorted(places)
    for place, word in (
        (1, "question: is missing"),
        (4, '"continous"'),
        (5, '"a" is the exposure'),
        (6, '"a" is the exposure'),
        (6, '"a" is the column of outcome reading'),
        (8, '"suport" is not an arm'),
        (9, '"atee" is not a target'),
        (10, '"ipww" is not an estimator'),
        (11, '"nonsense" is not a key'),
    ):
        assert any(line.startswith(f"bad.yaml:{place}: ") and word in line for line in found), word
    assert len(found) == 9


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file is empty"),
        ("  \n# only a comment\n", "a study is a mapping (key: value); only words or comments"),
        ("- study: a\n", "a study is a mapping (key: value); a list was found"),
        ("some words", "only words or comments was found"),
        ("study: a: b\n", "bad.yaml:1: this is not YAML: mapping values are not allowed here."),
        ("study: a\nquestion: [b\n", "this is not YAML"),
        ("study: a\n\tquestion: b\n", "Indent with spaces, not with a tab"),
        (
            "study: a\nquestion: b\nstudy: c\n",
            'bad.yaml:3: the key "study" is written twice (first',
        ),
        ("arms: {levels: {1: a, 1: b}}\n", 'the key "1" is written twice'),
        ("study: &x a\nquestion: *x\n", "bad.yaml:2: *x: aliases are not used in a study"),
        ("study: !!int 3\n", "tags are not used"),
        ("study: a\n---\nstudy: b\n", "One file holds one study"),
        ("? [a, b]\n: c\n", "a key must be a single word"),
        ("study: \x00\n", "this is not YAML"),
    ],
)
def test_what_is_not_a_document_is_one_plain_line(text, fault):
    found = problems(text)
    assert len(found) == 1 and fault in found[0] and "\n" not in found[0]


def test_files_that_cannot_be_read(tmp_path):
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("study: é\n".encode("latin-1"))
    for path, fault in (
        (tmp_path / "absent.yaml", "there is no such file"),
        (tmp_path, "this is a folder"),
        (latin, "byte 7 is not UTF-8. Save the file as UTF-8 text."),
    ):
        with pytest.raises(Malformed) as caught:
            read_study(path)
        assert len(caught.value.problems) == 1
        assert str(path) in caught.value.problems[0] and fault in caught.value.problems[0]


DOCUMENTS = [path.read_text(encoding="utf-8") for path in EXAMPLES]
DOCUMENTS += [SMALL, LINKED, init("observed"), init("randomised")]
SCRAPS = ["{", "}", "[", "]", ": ", "- ", "null", "{}", "[]", "-1", ".nan", "true", "\t", "é", "|"]


def damaged(seed: int) -> str:
    """Return a real document with a few of its words changed, removed or broken."""
    source = random.Random(seed)
    text = source.choice(DOCUMENTS)
    for _ in range(source.randint(1, 3)):
        pieces = re.findall(r"\w+|\s+|[^\w\s]", text)
        at = source.randrange(len(pieces))
        words = [piece for piece in pieces if piece[0].isalpha()]
        pieces[at] = source.choice([source.choice(SCRAPS), "", source.choice(words)])
        text = "".join(pieces)
    return text


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_a_damaged_document_gives_a_study_or_lines_that_name_their_place(seed):
    text = damaged(seed)
    try:
        hash(read_study("bad.yaml", text=text))
    except FingerpostError as error:
        for line in error.problems:
            assert re.match(r"bad\.yaml(:\d+)?: \S", line) and "\n" not in line
            assert int((re.match(r"bad\.yaml:(\d+)", line) or [0, 1])[1]) <= text.count("\n") + 1


def test_a_ratio_is_of_two_arms() -> None:
    """A weighted contrast of logarithms would be no ratio of means."""
    arms = "arms: {column: support, levels: {0: none, 1: support, 2: plan}}"
    text = f"""study: a
question: b?
records: {{table: t.csv}}
{arms}
outcomes: {{y: {{column: y, kind: binary}}}}
assignment: {{observed: {{given: [x]}}}}
estimand: {{contrast: {{support: 0.5, plan: 0.5, none: -1}}, scale: ratio}}
estimators: [ipw]
"""
    assert any("ratio is of two arms" in each for each in problems(text))
    assert not any(
        "ratio is of two arms" in each
        for each in problems(text.replace(", scale: ratio", ", scale: odds"))
    )
