from __future__ import annotations

import json
from datetime import date

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.records.check import check
from fingerpost.records.store import open_store
from fingerpost.records.writing import Manifest, begin, finish, kept, read_manifest, write_part
from units.records.frames import ENGINES

DAY = date(2004, 1, 1)


def children(*ids: int, **more: object) -> pa.Table:
    n = len(ids)
    columns = {
        "child_id": pa.array(ids, pa.int32()),
        "birth_month": [DAY] * n,
        "sex": pa.array(["M", "F"] * n)[:n].dictionary_encode(),
        "ethnicity": ["WHIT"] * n,
        "first_language": [None] * n,
        "valid_from": [DAY] * n,
        "known_from": [DAY] * n,
    }
    return pa.table({**columns, **more})


def birth(*ids: int, weight: object) -> pa.Table:
    n = len(ids)
    return pa.table(
        {
            "child_id": ids,
            "birth_date": [DAY] * n,
            "gestation_weeks": [40] * n,
            "birth_weight_g": weight,
            "valid_from": [DAY] * n,
            "known_from": [DAY] * n,
        }
    )


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "records"
    assert begin(folder, {"seed": 1}) is False
    write_part(folder, "child", index=0, rows=children(1, 2))
    write_part(folder, "child", index=1, rows=children(3))
    write_part(folder, "birth", index=0, rows=birth(1, 3, weight=[float("nan"), 3000.0]))
    finish(folder, Manifest(made_by="a test", synthetic=True, seed=1, options={"n": 3}))
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_written_is_read_in_declared_types(written, engine):
    store = open_store(written, engine)
    assert (store.tables, store.synthetic, store.manifest.options) == (
        ("child", "birth"),
        True,
        {"n": 3},
    )
    rows = store.frame("child").sort("child_id").collect("polars").to_native()
    assert rows["child_id"].to_list() == [1, 2, 3]
    assert rows["sex"].to_list() == ["M", "F", "M"]
    assert rows["mother_id"].to_list() == [None] * 3
    schema = store.frame("birth").collect_schema()
    kinds = {
        "child_id": nw.Int64,
        "birth_weight_g": nw.Int64,
        "birth_date": nw.Date,
        "multiple": nw.Int64,
        "valid_to": nw.Date,
    }
    assert {name: schema[name] for name in kinds} == kinds
    assert schema.names() == list(store.frame("birth").columns)
    weights = store.frame("birth").sort("child_id").collect("polars")["birth_weight_g"].to_list()
    assert weights == [None, 3000]


def test_text_is_plain_text_to_every_reader_and_compressed_by_zstd(written):
    file = pq.ParquetFile(written / "child" / "part-00000.parquet")
    assert file.schema_arrow.field("sex").type == pa.string()
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_manifest_counts_rows_and_holds_digests(written):
    said = json.loads((written / "manifest.json").read_text())
    assert said["tables"]["child"]["rows"] == 3
    assert set(said["tables"]["child"]["files"]) == {"part-00000.parquet", "part-00001.parquet"}
    assert check(open_store(written)).ok
    assert not (written / ".parts").exists()


def test_a_file_that_changed_is_a_fault(written):
    digest = open_store(written).digest
    pq.write_table(children(1), written / "child" / "part-00001.parquet")
    (written / "birth" / "part-00000.parquet").unlink()
    report = check(open_store(written))
    found = {(p.table, p.said) for p in report.faults if p.rule == "digest"}
    assert found == {
        ("child", "part-00001.parquet has changed since it was written."),
        ("birth", "part-00000.parquet is not there."),
    }
    assert open_store(written).digest == digest, "the manifest's digests are what was studied"


def test_a_run_that_stopped_goes_on_where_it_was(tmp_path):
    folder = tmp_path / "records"
    begin(folder, {"seed": 1})
    whole = write_part(folder, "child", index=0, rows=children(1))
    write_part(folder, "child", index=1, rows=children(2))
    (folder / "child" / "part-00001.parquet").write_bytes(b"cut short")
    assert begin(folder, {"seed": 1}) is False
    assert kept(folder, "child", index=0) == whole
    assert kept(folder, "child", index=1) is None and kept(folder, "child", index=2) is None
    write_part(folder, "child", index=1, rows=children(2))
    finish(folder, Manifest())
    assert begin(folder, {"seed": 1}) is True
    assert read_manifest(folder).tables["child"]["rows"] == 2


def test_nothing_else_is_written_over(tmp_path, written):
    with pytest.raises(UsageError, match="made otherwise"):
        begin(written, {"seed": 2})
    begin(tmp_path / "begun", {"seed": 1})
    with pytest.raises(UsageError, match="begun with other options"):
        begin(tmp_path / "begun", {"seed": 2})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        begin(tmp_path / "mine", {"seed": 1})
    with pytest.raises(UsageError, match="is a file"):
        begin(tmp_path / "mine" / "thesis.txt", {"seed": 1})


def test_a_part_that_fails_leaves_nothing(tmp_path):
    folder = tmp_path / "records"
    begin(folder, {})
    wrong = children(1, birth_month=["yesterday"], colour=["red"]).drop_columns("known_from")
    with pytest.raises(Malformed) as caught:
        write_part(folder, "child", index=0, rows=wrong)
    assert caught.value.problems == (
        'child: column "colour" is not declared.',
        'child: column "known_from" is required.',
        'child: column "birth_month" (string) is not date.',
    )
    assert "yesterday" not in str(caught.value)
    assert not (folder / "child").exists()
    with pytest.raises(UsageError, match='Did you mean "child"'):
        write_part(folder, "chlid", index=0, rows=children(1))


def test_parts_of_one_table_have_the_same_columns(tmp_path):
    folder = tmp_path / "records"
    begin(folder, {})
    write_part(folder, "child", index=0, rows=children(1))
    write_part(folder, "child", index=1, rows=children(2, mother_id=[5]))
    with pytest.raises(Malformed, match="different columns"):
        finish(folder, Manifest())
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9}', '{"tables": {"child": 3}}'])
def test_a_broken_manifest_is_told_of(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Malformed, match=r"manifest|format 9"):
        read_manifest(tmp_path)
