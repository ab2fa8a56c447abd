"""Reading lists of codes: the traps of their files, every fault at once, and what flags ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.phenotypes._codelist import find_list, read_list, read_notes
from fingerpost.phenotypes._lists import chosen, rules_of
from fingerpost.phenotypes.code_list import PHENOTYPE
from units.phenotypes.stores import Store, birth, day, death, episode, found

HEAD = "code,dataset,field,code_type,description"
BORN = "2004-01-10"


@pytest.fixture(params=("polars", "duckdb"))
def engine(request) -> str:
    return request.param


def written(folder: Path, *rows: str, name: str = "mine", head: str = HEAD, **how) -> Path:
    """Write a list; `mark` puts the mark of UTF-8 first, `encoding` is how it is written."""
    path = folder / f"{name}.csv"
    text = how.get("newline", "\r\n").join([head, *rows, ""])
    path.write_bytes(
        (b"\xef\xbb\xbf" if how.get("mark") else b"") + text.encode(how.get("encoding", "utf-8"))
    )
    return path


def row(code: str, words: str = "words", *, field: str = "diag", kind: str = "icd10") -> str:
    return f"{code},hes_apc,{field},{kind},{words}"


def groups(store: Store, path: Path, **options) -> dict[int, str]:
    frame = PHENOTYPE.run(store, name=str(path), **options)
    return {number: told[2] for number, told in found(frame).items()}


# -------------------- files


def test_a_mark_line_ends_and_dots_are_read_past(tmp_path):
    path = written(tmp_path, row("A81.0"), row("B20"), row("q35.1"), row("Q02X"), mark=True)
    whole = read_list(path)
    assert whole.columns[0] == "code"
    assert [one.code for one in whole.rows] == ["A810", "B20", "Q351", "Q02"]
    assert read_list(written(tmp_path, row("B20"), newline="\n", name="other")).rows[0].line == 2


def test_a_file_that_is_not_utf_8_is_read_as_latin_1(tmp_path):
    path = written(tmp_path, row("G61.0", "landry-guillain-barr\xe9"), encoding="latin-1")
    assert read_list(path).rows[0].labels["description"] == "landry-guillain-barré"


def test_spaces_around_a_value_are_no_part_of_it(tmp_path):
    head = f"{HEAD},group"
    path = written(tmp_path, row("F31") + ",mood ", row("F32") + ",mood", head=head)
    whole = read_list(path)
    assert [name for name, _ in rules_of(whole, chosen(whole)).groups] == ["mood"]


def test_a_kind_of_code_goes_before_the_field_it_is_put_under(tmp_path):
    whole = read_list(written(tmp_path, row("A12", field="diag", kind="opcs4")))
    assert whole.rows[0].field == "opertn"


def test_every_fault_is_told_at_once(tmp_path):
    head = f"{HEAD},flag"
    rows = [
        row("Q36") + ",",
        row("35.1") + ",",
        row("G40.311") + ",",
        row("") + ",",
        row("Q37") + ",los_3",
        row("Q35"),
        row("1000", field="birweit", kind="birweit") + ",",
        row("J45") + ",exclusion_codes",
    ]
    with pytest.raises(Malformed) as told:
        read_list(written(tmp_path, *rows, head=head))
    faults = told.value.problems
    assert len(faults) == 7
    for line, words in (
        (3, "no ICD-10 code"),
        (4, "more than four characters"),
        (5, "there is no code"),
        (6, 'flag "los_3" is not known. Did you mean "los3"'),
        (7, "5 values, but the header has 6"),
        (8, "no threshold"),
    ):
        assert any(f"mine.csv line {line}: " in fault and words in fault for fault in faults)
    assert any("mine_exclusions.csv; there is none" in fault for fault in faults)


def test_a_file_without_the_columns_of_a_list_is_refused(tmp_path):
    path = written(tmp_path, "Q36,x", head="code,words")
    with pytest.raises(Malformed, match="no column dataset, field or code_type"):
        read_list(path)
    with pytest.raises(Malformed, match="holds no code"):
        read_list(written(tmp_path, name="empty"))
    (tmp_path / "nothing.csv").write_bytes(b"")
    with pytest.raises(Malformed, match="no column code, dataset"):
        read_list(tmp_path / "nothing.csv")


def test_where_a_list_is_looked_for(tmp_path, monkeypatch):
    path = written(tmp_path, row("Q36"))
    assert find_list("mine", folder=tmp_path) == path
    assert find_list(str(path)) == path
    monkeypatch.delenv("FINGERPOST_CODELISTS", raising=False)
    with pytest.raises(UsageError, match="Set FINGERPOST_CODELISTS"):
        find_list("mine")
    monkeypatch.setenv("FINGERPOST_CODELISTS", str(tmp_path))
    assert find_list("mine") == path
    with pytest.raises(UsageError, match='Did you mean "mine"'):
        find_list("mime")
    with pytest.raises(UsageError, match="not itself a list"):
        find_list("mine_removals")
    with pytest.raises(UsageError, match="names no list"):
        PHENOTYPE.run(Store("polars", {}))


def test_the_digest_is_of_all_files_read(tmp_path):
    head = f"{HEAD},flag"
    path = written(tmp_path, row("J45") + ",exclusion_codes", head=head)
    beside = {"name": "mine_exclusions"}
    written(tmp_path, row("E84"), **beside)
    one = read_list(path).digest
    written(tmp_path, row("E85"), **beside)
    assert read_list(path).digest != one


# -------------------- what flags ask for


@pytest.mark.parametrize(
    ("flag", "meets", "fails"),
    [
        ("los3", {"discharge_date": "2005-01-04"}, {"discharge_date": "2005-01-03"}),
        ("age10", {"start_age": 10}, {"start_age": 9}),
        ("age_less_than_1", {"start_age": 7007}, {"start_age": 1}),
        ("age_less_than_5", {"start_age": 4}, {"start_age": 5}),
        ("age_less_than_28_days", {"start_age": 7003}, {"start_age": 7004}),
        ("startage_7001_7002", {"start_age": 7002}, {"start_age": 7003}),
        ("emergency_admission", {"admission_method": "2A"}, {"admission_method": "12"}),
        ("first_episode_only", {"episode_order": 1}, {"episode_order": 2}),
        ("code_truncated", {}, None),
        ("overlap_perinatal", {}, None),
    ],
)
def test_a_flag_is_honoured(engine, tmp_path, flag, meets, fails):
    path = written(tmp_path, row("F55") + f",{flag}", row("G80") + ",", head=f"{HEAD},flag2")
    episodes = [episode(1, "2005-01-01", "F55", **meets), episode(2, "2005-01-01", "G80")]
    if fails is not None:
        episodes.append(episode(3, "2005-01-01", "F55", **fails))
    assert set(groups(Store(engine, {"hes_apc": episodes}), path)) == {1, 2}


def test_gestation_and_weight_are_asked_for_by_one_flag(engine, tmp_path):
    line = row("K66.1", field="opertn", kind="opcs4") + ",bwt_2500_ga_37"
    path = written(tmp_path, line, head=f"{HEAD},flag2")
    births = [birth(1, BORN, 37, 2501), birth(2, BORN, 37, 2500), birth(3, BORN, 36, 2501)]
    episodes = [episode(n, BORN, "Z00", opertn=("K661",)) for n in (1, 2, 3)]
    assert set(groups(Store(engine, {"hes_apc": episodes, "birth": births}), path)) == {1}


def test_position_and_age_have_columns_of_their_own(engine, tmp_path):
    head = f"{HEAD},diag_position,age_criteria"
    lines = [row("R51") + ",first,0", row("T78") + ",any,", row("P91") + ",any,1"]
    path = written(tmp_path, *lines, head=head)
    episodes = [
        episode(1, BORN, "R51"),
        episode(2, BORN, "Z00", "R51"),
        episode(3, BORN, "Z00", "T78"),
        episode(4, BORN, "P91"),
        episode(5, "2004-03-01", "P91"),
    ]
    store = Store(engine, {"hes_apc": episodes, "birth": [birth(n, BORN) for n in (4, 5)]})
    assert set(groups(store, path)) == {1, 3, 4}


def test_thresholds_in_both_ways_of_writing(engine, tmp_path):
    births = [birth(1, BORN, 25), birth(2, BORN, 30, 999), birth(3, BORN, 26, 1000)]
    store = Store(engine, {"hes_apc": [], "birth": births})
    for weight, weeks in (("<1000", "<26"), ("bwt_less_than_1000_g", "ga_less_than_26_w")):
        lines = [row(weight, field="birweit", kind="birweit")]
        lines += [row(weeks, field="gestat", kind="gestat")]
        assert set(groups(store, written(tmp_path, *lines))) == {1, 2}


def test_exclusion_codes_undo_on_the_same_episode(engine, tmp_path):
    path = written(tmp_path, row("J45") + ",exclusion_codes", head=f"{HEAD},flag")
    written(tmp_path, row("E84"), row("Q39.1"), name="mine_exclusions", mark=True)
    episodes = [
        episode(1, BORN, "J459"),
        episode(2, BORN, "J459", "E840"),
        episode(3, BORN, "J459", "Q391"),
        episode(4, BORN, "J459", "Q390"),
        episode(5, BORN, "J459"),
        episode(5, "2005-01-01", "E840"),
    ]
    assert set(groups(Store(engine, {"hes_apc": episodes}), path)) == {1, 4, 5}


def test_medical_and_surgical_codes_undo_what_is_flagged(engine, tmp_path):
    path = written(tmp_path, row("R10") + ",med_surg", row("R51") + ",", head=f"{HEAD},flag2")
    medical = [row("K52.9"), row("H01.2", field="opertn", kind="opcs4")]
    written(tmp_path, *medical, name="mine_medical")
    episodes = [
        episode(1, BORN, "R10"),
        episode(2, BORN, "R10", "K529"),
        episode(3, BORN, "R10", opertn=("H012",)),
        episode(4, BORN, "R51", "K529"),
    ]
    assert set(groups(Store(engine, {"hes_apc": episodes}), path)) == {1, 4}


def test_self_harm_codes_stand_beside(engine, tmp_path):
    head = f"{HEAD},group,diag_position,flag2"
    lines = [
        row("T39") + ",selfharm,first,selfharm_xz_codes",
        row("Z72.1") + ",externalising,first,selfharm_xz_codes",
        row("X60") + ",selfharm,any,",
        row("F10") + ",externalising,first,",
    ]
    path = written(tmp_path, *lines, head=head)
    episodes = [
        episode(1, BORN, "T39", "X60"),
        episode(2, BORN, "T39"),
        episode(3, BORN, "Z721"),
        episode(4, BORN, "F10", "Z721"),
    ]
    store = Store(engine, {"hes_apc": episodes})
    assert groups(store, path) == {1: "selfharm", 4: "externalising"}
    # Z72.1 is flagged itself, so it is no companion.
    assert groups(store, path, where={"group": "selfharm"}) == {1: "selfharm"}


def test_another_explanation_undoes_what_is_flagged_for_the_child(engine, tmp_path):
    head = f"{HEAD},group,flag1,flag2"
    lines = [
        row("Q42.3") + ",specific,age_less_than_1,differential_diag",
        row("Q43.9") + ",generic,age_less_than_1,differential_diag",
        row("Q39") + ",sure,,",
    ]
    path = written(tmp_path, *lines, head=head)
    written(tmp_path, row("Q43.1"), row("E84"), name="mine_differential_diag")
    births = [birth(n, BORN) for n in range(1, 6)]
    episodes = [
        episode(1, BORN, "Q423"),
        episode(2, BORN, "Q423"),
        episode(2, "2004-06-01", "Q431"),
        episode(3, BORN, "Q423"),
        episode(3, "2006-06-01", "E840"),  # after infancy: no explanation of what was found then
        episode(4, BORN, "Q439", "Q390", "E840"),
        episode(5, BORN, "Q439"),
    ]
    store = Store(engine, {"hes_apc": episodes, "birth": births})
    told = {1: "specific", 3: "specific", 4: "sure", 5: "generic"}
    assert groups(store, path) == told


def anorectal(folder: Path) -> Path:
    head = f"{HEAD},group,flag1,flag2"
    both = ",age_less_than_1,differential_diag"
    of = "hes_apc or mortality,diag,icd10,words"
    lines = [f"Q42.3,{of},specific{both}", f"Q43.8,{of},generic{both}"]
    lines += [row("H50.4", field="opertn", kind="opcs4") + f",specific{both}"]
    lines += [row("H15.1", field="opertn", kind="opcs4") + f",generic_stoma_creation{both}"]
    written(folder, f"Q43.1,{of}", name="anorectal_ford_v1_differential_diag")
    return written(folder, *lines, head=head, name="anorectal_ford_v1")


def test_a_list_that_needs_diagnosis_and_procedure_or_a_death(engine, tmp_path):
    path = anorectal(tmp_path)
    episodes = [
        episode(1, BORN, "Q423"),
        episode(1, "2004-02-01", "Z00", opertn=("H504",), known="2004-05-01"),
        episode(2, BORN, "Q423"),
        episode(3, BORN, "Z00", opertn=("H504",)),
        episode(4, BORN, "Q438", opertn=("H151",)),
        episode(5, BORN, "Q423", "Q431", opertn=("H504",)),
        episode(7, BORN, "Q438"),
        episode(9, "2005-03-01", "Q423", opertn=("H504",)),
    ]
    deaths = [
        death(6, "2004-02-01", "Q423"),
        death(7, "2004-02-01", "Q438"),
        death(8, "2004-02-01", "Q438"),
    ]
    births = [birth(n, BORN) for n in range(1, 10)]
    store = Store(engine, {"hes_apc": episodes, "birth": births, "death": deaths})
    told = found(PHENOTYPE.run(store, name=str(path)))
    assert set(told) == {1, 4, 6, 7}
    # The child was first known to meet it when the operation was.
    assert told[1] == (day("2004-02-01"), day("2004-05-01"), "anorectal_ford_v1")
    either = groups(store, path, both=False)
    assert set(either) == {1, 2, 3, 4, 6, 7, 8}


def test_other_fields_of_an_episode(engine, tmp_path):
    lines = [
        row("82", field="admimeth", kind="admimeth"),
        row("2C", field="admimeth", kind="admimeth"),
        row("3", field="epitype", kind="epitype"),
        row("5", field="classpat", kind="classpat"),
    ]
    path = written(tmp_path, *lines)
    episodes = [
        episode(1, BORN, admission_method="82"),
        episode(2, BORN, admission_method="2C"),
        episode(3, BORN, episode_type="3"),
        episode(4, BORN, class_patient="5"),
        episode(5, BORN, admission_method="21", episode_type="1", class_patient="1"),
    ]
    assert set(groups(Store(engine, {"hes_apc": episodes}), path)) == {1, 2, 3, 4}


# -------------------- which rows


def test_rows_are_chosen_and_grouped_by_any_column(engine, tmp_path):
    head = f"{HEAD},group,subgroup1,certitude"
    lines = [
        row("F84.0") + ",a,autism,definite",
        row("G80") + ",a,palsy,definite",
        row("G81") + ",a,palsy,maybe",
        row("H54") + ",b,sight,",
    ]
    path = written(tmp_path, *lines, head=head)
    codes = ("F840", "G809", "G810", "H540")
    store = Store(engine, {"hes_apc": [episode(n, BORN, code) for n, code in enumerate(codes)]})
    assert groups(store, path) == {0: "a", 1: "a", 2: "a", 3: "b"}
    assert groups(store, path, by="subgroup1", where={"certitude": "definite"}) == {
        0: "autism",
        1: "palsy",
    }
    assert groups(store, path, by="certitude", where={"subgroup1": ["palsy", "sight"]}) == {
        1: "definite",
        2: "maybe",
        3: "not grouped",
    }


def test_what_a_list_does_not_have_is_told_at_once(tmp_path):
    whole = read_list(written(tmp_path, row("Q36") + ",face", head=f"{HEAD},group"))
    with pytest.raises(UsageError) as told:
        chosen(whole, where={"grup": "face", "group": ["face", "fce"]})
    assert len(told.value.problems) == 2
    assert 'Did you mean "group"' in str(told.value) and 'Did you mean "face"' in str(told.value)
    with pytest.raises(UsageError, match='no column "system" to group by'):
        rules_of(whole, whole.rows, by="system")


def test_fields_that_are_not_held_are_named(tmp_path):
    lines = [row("N01", field="hrg", kind="hrg_v3.5"), row("Z38")]
    whole = read_list(written(tmp_path, *lines))
    with pytest.raises(UsageError, match=r"looks at hrg.*say fields: \[diag\]"):
        chosen(whole)
    assert [one.code for one in chosen(whole, fields=["diag"])] == ["Z38"]
    with pytest.raises(UsageError, match="nothing of mine is left"):
        chosen(whole, fields=["opertn"])


def test_a_child_known_later_is_not_found_before(engine, tmp_path):
    path = written(tmp_path, row("G80"))
    store = Store(engine, {"hes_apc": [episode(1, BORN, "G800", known="2009-01-01")]})
    assert groups(store, path, until=day("2008-12-31")) == {}
    assert groups(store, path, until=day("2009-01-01")) == {1: "mine"}


def test_notes_on_how_a_list_was_made(tmp_path):
    head = "code,dataset,group,truncated_to"
    path = written(tmp_path, "K91.40,hes_apc,device,K91.4", head=head, name="mine_truncations")
    assert read_notes(path)[0]["truncated_to"] == "K91.4"
    with pytest.raises(Malformed, match="no note"):
        read_notes(written(tmp_path, row("Q36")))
