"""Extracts as national collections name and code them, converted and read back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.records.adapter import adapters, read_adapter
from fingerpost.records.check import check
from fingerpost.records.convert import Converted, Piece, convert
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import open_store
from units.records.frames import rows

SPRING_2015 = (
    "PupilMatchingRefAnonymous_SPR15,URN_SPR15,LA_SPR15,NCyearActual_SPR15,EnrolStatus_SPR15,"
    "SENprovision_SPR15,PrimarySENtype_SPR15,FSMeligible_SPR15,IDACIScore_SPR15,Gender_SPR15,"
    "EthnicGroupMajor_SPR15,LanguageGroupMajor_SPR15,YearOfBirth_SPR15,MonthOfBirth_SPR15\n"
    "00A,1001,201,R,C,K,SLCN,0,0.12,M,WHIT,1_ENG,2010,9\n"
    "00B,1001,201,1,M,e,ASD,1,0.5,F,ASIA,2_OTH,2009,1\n"
    "00B,1002,201,1,S,S,,1,0.5,F,ASIA,2_OTH,2009,1\n"
    "00C,1002,202,X,C,,,0,oops,F,,3_UNCL,2004,12\n"
)
AUTUMN_2013 = (
    SPRING_2015.replace("_SPR15", "_AUT13").replace(",K,", ",A,").replace(",S,S,", ",S,P,")
)
ABSENCE_2015 = (
    "PupilMatchingRefAnonymous_AB15,URN_AB15,SessionsPossibleAutumn_AB15,"
    "SessionsPossibleSpring_AB15,SessionsPossibleSummer_AB15,SessionsPossibleSummer6th_AB15,"
    "OverallAbsenceAutumn_AB15,OverallAbsenceSpring_AB15,OverallAbsenceSummer_AB15,"
    "OverallAbsenceSummer6th_AB15,AuthorisedAbsenceAutumn_AB15,AuthorisedAbsenceSpring_AB15,"
    "UnauthorisedAbsenceAutumn_AB15,UnauthorisedAbsenceSpring_AB15\n"
    "00A,1001,140,120,60,50,4,2,1,2,3,2,1,0\n"
    "00B,1001,138,,,,0,,,,0,,0,\n"
)
KS2_2019 = (
    "PupilMatchingRefAnonymous,ACADYR,URN,KS2_READSCORE,KS2_MATSCORE,KS2_READEXP,KS2_MATEXP\n"
    "00A,2018/2019,1001,104,99,1,0\n00B,201819,1001,,,,\n"
)
# Levels to 2015, outcomes from 2016: W stands lowest, GDS and level 3 alike; A was absent.
KS1 = {
    "KS1Pupil_2015": "PupilMatchingRefAnonymous,ACADYR,URN,KS1_READ,KS1_MATH\n"
    "00A,201415,1001,2B,W\n00B,201415,1001,3,A\n00C,201415,1001,A,D\n",
    "KS1Pupil_2016": "PupilMatchingRefAnonymous,ACADYR,URN,KS1_READ_OUTCOME,KS1_MATH_OUTCOME\n"
    "00D,201516,1001,EXS,GDS\n00E,201516,1001,WTS,BLW\n",
}
HES = (
    "TOKEN_PERSON_ID,EPIKEY,EPISTART,EPIEND,ADMIDATE,DISDATE,EPIORDER,EPITYPE,CLASSPAT,ADMIMETH,"
    "STARTAGE,DIAG_01,DIAG_02,OPERTN_01,GESTAT_1,BIRWEIT_1,MATAGE,RESGOR,IMD04_DECILE\n"
    "T1,1,2010-09-03,2010-09-05,2010-09-03,2010-09-05,1,3,1,82,7001,Z380,Q37.9D,-,38,3100,31,H,"
    "Most deprived 10%\n"
    "T1,2,2012-01-05,1801-01-01,2012-01-05,2012-01-09,1,1,1,21,1,J219X,,F291,99,9999,5,H,"
    "Least deprived 10%\n"
    "T2,3,05/02/2011,06/02/2011,1800-01-01,1801-01-01,98,1,1,2A,2,g80.1,,&,,,,H,\n"
    "T9,4,20110301,20110302,20110301,20110302,1,1,2,11,3,H660,,,,,,H,\n"
)
SPINE = "TOKEN_PERSON_ID,PupilMatchingRefAnonymous\nT1,00A\nT2,00B\n"


def written(place: Path) -> Path:
    """Write the extracts of both collections and the spine; return the extracts' folder."""
    folder = place / "extracts"
    folder.mkdir()
    for name, text in {
        "Spring_Census_2015": SPRING_2015,
        "Autumn_Census_2013": AUTUMN_2013,
        "Absence_3term_2015": ABSENCE_2015,
        "KS2Pupil_2019": KS2_2019,
        "readme_notes": "a,b\nx,y\n",
        "HES_APC_2010": HES,
    }.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (place / "spine.csv").write_text(SPINE)
    return folder


@pytest.fixture
def extracts(tmp_path) -> Path:
    return written(tmp_path)


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Converted:
    """Both collections converted at once."""
    place = tmp_path_factory.mktemp("both")
    spine = place / "spine.csv"
    names = ["npd", "hes"]
    out = place / "out"
    return convert(written(place), names, out=out, spine=spine, dates="day-first", blank=True)


def table(folder: Path, name: str) -> list[dict]:
    key = TABLES[name].key
    return rows(open_store(folder).frame(name), *key)


def test_censuses_become_one_table_with_the_term_and_year_of_their_columns(both):
    assert both.passed == ("readme_notes",)
    found = table(both.folder, "school_census")
    names = ("child_id", "academic_year", "term", "urn", "nc_year", "sen_provision", "enrolment")
    assert [tuple(row[n] for n in names) for row in found if row["term"] == "SPR"] == [
        ("00A", 2015, "SPR", "1001", 0, "K", "C"),
        ("00B", 2015, "SPR", "1001", 1, "E", "M"),
        ("00B", 2015, "SPR", "1002", 1, "S", "S"),
        ("00C", 2015, "SPR", "1002", None, None, "C"),
    ]
    autumn = [row for row in found if row["term"] == "AUT"]
    assert [row["sen_provision"] for row in autumn] == ["A", "E", "P", None]
    assert {row["academic_year"] for row in autumn} == {2013}
    assert {(r["term"], r["known_from"]) for r in found} == {
        ("SPR", date(2015, 1, 15)),
        ("AUT", date(2012, 10, 4)),
    }


def test_what_does_not_fit_is_counted_by_column_and_missing(both):
    census = next(p for p in both.pieces if p.file == "Spring_Census_2015")
    assert census == Piece("Spring_Census_2015", "school_census", 4, (("idaci_score", 1),))
    found = table(both.folder, "school_census")
    assert [row["idaci_score"] for row in found if row["child_id"] == "00C"] == [None, None]


def test_children_are_made_once_of_all_their_rows(both):
    names = ("child_id", "birth_month", "sex", "ethnicity", "first_language", "known_from")
    assert [tuple(row[n] for n in names) for row in table(both.folder, "child")] == [
        ("00A", date(2010, 9, 1), "M", "WHIT", "ENG", date(2012, 10, 4)),
        ("00B", date(2009, 1, 1), "F", "ASIA", "OTH", date(2012, 10, 4)),
        ("00C", date(2004, 12, 1), "F", None, None, date(2012, 10, 4)),
    ]


def test_absence_by_columns_becomes_rows_by_term(both):
    names = ("child_id", "term", "sessions_possible", "overall", "authorised", "unauthorised")
    assert [tuple(row[n] for n in names) for row in table(both.folder, "absence")] == [
        ("00A", "AUT", 140, 4, 3, 1),
        ("00A", "SPR", 120, 2, 2, 0),
        ("00A", "SUM", 110, 3, None, None),
        ("00B", "AUT", 138, 0, 0, 0),
    ]
    found = table(both.folder, "absence")
    assert [row["known_from"] for row in found[:3]] == [
        date(2014, 12, 31),
        date(2015, 3, 31),
        date(2015, 8, 31),
    ]


def test_years_are_read_however_written_and_absent_marks_are_not_assessed(both):
    names = ("child_id", "academic_year", "reading", "maths", "maths_expected", "assessed")
    assert [tuple(row[n] for n in names) for row in table(both.folder, "ks2")] == [
        ("00A", 2019, 104.0, 99.0, 0, 1),
        ("00B", 2019, None, None, None, 0),
    ]


def test_levels_and_outcomes_of_key_stage_1_become_numbers_on_one_line(tmp_path):
    (tmp_path / "in").mkdir()
    for name, text in KS1.items():
        (tmp_path / "in" / f"{name}.csv").write_text(text, encoding="utf-8")
    done = convert(tmp_path / "in", ["npd"], out=tmp_path / "out")
    names = ("child_id", "academic_year", "reading", "maths", "assessed")
    assert [tuple(row[n] for n in names) for row in table(done.folder, "ks1")] == [
        ("00A", 2015, 0.0, -3.0, 1),
        ("00B", 2015, 1.5, None, 1),
        ("00C", 2015, None, None, 0),
        ("00D", 2016, 0.25, 1.5, 1),
        ("00E", 2016, -0.75, -3.0, 1),
    ]


def test_hospital_episodes_are_linked_by_the_spine_and_cleaned(both):
    out = both.folder
    assert Piece("HES_APC_2010", "hes_apc", 3, (), 1) in both.pieces
    found = table(out, "hes_apc")
    names = ("child_id", "episode_start", "episode_end", "admission_date", "discharge_date")
    assert [tuple(row[n] for n in names) for row in found] == [
        ("00A", *[date(2010, 9, d) for d in (3, 5, 3, 5)]),
        ("00A", date(2012, 1, 5), None, date(2012, 1, 5), date(2012, 1, 9)),
        ("00B", date(2011, 2, 5), date(2011, 2, 6), None, None),
    ]
    assert [(r["diag_01"], r["diag_02"], r["opertn_01"]) for r in found] == [
        ("Z380", "Q379", None),
        ("J219", None, "F291"),
        ("G801", None, None),
    ]
    numbers = ("gestation", "birth_weight", "mother_age", "imd_tenth", "start_age", "episode_order")
    assert [tuple(row[n] for n in numbers) for row in found] == [
        (38, 3100, 31, 1, 7001, 1),
        (None, None, None, 10, 1, 1),
        (None, None, None, None, 2, None),
    ]
    assert [row["known_from"].isoformat() for row in found] == [
        "2010-09-05",
        "2012-01-09",
        "2011-02-06",
    ]
    (birth,) = table(out, "birth")
    assert (birth["child_id"], birth["birth_date"]) == ("00A", date(2010, 9, 3))
    assert (birth["gestation_weeks"], birth["birth_weight_g"]) == (38, 3100)


def test_converted_records_keep_the_standard(both):
    report = check(open_store(both.folder))
    assert [(p.table, p.column, p.rule) for p in report.faults] == []
    assert [(p.column, p.rule, p.count) for p in report.problems] == [("sen_provision", "era", 1)]
    assert set(report.rows) == {"child", "school_census", "absence", "ks2", "hes_apc", "birth"}


@pytest.mark.parametrize("form", ["parquet", "duckdb", "dta"])
def test_other_forms_of_the_same_extract_give_the_same_table(extracts, tmp_path, form):
    import duckdb
    import pyreadstat

    census = pl.read_csv(extracts / "Spring_Census_2015.csv", infer_schema_length=100)
    place = tmp_path / form
    if form == "duckdb":
        place = tmp_path / "x.duckdb"
        with duckdb.connect(str(place)) as connection:
            connection.register("given", census.to_arrow())
            connection.execute("CREATE TABLE Spring_Census_2015 AS SELECT * FROM given")
    else:
        place.mkdir()
        path = place / f"Spring_Census_2015.{form}"
        if form == "dta":
            short = {
                name: name.replace("PupilMatchingRefAnonymous", "aPMR") for name in census.columns
            }
            pyreadstat.write_dta(census.rename(short), str(path))
        else:
            census.write_parquet(path)
    convert(place, ["npd"], out=tmp_path / "out", blank=True)
    convert(extracts / "Spring_Census_2015.csv", ["npd"], out=tmp_path / "first", blank=True)
    for name in ("school_census", "child"):
        assert table(tmp_path / "out", name) == table(tmp_path / "first", name)


def test_a_conversion_that_stopped_goes_on_and_another_is_refused(extracts, tmp_path, monkeypatch):
    import fingerpost.records.convert as module

    calls = []
    whole = module.sink_part

    def stops(folder, table, *, index, frame):
        calls.append(table)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(folder, table, index=index, frame=frame)

    monkeypatch.setattr(module, "sink_part", stops)
    with pytest.raises(KeyboardInterrupt):
        convert(extracts, ["npd"], out=tmp_path / "out", blank=True)
    assert not (tmp_path / "out" / "manifest.json").exists()
    first = list((tmp_path / "out").rglob("*.parquet"))
    assert len(first) == 1 and not list((tmp_path / "out").rglob("*.tmp"))
    stamp = first[0].stat().st_mtime_ns
    monkeypatch.setattr(module, "sink_part", whole)
    convert(extracts, ["npd"], out=tmp_path / "out", blank=True)
    assert first[0].stat().st_mtime_ns == stamp
    (extracts / "KS2Pupil_2019.csv").write_text(KS2_2019.replace("104", "105"))
    with pytest.raises(UsageError, match="made otherwise"):
        convert(extracts, ["npd"], out=tmp_path / "out", blank=True)


def test_sources_that_no_adapter_takes(tmp_path, extracts):
    with pytest.raises(Malformed, match="nothing at"):
        convert(tmp_path / "none", ["npd"], out=tmp_path / "out")
    (tmp_path / "other").mkdir()
    with pytest.raises(Malformed, match="holds no table"):
        convert(tmp_path / "other", ["npd"], out=tmp_path / "out")
    (tmp_path / "other" / "cats.csv").write_text("name,colour\nTom,red\n")
    with pytest.raises(Malformed, match=r"no adapter of npd or hes takes any file.*cats"):
        convert(tmp_path / "other", ["npd", "hes"], out=tmp_path / "out")
    with pytest.raises(UsageError, match='Did you mean "npd"'):
        convert(extracts, ["ndp"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_tells_no_year_is_refused(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    (place / "census.csv").write_text("aPMR,URN\n1,2\n")
    with pytest.raises(Malformed, match="does not tell its academic_year or term"):
        convert(place, ["npd"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_made_is_not_made_again(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "KS2.csv").write_text(KS2_2019)
    first = convert(tmp_path / "in", ["npd"], out=tmp_path / "out")
    again = convert(tmp_path / "in", ["npd"], out=tmp_path / "out")
    assert first.pieces == (Piece("KS2", "ks2", 2),) and again.pieces == ()


def test_a_spine_must_lead_to_one_child(extracts, tmp_path):
    (tmp_path / "spine.csv").write_text(SPINE + "T1,00C\n")
    with pytest.raises(Malformed, match="1 health identifiers lead to several"):
        convert(extracts, ["hes"], out=tmp_path / "out", spine=tmp_path / "spine.csv")
    (tmp_path / "spine.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Malformed, match="has no column"):
        convert(extracts, ["hes"], out=tmp_path / "out", spine=tmp_path / "spine.csv")


@pytest.mark.parametrize("name", adapters())
def test_every_adapter_can_be_read(name):
    adapter = read_adapter(name)
    assert adapter.rules and adapter.title
    for rule in adapter.rules:
        assert set(rule.needs) <= {*rule.columns, "birth_month"}


def test_an_adapter_of_ones_own_tells_all_its_faults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "tables:\n"
        "  - {table: absense, files: x, known: term, valid: term}\n"
        "  - {table: absence, files: '(', colums: {}, known: sometimes, valid: '13-01',\n"
        "     columns: {overal: [A]}, derive: [death]}\n"
    )
    with pytest.raises(Malformed) as caught:
        read_adapter(path)
    said = "\n".join(caught.value.problems)
    for part in ('"absense"', '"colums"', '"overal"', "`known`", "`valid`", "`files`", "`derive`"):
        assert part in said
    path.write_text("tables: [")
    with pytest.raises(Malformed, match="not YAML"):
        read_adapter(path)
