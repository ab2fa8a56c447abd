"""One door to records of either kind."""

from __future__ import annotations

import polars as pl
import pytest

import fingerpost as fp
from fingerpost.cohorts.table import TableRecords
from fingerpost.core.errors import Malformed
from fingerpost.records.store import Store
from units.cohorts.linked.little import census, child, opened


def test_a_folder_of_linked_tables_is_a_store(tmp_path):
    opened(tmp_path, child=[child(1)], school_census=[census(1)])
    found = fp.read_records(tmp_path, engine="polars")
    assert isinstance(found, Store) and found.engine == "polars"
    assert isinstance(fp.read_records(tmp_path.name, base=tmp_path.parent), Store)


def test_anything_else_is_one_table(tmp_path):
    path = tmp_path / "children.csv"
    pl.DataFrame({"child": [1, 2], "y": [0.5, 1.5]}).write_csv(path)
    found = fp.read_records(path)
    assert isinstance(found, TableRecords) and found.columns == ("child", "y")
    parts = tmp_path / "parts"
    parts.mkdir()
    pl.DataFrame({"child": [1], "y": [0.5]}).write_parquet(parts / "part-0.parquet")
    assert isinstance(fp.read_records(parts), TableRecords)


def test_nothing_at_a_path_is_said(tmp_path):
    with pytest.raises(Malformed, match="there is no file"):
        fp.read_records(tmp_path / "nowhere.csv")


def test_a_study_of_one_table_is_not_run_on_linked_records(tmp_path):
    from units.studies.documents import SMALL

    store = opened(tmp_path, child=[child(1)], school_census=[census(1)])
    path = tmp_path / "study.yaml"
    path.write_text(SMALL, encoding="utf-8")
    with pytest.raises(Malformed, match="holds linked records, and the study names the columns"):
        fp.run(fp.read_study(path), store)
