"""What an extract holds besides the truth, and what the rules of cleaning make of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.cohorts.linked._eligible import enrolled
from fingerpost.core.errors import UsageError
from fingerpost.england import extract_noise
from fingerpost.england.extract_noise import Coding, as_coded, neighbour, two_rolls
from fingerpost.england.extract_page import extracts_page
from fingerpost.england.extracts import extract
from fingerpost.records.clean import highest_sen, one_enrolment
from fingerpost.records.convert import convert
from fingerpost.records.store import open_store
from units.england.test_extracts import records

CENSUS = ("child_id", "academic_year", "term", "urn", "la", "enrolment", "sen_provision")


def census(n: int = 4_000) -> pa.Table:
    """Return a census of children of three authorities, of which the last has one school."""
    rng = np.random.default_rng(3)
    la = rng.integers(1, 4, n)
    return pa.table(
        {
            "child_id": np.arange(n),
            "academic_year": np.full(n, 2011),
            "term": ["SPR"] * n,
            "urn": 100 * la + np.where(la < 3, rng.integers(0, 5, n), 0),
            "la": la,
            "enrolment": ["C"] * n,
            "school_type": np.where(rng.random(n) < 0.1, "special", "mainstream"),
        }
    )


def test_one_pupil_in_a_hundred_is_on_the_roll_of_a_second_school_of_its_authority():
    before = census()
    after = pl.from_arrow(two_rolls(before, 2011, share=0.1)).sort("child_id", "enrolment")
    second = after.filter(pl.col("enrolment") == "S")
    main = after.filter(pl.col("enrolment") == "M")
    could = pl.from_arrow(before).filter((pl.col("la") < 3) & (pl.col("school_type") != "special"))
    assert second["child_id"].to_list() == main["child_id"].to_list()
    # 0.1 of those who can be, within three errors; nobody of the authority with one school.
    assert abs(len(second) / len(could) - 0.1) < 3 * (0.09 / len(could)) ** 0.5
    assert set(second["child_id"]) <= set(could["child_id"])
    assert (second["la"] == main["la"]).all() and (second["urn"] != main["urn"]).all()
    assert after.drop("enrolment").unique().height == after.height  # and no row twice
    # The rest is as it was.
    rest = after.filter(pl.col("enrolment") != "S").with_columns(enrolment=pl.lit("C"))
    assert rest.equals(pl.from_arrow(before).sort("child_id"))
    assert extract_noise.TWO_ROLLS == 0.01


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same records from an extract in which nobody, and one in which everybody can be, is on
    two rolls: with a second child at each school, so that there are two schools.
    """
    place = tmp_path_factory.mktemp("rolls")
    england = records(place)
    more = "3,2011,SPR,105,201,1,C,N,0,mainstream,2011-01-20,2011-01-20\n"
    with (england / "school_census.csv").open("a", encoding="utf-8") as file:
        file.write(more)
    made = []
    for share in (0.0, 1.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(extract_noise.two_rolls, "__kwdefaults__", {"share": share})
            received = place / f"received {share:g}"
            extract(open_store(england), received)
        censuses = place / f"censuses {share:g}"
        censuses.mkdir()
        for path in (received / "extracts").glob("*_Census_*.csv"):
            shutil.copy(path, censuses)
        out = place / f"records {share:g}"
        convert(censuses, ["npd"], out=out)
        made.append(out)
    return made[0], made[1]


def table(frame, *key: str) -> pl.DataFrame:
    return frame.collect("polars").to_native().sort(*key)


def test_the_rules_of_cleaning_leave_one_roll_and_the_same_provision(both):
    once, twice = (open_store(folder).frame("school_census") for folder in both)
    assert len(table(twice, "child_id")) > len(table(once, "child_id"))
    key = ("child_id", "academic_year", "term")
    as_main = table(one_enrolment(twice).select(*CENSUS), *key)
    assert set(as_main["enrolment"]) == {"M", "C"}
    rest = [name for name in CENSUS if name != "enrolment"]
    assert as_main.select(rest).equals(
        table(one_enrolment(once).select(*CENSUS), *key).select(rest)
    )
    years = ("child_id", "academic_year")
    assert table(highest_sen(twice), *years).equals(table(highest_sen(once), *years))


def test_a_study_finds_the_same_child_at_the_same_school(both):
    asked = SimpleNamespace(zero=SimpleNamespace(year=1, census="spring"), school="state-funded")
    found = [table(enrolled(asked, open_store(folder)), "child_id") for folder in both]
    assert len(found[0]) == 2 and found[0].equals(found[1])


def test_codes_that_coders_write_otherwise_are_read_as_the_same(tmp_path):
    england = records(tmp_path)
    rows = [f"1,{n},,,2009-02-03,,1,21,4,Q37{n % 10},2009-02-03,2009-02-05" for n in range(400)]
    header = (england / "hes_apc.csv").read_text(encoding="utf-8").splitlines()[0]
    (england / "hes_apc.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    extract(open_store(england), tmp_path / "received")
    written = pl.read_csv(tmp_path / "received/extracts/HES_APC.csv")["DIAG_01"].to_list()
    otherwise = [code for code in written if len(code) != 4 or not code[0].isupper()]
    assert abs(len(otherwise) / 400 - 0.3) < 3 * (0.21 / 400) ** 0.5
    kinds = {"".join("9" if c.isdigit() else c for c in code) for code in written}
    assert kinds == {"Q999", "Q99.9", "Q999D", "Q99.9A", "q999"}
    spine = tmp_path / "received/spine.csv"
    convert(tmp_path / "received/extracts", ["hes"], out=tmp_path / "out", spine=spine)
    found = table(open_store(tmp_path / "out").frame("hes_apc"), "episode_id")
    assert sorted(found["diag_01"]) == sorted(f"Q37{n % 10}" for n in range(400))


def test_diagnoses_are_lost_and_mistaken_at_the_rates_that_were_asked_for():
    cells = pa.chunked_array([["Q379"] * 20_000])
    coding = Coding(missing=0.2, miscoded=0.1)
    side = [str(c)[:3].upper() for c in as_coded(cells, "diag_02", coding).to_pylist()]
    shares = [side.count(code) / 20_000 for code in ("NON", "Q38", "Q37")]
    # Lost 0.2; of the others mistaken 0.1: 0.08 and 0.72. Three errors are 0.0095 at most.
    assert shares == pytest.approx([0.2, 0.08, 0.72], abs=0.0096)
    first = [str(c)[:3].upper() for c in as_coded(cells, "diag_01", coding).to_pylist()]
    assert first.count("R69") / 20_000 == pytest.approx(0.2, abs=0.0096) and "NON" not in first
    assert neighbour(pa.chunked_array([["Q379", "F89", "J219"]])).to_pylist() == [
        "Q389",
        "F80",
        "J229",
    ]
    untouched = pa.chunked_array([["J219", None]])
    assert as_coded(untouched, "diag_02", Coding()).to_pylist()[1] is None


def test_a_share_that_is_none_is_refused_and_what_was_asked_for_is_told(tmp_path):
    with pytest.raises(UsageError) as caught:
        Coding(missing=1.5, miscoded=-1)
    assert len(caught.value.problems) == 2
    words = ("england", "extract", str(records(tmp_path)), "--out", str(tmp_path / "r"), "--quiet")
    done = CliRunner().invoke(app, [*words, "--diagnoses-missing", "0.25"])
    assert done.exit_code == 0, done.output
    assert "missing: 0.25" in (tmp_path / "r/extracts/SYNTHETIC").read_text("utf-8")


def test_the_manual_tells_every_column_of_every_file(root: Path, both):
    page = (root / "docs" / "manual" / "england-extracts.md").read_text(encoding="utf-8")
    assert page == extracts_page()
    files = list((both[0].parent / "received 0/extracts").glob("*.csv"))
    assert len(files) >= 5
    for path in files:
        section = next(
            part
            for part in page.split("\n### ")
            if path.stem.replace("2012", "2011") in part.splitlines()[0]
        )
        told = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        names = {name.split("_")[0] if "Census" in path.stem else name for name in header(path)}
        spans = {n for n in names if n.startswith(("DIAG_", "OPERTN_"))}
        assert names - spans == told - {"DIAG_01", "OPERTN_01"}
        assert len(spans) in (0, 44)


def header(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[0].replace('"', "").split(",")
