"""What each estimator may be asked, typed by hand from the method decisions, against what it says.

The table is the authority: a leaf that declares less than its row fails, so does one that declares
more, and so does a leaf without a row. A change of method is a change of this table first.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fingerpost.core import leaves
from fingerpost.core.estimand import OWN_TARGETS, SUMMARIES, Target, Term, pair
from fingerpost.core.leaves import Estimator
from fingerpost.studies.guard import term_tags

MENU = leaves.menu("estimators", Estimator)
NUMBERS = ("continuous", "binary", "count")
MARGINAL = ("ate", "att", "atu", "overlap", "received")
BOTH = ("difference", "ratio")
BY_EXPOSURE = ("simple", "exposure_average", "long_term", "at_exposure")
PANEL = (*BY_EXPOSURE, "group_average", "calendar_average")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    targets: those that a study may ask, or, of a leaf with targets of its own, those it gives.
    trimmed: whether each of them also after trimming. levels: `k`; `pairwise`: of k, two at a time;
    `2`; `ordered`: 2, or more in order. options: option → targets in its place. unless:
    target → the option that, set to false, bars it. randomised: answered under a simple draw.
    guard: how it is judged (section 4 of the decisions). drawn: only where the draw is known.
    """

    targets: tuple[str, ...]
    levels: str
    trimmed: bool = False
    scales: tuple[str, ...] = BOTH
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unless: tuple[tuple[str, str], ...] = ()
    randomised: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = NUMBERS
    summaries: tuple[str, ...] = ("mean", "risk", "rate")
    guard: str = "target"
    extrapolates: bool = False
    drawn: bool = False


TABLE = {
    # of arms that were drawn: by the draw alone, or by a working model (then a coefficient)
    "by_stratum": Row(("ate",), "k", guard="exempt", drawn=True),
    "cluster_means": Row(("ate",), "k", scales=("difference",), guard="exempt", drawn=True),
    "permutation_test": Row(
        ("ate",),
        "pairwise",
        scales=("difference",),
        outcomes=("continuous", "binary"),
        guard="exempt",
        drawn=True,
    ),
    "mixed": Row(
        ("conditional",), "k", scales=("difference",), outcomes=("continuous",), guard="exempt"
    ),
    # of an arm that stayed while others were dropped
    "chosen_arm": Row(
        ("ate",),
        "k",
        scales=("difference",),
        outcomes=("continuous", "binary"),
        guard="exempt",
        drawn=True,
    ),
    # of children whose schoolmates were drawn too
    "spillover": Row(
        ("ate",),
        "k",
        scales=("difference",),
        outcomes=("continuous", "binary"),
        guard="exempt",
        drawn=True,
    ),
    # of two draws, of doses that were drawn, of a short trial beside long records
    "regime_means": Row(("ate",), "k", guard="exempt", drawn=True),
    "q_learning": Row(("ate",), "k", outcomes=("continuous", "binary"), guard="exempt", drawn=True),
    "dose_response": Row(
        ("ate",), "k", outcomes=("continuous", "binary"), guard="exempt", drawn=True
    ),
    "surrogate_index": Row(
        ("ate",), "k", outcomes=("continuous", "binary"), guard="exempt", drawn=True
    ),
    # difference and ratio of standardised means; every target also trimmed; k arms
    "ipw": Row(MARGINAL, "k", trimmed=True),
    "ipw_ra": Row(MARGINAL, "k", trimmed=True),
    # the one leaf that may be shown beyond what was observed, under its own heading
    "g_formula": Row(MARGINAL, "k", trimmed=True, extrapolates=True),
    "aipw": Row(MARGINAL, "k", trimmed=True),
    "tmle": Row(MARGINAL, "k", trimmed=True),
    # its learners give a score of its own, so it is judged on that too
    "double_ml": Row(MARGINAL, "k", trimmed=True, guard="own"),
    # how the effect differs, beside the effect for all children
    "dr_learner": Row(("ate",), "k", trimmed=True, scales=("difference",), guard="own"),
    "subclassification": Row(MARGINAL, "k", trimmed=True),
    # overlap only
    "overlap": Row(("overlap",), "k"),
    "entropy_balancing": Row(("ate", "att", "atu"), "k", guard="own"),
    # ATE only with replacement; with a caliper the target is `matched`
    "matching": Row(
        ("att", "atu", "ate"),
        "pairwise",
        options=(("caliper", ("matched",)),),
        unless=(("ate", "replace"),),
        guard="own",
    ),
    # a coefficient, variance-weighted, not the ATE
    "regression": Row(("conditional",), "k", guard="exempt"),
    "within": Row(("conditional",), "k", guard="exempt"),
    # as weighting or g-formula, by horizon; risk and RMST, never a hazard ratio; `survival` is one
    # less the risk; weights for leaving are its own, and judged
    "survival": Row(
        MARGINAL,
        "k",
        trimmed=True,
        outcomes=("time",),
        summaries=("risk", "survival", "rmst"),
        guard="own",
    ),
    # of strategies sustained over time, which every child could have followed
    "time_varying": Row(("ate",), "k"),
    # answers without positivity
    "incremental": Row(("incremental",), "2", guard="exempt"),
    # the ATE under Randomised(simple)
    "naive": Row(("association",), "k", randomised=("ate",), guard="exempt"),
    # ratio by a multiplicative structural mean model; it has no score to be judged on
    "iv": Row(("compliers",), "ordered", guard="exempt"),
    # likewise; a ratio of two jumps is not given
    "rdd": Row(("cutoff",), "2", scales=("difference",), guard="exempt"),
    # blip parameters; ATE only under declared homogeneity
    "g_estimation": Row(("conditional",), "ordered", options=(("homogeneous", ("ate",)),)),
    # over panels: provision that begins in waves; parallel trends, or an order that was drawn
    "group_time": Row(PANEL, "2", scales=("difference",), guard="exempt"),
    "imputation": Row(PANEL, "2", scales=("difference",), guard="exempt"),
    "did": Row(PANEL, "2", scales=("difference",), guard="exempt"),
    # of one wave that begins and others that wait
    "ancova": Row(
        ("simple", "at_exposure", "exposure_average", "calendar_average", "group_average"),
        "2",
        scales=("difference",),
        guard="exempt",
        drawn=True,
    ),
    "random_timing": Row(PANEL, "2", scales=("difference",), guard="exempt", drawn=True),
    "gls_exposure_time": Row(BY_EXPOSURE, "2", scales=("difference",), guard="exempt", drawn=True),
    "randomisation_test": Row(BY_EXPOSURE, "2", scales=("difference",), guard="exempt", drawn=True),
}


def cells(row: Row) -> set[tuple[str, ...]]:
    """Return every cell of a row: what may be asked, how, and on which condition."""
    barred = dict(row.unless)
    found: set[tuple[str, ...]] = {
        ("target", kind, f"unless {barred[kind]}: false" if kind in barred else "always")
        for kind in row.targets
    }
    found |= {("target", kind, f"by {option}") for option, kinds in row.options for kind in kinds}
    found |= {("target", kind, "by a simple draw") for kind in row.randomised}
    found |= {("trimmed", one[1], one[2]) for one in set(found) if row.trimmed and asked_for(one)}
    found |= {("scale", scale) for scale in row.scales}
    found |= {("outcome", kind) for kind in row.outcomes}
    found |= {("summary", summary) for summary in row.summaries}
    extra = {("shown beyond what was observed",)} if row.extrapolates else set()
    extra |= {("only of a draw",)} if row.drawn else set()
    return found | extra | {("levels", row.levels), ("guard", row.guard)}


def asked_for(cell: tuple[str, ...]) -> bool:
    """Return whether a cell's target is a study's to ask, so that it may be trimmed."""
    return cell[1] not in OWN_TARGETS


def declared(leaf: Estimator) -> Row:
    """Return a descriptor as a row."""
    return Row(
        leaf.targets,
        leaf.levels,
        trimmed=leaf.trimmed,
        scales=leaf.scales,
        options=leaf.instead,
        unless=leaf.unless,
        randomised=leaf.randomised,
        outcomes=leaf.outcomes,
        summaries=leaf.summaries,
        guard=leaf.guard,
        extrapolates=leaf.extrapolates,
        drawn=leaf.drawn,
    )


def test_every_leaf_has_a_row_and_every_row_a_leaf():
    assert set(MENU) == set(TABLE)


@pytest.mark.parametrize("leaf", sorted(MENU))
def test_a_leaf_declares_what_was_decided_no_less_and_no_more(leaf):
    assert leaf in TABLE, f"{leaf} has no row in the table of methods"
    expected, found = cells(TABLE[leaf]), cells(declared(MENU[leaf]))
    assert not expected - found, f"{leaf} does not declare {sorted(expected - found)}"
    assert not found - expected, f"{leaf} declares beyond its row {sorted(found - expected)}"


@pytest.mark.parametrize("leaf", sorted(MENU))
def test_conditions_are_options_of_the_leaf(leaf):
    known = {option for option, _ in MENU[leaf].options}
    used = {option for option, _ in MENU[leaf].instead}
    used |= {option for _, option in MENU[leaf].unless}
    assert used <= known
    assert {kind for kind, _ in MENU[leaf].unless} <= set(MENU[leaf].targets)


@pytest.mark.parametrize("leaf", sorted(MENU))
def test_no_leaf_gives_a_hazard_or_odds_ratio(leaf):
    """A ratio is of standardised means, risks, rates or times: no other summary has a name."""
    assert set(MENU[leaf].summaries) <= set(SUMMARIES)
    assert not {"hazard", "odds"} & set(SUMMARIES)


def test_a_conditional_ratio_is_labelled_so():
    """A coefficient carries its label into every table, and no leaf gives it with a marginal."""
    term = Term("y", pair("support", "none"), Target("conditional"), scale="ratio")
    assert term.conditional and dict(term_tags(term))["target"] == "conditional"
    for row in TABLE.values():
        assert row.targets == ("conditional",) or "conditional" not in row.targets
