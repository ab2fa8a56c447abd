"""A study of access from children to finding, gate and report."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.errors import Undisclosable
from fingerpost.core.finding import Finding
from fingerpost.core.output import Output
from fingerpost.core.provenance import Provenance
from fingerpost.release.clear import clear
from fingerpost.reports.results import results, schema
from fingerpost.reports.words import answers, reasons
from fingerpost.reports.write import write_report
from fingerpost.studies.access.cohort import UNSEEN, AccessCohort
from fingerpost.studies.access.places import variation
from fingerpost.studies.access.run import found_in
from fingerpost.studies.access.timing import timing
from fingerpost.studies.access.trajectories import PATHS, paths_of, trajectories
from units.studies.access import worlds


@cache
def cohort(recorded: str = worlds.ALL, n: int = 12_000, planted: float = -0.5) -> AccessCohort:
    return worlds.cohort(n, seed=11, planted=planted, recorded=recorded)


@cache
def finding(recorded: str = worlds.ALL) -> Finding:
    made = Provenance("digest", synthetic=True)
    return found_in(worlds.study(), cohort(recorded), provenance=made)


@cache
def output(recorded: str = worlds.ALL, release: str = "none") -> Output:
    return clear(finding(recorded), release=release)


def test_a_planted_gap_is_told_and_a_gap_of_need_alone_is_not() -> None:
    planted = next(r for r in output().results if r.estimator == "equal_need")
    assert planted.lo is not None and planted.lo < worlds.truth(-0.5) < (planted.hi or 0.0) < 0
    only_need = clear(
        found_in(worlds.study(), cohort(planted=0.0), provenance=Provenance("")), release="none"
    )
    observed = next(r for r in only_need.results if r.estimator == "observed")
    left = next(r for r in only_need.results if r.estimator == "equal_need")
    assert (observed.lo or 0.0) > 0.05
    assert left.lo is not None and left.lo < 0 < (left.hi or 0.0)
    assert any("do not settle whether one is left" in text for text in answers(only_need))


def test_no_gap_as_large_as_matters_is_said_where_the_interval_says_so() -> None:
    study = worlds.study(access=replace(worlds.study().access, important=0.05))
    told = clear(found_in(study, cohort(planted=0.0), provenance=Provenance("")), release="none")
    assert any("no gap as large as the smallest that matters (5" in text for text in answers(told))


def test_need_of_the_provided_alone_is_a_clear_we_cannot_tell() -> None:
    told = output(worlds.PROVIDED)
    assert told.status == "refused"
    assert [term.target.kind for r in told.refusals for term in r.terms] == ["equal_need"]
    assert any("at equal need: we cannot tell" in text for text in answers(told))
    assert all(result.estimator != "equal_need" for result in told.results)
    assert any("whether or not they are provided for" in text for text in reasons(told))


def test_need_at_concern_answers_for_children_with_a_concern_and_says_so() -> None:
    told = output(worlds.CONCERN)
    (at_need,) = [r for r in told.results if r.estimator == "equal_need"]
    assert at_need.term.subgroup == "children of whom a concern was raised"
    assert at_need.n == int(cohort(worlds.CONCERN).concern.sum())
    assert any("raised at all comes first" in text for text in reasons(told))


@pytest.mark.parametrize("recorded", [worlds.ALL, worlds.CONCERN, worlds.PROVIDED])
@pytest.mark.parametrize("release", ["none", "ons_srs"])
def test_every_policy_gives_a_report(tmp_path: Path, recorded: str, release: str) -> None:
    told = output(recorded, release)
    page = write_report(told, tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("Gaps between groups", "first provided for", "Places and paths", "Need"):
        assert words in page
    assert "Emulat" not in page and "triangulation" not in page.lower()


def test_results_meet_their_schema() -> None:
    import jsonschema

    jsonschema.validate(results(output(worlds.CONCERN)), schema())


def test_the_gate_shows_no_count_below_its_threshold() -> None:
    codes = cohort().groupings[0].codes.copy()
    codes[np.flatnonzero(cohort().provided)[:12]] = 2
    codes[np.flatnonzero(~cohort().provided)[:40]] = 2
    own = replace(
        cohort().groupings[0], labels=("no free meals", "free meals", "small group"), codes=codes
    )
    made = replace(cohort(), groupings=(own,), covariates={"social": cohort().covariates["social"]})
    told = clear(found_in(worlds.study(), made, provenance=Provenance("")), release="ons_srs")
    for table in told.tables:
        for name, kind in zip(table.columns, table.kinds, strict=True):
            if kind == "count":
                shown = [cell for cell in table.column(name) if cell is not None]
                assert all(isinstance(cell, int) and cell >= 10 for cell in shown)
                assert all(cell % 5 == 0 for cell in shown if isinstance(cell, int))


def test_nothing_leaves_where_hardly_anybody_is_provided_for() -> None:
    few = np.zeros(2000, bool)
    few[:4] = True
    made = replace(worlds.cohort(2000, seed=3), provided=few)
    with pytest.raises(Undisclosable):
        clear(found_in(worlds.study(), made, provenance=Provenance("")), release="ons_srs")


# ----------------------------------------------------------------------------- parts
def test_curves_of_groups_end_where_counting_says() -> None:
    made = cohort()
    told = timing(worlds.study(), made)
    rows = [row for row in told.tables[0].records() if row["time"] == 11.0]
    by_group = {row["arm"]: row["incidence"] for row in rows}
    # Nobody is censored before the end, so the curve is the plain share.
    plain = (made.cause == 1).mean()
    assert by_group["all children"] == pytest.approx(plain, abs=1e-12)
    fsm = made.groupings[0].codes
    shares = [(made.cause == 1)[fsm == code].mean() for code in (0, 1)]
    assert by_group["free meals"] == pytest.approx(shares[1], abs=1e-12)
    (answer,) = told.answers
    assert answer.estimate is not None
    assert answer.estimate.value[0] == pytest.approx(shares[1] - shares[0], abs=1e-12)


def test_children_of_whom_nothing_is_counted_from_are_not_in_the_curves() -> None:
    made = cohort()
    gone = np.where(np.arange(made.n) < 500, np.nan, made.time)
    told = timing(worlds.study(), replace(made, time=gone))
    rows = told.tables[1].records()
    assert sum(int(str(row["children"])) for row in rows) == made.n - 500


def test_the_spread_of_schools_is_found() -> None:
    rng = np.random.default_rng(5)
    made = cohort(n=30_000)
    school = rng.integers(0, 600, made.n)
    habit = worlds.SCHOOL_SD * rng.standard_normal(600)
    social = made.covariates["social"].values.astype(float)
    chance = 1 / (1 + np.exp(1.2 - 0.4 * social - habit[school]))
    made = replace(
        made, provided=rng.random(made.n) < chance, places={"school": school, "la": school // 20}
    )
    table, *_ = variation(worlds.study(), made)
    rows = {(row["place"], row["model"]): row for row in table.records()}
    own = rows[("school", "given the characteristics")]
    assert float(str(own["sd_lo"])) < worlds.SCHOOL_SD < float(str(own["sd_hi"]))
    assert float(str(own["sd"])) == pytest.approx(worlds.SCHOOL_SD, rel=0.12)
    assert float(str(own["icc"])) == pytest.approx(
        float(str(own["sd"])) ** 2 / (float(str(own["sd"])) ** 2 + np.pi**2 / 3)
    )


def test_schools_are_told_apart_from_their_authorities() -> None:
    rng = np.random.default_rng(6)
    made = cohort(n=30_000)
    school = rng.integers(0, 900, made.n)
    authority = school // 15
    social = made.covariates["social"].values.astype(float)
    for authority_sd in (0.0, 0.4):
        habit = (
            0.45 * rng.standard_normal(900)
            + authority_sd * rng.standard_normal(60)[np.arange(900) // 15]
        )
        chance = 1 / (1 + np.exp(1.2 - 0.4 * social - habit[school]))
        places = {"school": school, "la": authority}
        drawn = replace(made, provided=rng.random(made.n) < chance, places=places)
        table = variation(worlds.study(), drawn)[-1]
        assert table.name == "access_nested"
        rows = {(row["place"], row["model"]): row for row in table.records()}
        model = "given the characteristics"
        for place, planted in (
            ("local authority", authority_sd),
            ("school within its local authority", 0.45),
        ):
            own = rows[(place, model)]
            lo, sd, hi = (float(str(own[name])) for name in ("sd_lo", "sd", "sd_hi"))
            assert lo <= planted <= hi
            assert sd == pytest.approx(planted, abs=0.12)
        both = rows[("both together", model)]
        latent = authority_sd**2 + 0.45**2
        assert float(str(both["icc"])) == pytest.approx(latent / (latent + np.pi**2 / 3), abs=0.03)
        assert {row["clusters"] for row in rows.values()} == {60, 900}


def test_one_slope_for_the_covariates_is_as_good_as_all_of_them() -> None:
    from fingerpost.kernels.random_intercept import random_intercept

    made = cohort(n=12_000)
    x = np.column_stack(
        [np.ones(made.n), made.groupings[0].codes, made.covariates["social"].values]
    )
    _, codes = np.unique(made.places["school"], return_inverse=True)
    whole = random_intercept(
        x, made.provided.astype(float), codes=codes, names=("intercept", "fsm", "social")
    )
    table, *_ = variation(worlds.study(), made)
    own = next(
        row
        for row in table.records()
        if (row["place"], row["model"]) == ("school", "given the characteristics")
    )
    assert float(str(own["sd"])) == pytest.approx(whole.sd, rel=0.01)


def test_each_path_is_what_it_is_called() -> None:
    stories = {
        "never": [0, 0, 0, 0],
        "the same provision throughout": [1, 1, 1, 1],
        "began later, and kept or raised": [0, 0, 1, 2],
        "from the start, and raised": [1, 1, 2, 2],
        "from the start, and ended": [1, 1, 0, 0],
        "from the start, and lowered": [2, 1, 1, 1],
        "came and went": [0, 1, 0, 0],
        "not seen in every year": [0, UNSEEN, 1, 1],
    }
    found = paths_of(np.array(list(stories.values())))
    assert [PATHS[place].words for place in found] == list(stories)


def test_shares_of_a_year_are_of_the_children_seen_in_it() -> None:
    made = replace(worlds.cohort(4, seed=1), status=np.array([[0], [1], [1], [UNSEEN]]), years=(1,))
    years, paths = trajectories(made)
    shares = {row["status"]: row["share"] for row in years.records()}
    assert shares["none"] == pytest.approx(1 / 3) and shares["support"] == pytest.approx(2 / 3)
    assert sum(int(str(row["children"])) for row in paths.records()) == 4
