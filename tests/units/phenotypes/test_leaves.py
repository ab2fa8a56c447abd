"""Each phenotype on planted children, on both engines."""

from __future__ import annotations

from functools import cache

import pytest

from fingerpost.core.errors import UsageError
from fingerpost.core.leaves import Phenotype, load
from units.phenotypes.planted import PLANTED
from units.phenotypes.stores import Store, birth, child, day, death, episode, found

BORN = "2004-01-10"
SICK = "2004-03-01"


@pytest.fixture(params=("polars", "duckdb"))
def engine(request) -> str:
    return request.param


@cache
def leaf(name: str) -> Phenotype:
    return load("phenotypes", name, kind=Phenotype)


def store(engine: str, *episodes: dict, births: list[dict] | None = None, **tables) -> Store:
    """Return a store whose children were born at term on one day, unless said otherwise."""
    numbers = {row["child_id"] for row in episodes}
    born = [birth(number, BORN) for number in sorted(numbers)] if births is None else births
    return Store(engine, {"hes_apc": list(episodes), "birth": born, **tables})


def groups(name: str, held: Store, **options) -> dict[int, str]:
    return {number: row[2] for number, row in found(leaf(name).run(held, **options)).items()}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_code_puts_a_child_in_its_group(engine, name):
    planted = PLANTED[name]
    episodes = [episode(n, SICK, "Z380", code) for n, code in enumerate(planted)]
    told = {n: group for n, group in enumerate(planted.values()) if group}
    assert groups(name, store(engine, *episodes)) == told


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_every_group_is_planted(name):
    planted = {group for group in PLANTED[name].values() if group}
    declared = {group for group, _ in leaf(name).groups}
    assert declared - planted <= {"several", "born_very_early"}
    assert planted <= declared


# -------------------- clefts


def test_codes_of_lip_and_of_palate_are_lip_and_palate(engine):
    held = store(engine, episode(1, SICK, "Q360"), episode(1, "2005-01-01", "Q353"))
    assert groups("cleft_any", held) == {1: "cleft_lip_and_palate"}
    assert groups("cleft_any", held, until=day("2004-06-01")) == {1: "cleft_lip"}


def test_another_anomaly_takes_a_child_out_of_the_isolated_clefts_only(engine):
    episodes = [
        episode(1, SICK, "Q369", "Q213"),
        episode(2, SICK, "Q369"),
        episode(2, "2004-05-01", "Q909"),
        episode(3, SICK, "Q369", "Q101"),  # minor
        episode(4, SICK, "Q369", "Q261"),  # never counts
        episode(5, SICK, "Q369", "Q250"),  # born early: as a rule of no meaning
        episode(6, SICK, "Q369", "Q250"),
        episode(7, SICK, "Q369"),
        episode(7, "2005-02-01", "Q210"),  # first recorded after infancy
    ]
    births = [birth(n, BORN, 33 if n == 5 else 40) for n in range(1, 8)]
    held = store(engine, *episodes, births=births)
    assert set(groups("cleft_any", held)) == {1, 2, 3, 4, 5, 6, 7}
    assert set(groups("cleft_isolated", held)) == {3, 4, 5, 7}


def test_an_anomaly_known_later_does_not_take_a_child_out_before(engine):
    episodes = [episode(1, SICK, "Q369"), episode(1, SICK, "Q213", known="2011-01-01")]
    held = store(engine, *episodes)
    assert set(groups("cleft_isolated", held, until=held.until({1: "2010-01-21"}))) == {1}
    assert set(groups("cleft_isolated", held, until=held.until({1: "2011-01-21"}))) == set()


def test_an_anomaly_on_a_death_certificate_takes_a_child_out(engine):
    held = store(engine, episode(1, SICK, "Q369"), death=[death(1, "2004-04-01", "Q913")])
    assert groups("cleft_isolated", held) == {}
    assert groups("cleft_any", held) == {1: "cleft_lip"}


# -------------------- groups within conditions


def test_the_most_severe_degree_recorded_names_the_group(engine):
    held = store(engine, episode(1, SICK, "F70"), episode(1, "2008-01-01", "F72", "F79"))
    assert groups("learning_disability", held) == {1: "severe"}
    assert groups("learning_disability", held, until=day("2007-01-01")) == {1: "mild"}


def test_epilepsy_names_the_group_before_status_epilepticus(engine):
    held = store(engine, episode(1, SICK, "G419"), episode(1, "2005-01-01", "G403"))
    assert groups("epilepsy", held) == {1: "epilepsy"}


def test_severe_heart_disease_names_the_group(engine):
    held = store(engine, episode(1, SICK, "Q211", "Q204"))
    assert groups("congenital_heart_disease", held) == {1: "severe"}


@pytest.mark.parametrize("name", ["congenital_heart_disease", "major_congenital_anomaly"])
def test_duct_and_lung_artery_count_at_term_only(engine, name):
    weeks = {1: 36, 2: 37, 3: None}
    births = [birth(n, BORN, of) for n, of in weeks.items()]
    for code in ("Q250", "Q256"):
        held = store(engine, *[episode(n, SICK, code) for n in weeks], births=births)
        assert set(groups(name, held)) == {2}
    held = store(engine, *[episode(n, SICK, "Q250", "Q210") for n in weeks], births=births)
    assert set(groups(name, held)) == {1, 2, 3}


@pytest.mark.parametrize("name", ["congenital_heart_disease", "major_congenital_anomaly"])
def test_anomalies_count_up_to_the_first_birthday(engine, name):
    starts = {1: "2005-01-09", 2: "2005-01-10"}
    held = store(engine, *[episode(n, start, "Q210") for n, start in starts.items()])
    assert set(groups(name, held)) == {1}
    deaths = [death(n, start, "Q210") for n, start in starts.items()]
    births = [birth(n, BORN) for n in starts]
    assert set(groups(name, store(engine, births=births, death=deaths))) == {1}


# -------------------- major congenital anomaly


def test_isolated_is_exactly_one_system(engine):
    episodes = [
        episode(1, SICK, "Q210", "Q213"),  # two codes, one system
        episode(2, SICK, "Q210"),
        episode(2, "2004-06-01", "Q390"),
        episode(3, SICK, "Q909", "Q212"),
    ]
    held = store(engine, *episodes)
    told = {1: "heart", 2: "several", 3: "several"}
    assert groups("major_congenital_anomaly", held) == told
    assert groups("major_congenital_anomaly", held, alone=True) == {1: "heart"}


def one(engine: str, anomaly: str, **codes: str) -> set[str]:
    """Return which of the named children have one anomaly."""
    numbers = dict(enumerate(codes))
    held = store(engine, *[episode(n, SICK, codes[name]) for n, name in numbers.items()])
    return {numbers[n] for n in groups("major_congenital_anomaly", held, anomaly=anomaly)}


def test_trisomy_18_is_not_every_chromosomal_anomaly(engine):
    codes = {"eighteen": "Q913", "thirteen": "Q917", "down": "Q909", "turner": "Q969"}
    assert one(engine, "trisomy_18", **codes) == {"eighteen"}
    assert one(engine, "trisomy_13", **codes) == {"thirteen"}
    assert one(engine, "down_syndrome", **codes) == {"down"}
    assert one(engine, "turner_syndrome", **codes) == {"turner"}


@pytest.mark.parametrize(("anomaly", "stem"), [("polydactyly", "Q69"), ("syndactyly", "Q70")])
def test_polydactyly_and_syndactyly_are_found_by_their_subdivisions(engine, anomaly, stem):
    codes = {"bare": stem, "first": f"{stem}0", "last": f"{stem}9", "other": "Q710"}
    assert one(engine, anomaly, **codes) == {"bare", "first", "last"}


def test_one_anomaly_alone(engine):
    held = store(engine, episode(1, SICK, "Q549"), episode(2, SICK, "Q549", "Q210"))
    asked = {"anomaly": "hypospadias"}
    assert groups("major_congenital_anomaly", held, **asked) == {1: "genital", 2: "genital"}
    assert groups("major_congenital_anomaly", held, **asked, alone=True) == {1: "genital"}


def test_an_anomaly_that_is_not_in_the_list_is_refused(engine):
    with pytest.raises(UsageError, match='Did you mean "hypospadias"'):
        leaf("major_congenital_anomaly").run(store(engine), anomaly="hypospadia")


# -------------------- preterm


WEEKS = {1: 23, 2: 24, 3: 27, 4: 28, 5: 31, 6: 32, 7: 33, 8: 34, 9: 36, 10: 37, 11: 41, 12: 42}


def test_bands_of_gestation(engine):
    held = store(
        engine, births=[birth(n, BORN, weeks) for n, weeks in (*WEEKS.items(), (13, None))]
    )
    told = {2: "24-27", 3: "24-27", 4: "28-31", 5: "28-31", 6: "32-33", 7: "32-33"}
    told |= {8: "34-36", 9: "34-36"}
    assert groups("preterm", held) == told
    assert groups("preterm", held, term=True) == told | {10: "37-41", 11: "37-41"}


def test_preterm_takes_live_births_known_in_time(engine):
    births = [birth(1, BORN, 30, live=0), birth(2, BORN, 30, live=1), birth(3, BORN, 30)]
    births += [birth(4, BORN, 30, known_from="2006-01-01")]
    held = store(engine, births=births)
    assert set(groups("preterm", held)) == {2, 3, 4}
    assert set(groups("preterm", held, until=day("2005-01-01"))) == {2, 3}


# -------------------- neurodisability


def test_birth_so_early_or_small_counts_where_nothing_else_does(engine):
    births = [birth(1, BORN, 25), birth(2, BORN, 26, 999), birth(3, BORN, 26, 1000)]
    births += [birth(4, BORN, 25)]
    held = store(engine, episode(4, SICK, "G800"), births=births)
    told = {1: "born_very_early", 2: "born_very_early", 4: "cerebral_palsy"}
    assert groups("neurodisability", held) == told


def test_dates_are_those_of_the_first_condition(engine):
    held = store(engine, episode(1, SICK, "F900"), episode(1, "2009-01-01", "G809"))
    dates = found(leaf("neurodisability").run(held))
    assert dates == {1: (day(SICK), day(SICK), "cerebral_palsy")}


def test_without_births_age_comes_from_the_month_of_birth(engine):
    held = Store(
        engine,
        {
            "hes_apc": [episode(1, "2005-01-14", "Q210"), episode(2, "2005-01-15", "Q210")],
            "child": [child(1, "2004-01-01"), child(2, "2004-01-01")],
        },
    )
    assert set(groups("major_congenital_anomaly", held)) == {1}
