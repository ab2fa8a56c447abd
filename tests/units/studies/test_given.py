"""What a study asks, for links that are drawn given it: all that decides, and each record's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fingerpost
from fingerpost.cli.main import app
from fingerpost.core.errors import UsageError
from fingerpost.england.build import Options, build
from fingerpost.linkage import fellegi_sunter
from fingerpost.phenotypes._codelist import FOLDER
from fingerpost.records.store import open_store
from fingerpost.records.through import LIST, RECORDS, VERSION, Chosen, choose
from fingerpost.studies.document import read_study
from fingerpost.studies.given import StudyGiven, asked_of
from fingerpost.studies.run import run
from fingerpost.studies.spine_words import WHY, changed
from fingerpost.studies.spines import Linking
from units.studies.documents import of_children

ENGINE = "polars"
TEXT = of_children("mine", who="phenotype: {code_list: mine}, ")
HEAD = "code,dataset,field,code_type,description,group,flag\n"


def row(code: str, flag: str = "") -> str:
    return f"{code},HES APC,diag,icd10,made up,x,{flag}\n"


def below(weeks: int) -> str:
    """Return the row of a list that nearly every child meets."""
    return f"<{weeks},HES APC,gestat,gestat,made up,x,\n"


@pytest.fixture
def lists(tmp_path, monkeypatch) -> Path:
    """Return a folder that holds a list of codes, to which FINGERPOST_CODELISTS points."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "mine.csv").write_text(HEAD + row("P07") + row("J45"), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a small England with linkage error."""
    place = tmp_path_factory.mktemp("given") / "e"
    build(place, Options(children=1_500, seed=31, boosts={}, linkage_error=True))
    return place


def study(*changes: tuple[str, str]):
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return read_study("study.yaml", text=text)


def drawn_given(words: tuple[str, ...], **more) -> Chosen:
    """Return spines that were drawn given words, as a manifest tells them."""
    return Chosen("s", "by hand", (), (), redrawn=True, given=words, **more)


def test_another_list_of_codes_of_one_name_is_something_else_that_is_asked(lists, tmp_path):
    asked = asked_of(study())
    spines = drawn_given(asked)
    assert spines.held_to(asked_of(study())).imputes
    (lists / "mine.csv").write_text(HEAD + row("P07") + row("G40"), encoding="utf-8")
    held = spines.held_to(asked_of(study()))
    assert not held.imputes and held.changed == (LIST,)
    assert "list of codes" in changed(held) and "sensitivity range" in changed(held)
    # Spines of before the list was told are not known to be of it.
    old = drawn_given(tuple(one for one in asked if not one.startswith("codes")))
    assert old.held_to(asked).changed == (LIST,)
    # Another study's spines are not told as of another list.
    other = asked_of(study(("[unplanned_admissions]", "[planned_admissions]")))
    assert spines.held_to(other).changed == () and not spines.held_to(other).imputes


def test_a_list_is_told_with_those_beside_it_and_wherever_it_lies(lists, tmp_path):
    text = HEAD + row("P07") + row("J45", "exclusion_codes")
    (lists / "mine.csv").write_text(text, encoding="utf-8")
    beside = lists / "mine_exclusions.csv"
    beside.write_text(HEAD + row("Q20"), encoding="utf-8")
    asked = asked_of(study())
    beside.write_text(HEAD + row("Q21"), encoding="utf-8")
    assert set(asked_of(study())) - set(asked)
    beside.write_text(HEAD + row("Q20"), encoding="utf-8")
    assert asked_of(study()) == asked
    # The same name in a folder that the study names.
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.csv").write_text(HEAD + row("G40"), encoding="utf-8")
    own = asked_of(
        study(("{code_list: mine}", f"{{code_list: {{name: mine, folder: '{there}'}}}}"))
    )
    told = [one for one in own if one.startswith("codes: mine, SHA-256 ")]
    assert len(told) == 1 and told[0] not in asked
    (lists / "mine.csv").unlink()
    with pytest.raises(UsageError, match="there is no file"):
        asked_of(study())


def test_spines_of_a_list_that_was_changed_are_told_apart_from_the_command_to_the_answers(
    folder, lists, tmp_path, monkeypatch
):
    monkeypatch.setattr(fellegi_sunter, "SAMPLE", 60_000)
    (lists / "mine.csv").write_text(HEAD + below(45), encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(TEXT, encoding="utf-8")
    words = ["link", "run", str(folder), "--study", str(path), "--spines", "2", "-q"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "Had" in CliRunner().invoke(app, words).output
    asked = read_study(path)

    def label() -> tuple[str, str]:
        linking = Linking(folder, choose(folder, name="mine"), ENGINE)
        found = run(asked, open_store(folder, ENGINE), linking=linking)
        table = next(one for one in found.tables if one.name == "linkage").records()[0]
        said = " ".join(words for one in found.answers for _, words in one.warnings)
        return table["label"], said

    assert label()[0] == "imputation of the links"
    (lists / "mine.csv").write_text(HEAD + below(44), encoding="utf-8")
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2 and "made otherwise" in " ".join(again.output.split())
    told, said = label()
    assert told == "sensitivity range" and WHY[LIST] in said


# By another version a condition or an outcome of the same name may be read otherwise.
def test_spines_of_another_version_or_of_other_records_are_a_range_that_says_why():
    asked = ("exposure: x", "outcome: y")
    assert drawn_given(asked).held_to(asked, records="now").imputes  # neither is told
    now = drawn_given(asked, records="now", version=fingerpost.__version__)
    assert now.held_to(asked, records="now").imputes
    old = replace(now, version="0.0.0", records="before").held_to(asked, records="now")
    assert not old.imputes and old.changed == (RECORDS, VERSION)
    assert WHY[RECORDS] in changed(old) and WHY[VERSION] in changed(old)
    # Links that were drawn given nothing are a range for that, whoever drew them.
    assert replace(now, given=(), version="0.0.0").held_to(asked).changed == ()


def test_what_only_options_of_leaves_or_imputation_name_is_asked_and_read(lists, folder):
    plain = study(("phenotype: {code_list: mine}, ", ""))
    control = "sensitivity: [{negative_control: {outcome: earlier_unauthorised_absence}}]\n"
    impute = "imputation: {copies: 2, auxiliary: [birth_weight]}\n"
    more = study(("phenotype: {code_list: mine}, ", ""), ("release:", f"{control}{impute}release:"))
    named = {one.split()[1] for one in set(asked_of(more)) - set(asked_of(plain))}
    assert named == {"earlier_unauthorised_absence", "birth_weight"}
    given = StudyGiven(more, folder, ENGINE).read([truth(folder)])
    assert "earlier_unauthorised_absence" in given.school.columns
    assert "birth_weight" in given.hospital.columns


def truth(folder: Path) -> Path:
    """Return a spine of the true links."""
    path = folder.parent / "truth.parquet"
    pairs = pl.read_parquet(folder / "truth" / "identity.parquet")
    pairs.select(pl.col("hospital_id", "child_id").cast(pl.String)).write_parquet(path)
    return path


def test_a_record_has_its_own_values_however_stand_ins_are_ordered_and_parted(
    folder, lists, tmp_path
):
    whole = truth(folder)
    pairs = pl.read_parquet(whole).sample(fraction=1.0, shuffle=True, seed=4)
    parts = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    pairs.head(900).write_parquet(parts[0])
    # Some stand in both: what the first says of them counts.
    pairs.slice(700).write_parquet(parts[1])
    asked = StudyGiven(study(), folder, ENGINE)
    one, two = asked.read([whole]), asked.read(parts)
    for first, second in ((one.hospital, two.hospital), (one.school, two.school)):
        names = sorted(first.ids.tolist())
        assert sorted(second.ids.tolist()) == names and len(set(names)) == len(names)
        left, right = first.ordered(names), second.ordered(names)
        assert left.keys() == right.keys()
        for name, values in left.items():
            np.testing.assert_array_equal(right[name], values, err_msg=name)
        assert any(np.unique(values).size > 1 for values in left.values())
    assert two.hospital.ids.tolist() != one.hospital.ids.tolist()


TRIAL = Path(__file__).resolve().parents[3] / "examples" / "trials" / "schools.yaml"


def test_links_are_not_drawn_given_arms_that_no_record_tells(folder):
    trial = StudyGiven(read_study(TRIAL), folder, ENGINE)
    with pytest.raises(UsageError, match="draws its arms"):
        _ = trial.names
