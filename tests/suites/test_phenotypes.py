"""What holds of every phenotype: each leaf is enrolled by existing."""

from __future__ import annotations

import importlib.util
import inspect
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from fingerpost.core.leaves import Phenotype, load, names
from units.phenotypes.planted import PLANTED
from units.phenotypes.stores import Store, birth, child, death, episode, found

ROOT = Path(__file__).resolve().parents[2]
LEAVES = names("phenotypes")
COLUMNS = {"child_id": pl.Int64, "first_date": pl.Date, "known_from": pl.Date, "group": pl.String}
LISTED = "code,dataset,field,code_type,description,group\r\nG80,hes_apc,diag,icd10,palsy,palsy\r\n"
MONTHS = [f"{year}-{month:02d}-05" for year in range(2004, 2009) for month in range(1, 13)]
ENDS = {number: MONTHS[5 + (3 * number) % 50] for number in range(0, 200, 2)}


@cache
def leaf(name: str) -> Phenotype:
    return load("phenotypes", name, kind=Phenotype)


@pytest.fixture(params=("polars", "duckdb"))
def engine(request) -> str:
    return request.param


@pytest.fixture
def options(tmp_path) -> dict[str, dict[str, object]]:
    """Return the options without which a leaf does not run."""
    (tmp_path / "mine.csv").write_text(LISTED, encoding="utf-8")
    return {"code_list": {"name": "mine", "folder": tmp_path}}


def every_code() -> list[str]:
    """Return every planted code of every leaf, and some of none."""
    return sorted({code for planted in PLANTED.values() for code in planted} | {"Z380", "J459"})


@cache
def world(engine: str, *, twice: bool = False) -> Store:
    """Return children with two codes each, recorded over five years and known later."""
    codes = every_code()
    episodes, births = [], []
    for number in range(2 * len(codes)):
        for turn in range(2):
            start = MONTHS[(7 * number + 11 * turn) % len(MONTHS)]
            known = MONTHS[min((7 * number + 11 * turn) % len(MONTHS) + number % 9, 59)]
            code = codes[(number + turn * (1 + number % 5)) % len(codes)]
            episodes.append(episode(number, start, "Z380", code, known=known))
        births.append(birth(number, "2004-01-02", 22 + number % 20, 700 + 70 * (number % 40)))
    if twice:
        # The same episodes again, in another order, with the codes in other places.
        moved = [row | {"diag_01": row["diag_02"], "diag_02": "Z380"} for row in episodes[::-1]]
        episodes = [*moved, *episodes]
    deaths = [death(number, "2008-12-01", codes[number]) for number in range(0, len(codes), 7)]
    children = [child(number, "2004-01-01") for number in range(2 * len(codes))]
    return Store(engine, {"hes_apc": episodes, "birth": births, "death": deaths, "child": children})


@cache
def stood(engine: str) -> Store:
    """Return the records of the world as they stood on the day of each child in `ENDS`."""
    tables = {
        table: [
            row
            for row in frame.iter_rows(named=True)
            if table == "child"
            or (row["child_id"] in ENDS and row["known_from"].isoformat() <= ENDS[row["child_id"]])
        ]
        for table, frame in world(engine).held.items()
    }
    return Store(engine, tables)


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_describes_itself(name):
    described = leaf(name)
    assert described.summary.endswith(".") and described.title[0].isupper()
    assert any(character.isdigit() for character in described.reference)
    assert described.limits, "what a group found so is not must be said"
    for line in (*described.terms, *described.limits):
        assert line.endswith(".")
    parameters = inspect.signature(described.run).parameters
    asked = {option for option, _ in described.options}
    assert set(parameters) == {"store", "until", *asked}
    assert set(described.needs) <= asked
    assert all(
        one.kind is inspect.Parameter.KEYWORD_ONLY
        for key, one in parameters.items()
        if key != "store"
    )


@pytest.mark.parametrize("name", LEAVES)
def test_rules_speak_of_the_groups_that_are_declared(name):
    described = leaf(name)
    declared = [group for group, _ in described.groups]
    assert len(declared) == len(set(declared))
    assert {rule.group for rule in described.rules} <= set(declared)


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_imports_no_sibling(name):
    text = (ROOT / "src" / "fingerpost" / "phenotypes" / f"{name}.py").read_text(encoding="utf-8")
    assert not [other for other in LEAVES if f"fingerpost.phenotypes.{other} " in text]


@pytest.mark.parametrize("name", LEAVES)
def test_children_are_planted_for_every_leaf(name):
    assert name in PLANTED or name in {"preterm", "code_list"}


@pytest.mark.parametrize("name", LEAVES)
def test_both_engines_find_the_same_children(name, options):
    more = options.get(name, {})
    told = [found(leaf(name).run(world(each), **more)) for each in ("polars", "duckdb")]
    assert told[0] == told[1]
    assert told[0]


@pytest.mark.parametrize("name", LEAVES)
def test_the_same_records_again_change_nothing(engine, name, options):
    more = options.get(name, {})
    once, twice = world(engine), world(engine, twice=True)
    assert found(leaf(name).run(twice, **more)) == found(leaf(name).run(once, **more))


@pytest.mark.parametrize("name", LEAVES)
def test_nothing_known_later_is_used(engine, name, options):
    """What is found by a day is what is found in the records as they stood on that day."""
    more = options.get(name, {})
    whole = world(engine)
    by_then = found(leaf(name).run(whole, until=whole.until(ENDS), **more))
    assert by_then == found(leaf(name).run(stood(engine), **more))
    for number, (_, known, _) in by_then.items():
        assert known.isoformat() <= ENDS[number]


@pytest.mark.parametrize("name", LEAVES)
def test_records_without_children_give_no_rows(engine, name, options):
    empty = Store(engine, {"hes_apc": [], "birth": [], "death": [], "child": []})
    frame = leaf(name).run(empty, **options.get(name, {})).collect("polars").to_native()
    assert dict(frame.schema) == COLUMNS and frame.height == 0


def test_the_page_of_the_manual_is_current():
    path = ROOT / "scripts" / "manual_phenotypes.py"
    spec = importlib.util.spec_from_file_location("manual_phenotypes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.page(), "run python scripts/manual_phenotypes.py"
    for name in LEAVES:
        assert f"{{ #{name} }}" in written
