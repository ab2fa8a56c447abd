"""How options are read: what is taken, what is a fault, in whose words; and bounds of leaves."""

from __future__ import annotations

import pytest

from fingerpost.core import leaves
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Estimand
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import OutcomeSpec, Records, Study
from fingerpost.estimators._options import Options, levels_of, written

STUDY = Study(
    "s",
    "?",
    records=Records(clusters=(("school", "urn"), ("family", "home"))),
    outcomes=(OutcomeSpec("maths", "maths"),),
)


def told(leaf: str, study: Study = STUDY, **options: object) -> tuple[str, ...]:
    """Return the faults that a leaf finds in options before any record is read."""
    found = leaves.load("estimators", leaf, kind=Estimator)
    assert found.check is not None
    try:
        found.check(study, options)
    except UsageError as fault:
        return fault.problems
    return ()


def test_a_value_is_shown_as_the_study_has_it():
    shown = [
        written(each) for each in (True, False, 0, 2.5, "no", (), (1,), None, (("a", (1, 2)),))
    ]
    assert shown == [
        *("true", "false", "0", "2.5", '"no"', "an empty list", "a list", "nothing", "a mapping")
    ]


def test_faults_are_kept_and_told_together_and_once():
    reads = Options("leaf", {"a": "x", "b": 0, "c": (1, "x"), "d": "wrong"})
    assert reads.flag("a") is False
    assert reads.whole("b", 7, least=1, most=9) == 7
    assert reads.numbers("c", "numbers", allowed=lambda each: True) == ()
    assert reads.word("d", ("right", "left")) == "right"
    reads.flag("a")
    with pytest.raises(UsageError) as fault:
        reads.finish()
    assert fault.value.problems == (
        'estimators: leaf: a takes true or false; "x" was found.',
        "estimators: leaf: b takes a whole number from 1 to 9; 0 was found.",
        'estimators: leaf: c takes numbers; "x" was found.',
        'estimators: leaf: d takes right or left; "wrong" was found.',
    )


def test_what_is_not_said_is_its_default_and_no_fault():
    reads = Options("leaf", {})
    assert (reads.flag("a", True), reads.whole("b", 3, least=1), reads.number("c")) == (
        True,
        3,
        None,
    )
    assert (reads.names("d"), reads.level("e", ()), reads.word("f", ("x", "y"))) == ((), None, "x")
    reads.finish()


@pytest.mark.parametrize("wrong", [True, "1", float("nan"), float("inf"), (1,), None])
def test_a_number_is_finite_and_no_flag(wrong):
    reads = Options("leaf", {"a": wrong})
    assert reads.number("a") is None and len(reads.problems) == 1


def test_one_column_is_one_column():
    for said, found in (("x", ("x",)), (("x",), ("x",)), (("x", "y"), ()), ((), ()), (3, ())):
        reads = Options("leaf", {"a": said})
        assert reads.names("a", one=True) == found
        assert bool(reads.problems) == (not found)


def test_levels_are_those_of_the_records():
    assert levels_of(STUDY) == ("school", "family")
    assert told("within", level="family") == ()
    (only,) = told("within", level="famly")
    assert '"famly" was found. Did you mean "family"? There are: school or family.' in only
    (only,) = told("iv", preference="ghost")
    assert "preference takes a level of records" in only
    assert told("iv", preference="school", above=0.5) == ()


@pytest.mark.parametrize("good", [(0.05, 20), 2, (0.5, 1, 2)])
def test_deltas_are_held_to_the_range_of_the_target(good):
    assert told("incremental", deltas=good) == ()


@pytest.mark.parametrize(("bad", "shown"), [((0.5, 1000), "1000"), (0.01, "0.01"), ((-1,), "-1")])
def test_deltas_beyond_it_are_a_fault(bad, shown):
    (only,) = told("incremental", deltas=bad)
    assert only.endswith(f"such as [0.5, 1, 2]; {shown} was found.") and "0.05 to 20" in only


@pytest.mark.parametrize(
    "bad", [(0, 1e300), (0, float("inf")), (-1e15, 1), (5, 1), (1, 1), (True, 3)]
)
def test_a_range_is_of_two_rising_sensible_numbers(bad):
    (only,) = told("tmle", range=bad)
    assert "two rising numbers" in only and only.endswith("a list was found.")


def test_a_range_is_for_outcomes_that_are_continuous():
    days = (*STUDY.outcomes, OutcomeSpec("days", "days", "count"))
    study = Study("s", "?", outcomes=days)
    (only,) = told("tmle", study, range=(0, 100))
    assert "days is of kind count" in only
    assert told("tmle", range=(0, 100)) == ()


def test_the_bias_is_not_looked_for_in_less_than_half_the_window():
    for h, b in ((10, 4.9), (1, 0.1)):
        (only,) = told("rdd", bandwidth=h, bias_bandwidth=b)
        assert "bias_bandwidth is less than half of bandwidth" in only
    for h, b in ((10, 5), (10, 10), (10, 30)):
        assert told("rdd", bandwidth=h, bias_bandwidth=b) == ()


@pytest.mark.parametrize("bad", [0, -1, float("inf"), True, (1, 2), "wide"])
def test_bandwidths_are_finite_and_above_nought(bad):
    assert len(told("rdd", bandwidth=bad, bias_bandwidth=bad)) == 2


def test_the_learner_that_was_written_is_the_one_blamed():
    (only,) = told("double_ml", learner="forest")
    assert only.startswith("estimators: double_ml: learner takes")
    (only,) = told("double_ml", learner="linear", outcome_learner=3)
    assert only.startswith("estimators: double_ml: outcome_learner takes")


def test_learners_are_not_imported_before_the_records_are_read():
    assert told("double_ml", learner="no.such.Thing") == ()


def test_a_line_of_the_outcome_is_for_differences_only():
    study = Study("s", "?", outcomes=STUDY.outcomes, estimand=Estimand(scale="ratio"))
    (only,) = told("g_estimation", study, outcome_model=True)
    assert "outcome_model is for differences" in only
    assert told("g_estimation", outcome_model=True) == ()


def test_an_instrument_that_is_adjusted_for_is_none():
    from fingerpost.core.assignment import Observed

    study = Study("s", "?", outcomes=STUDY.outcomes, assignment=Observed(("draw", "age")))
    (only,) = told("iv", study, instrument=("draw", "lot"))
    assert "draw is also a covariate" in only
