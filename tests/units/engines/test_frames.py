"""Data frames of installed packages: read for what they hold, and never run."""

from __future__ import annotations

import lzma
import os
import pickle
from pathlib import Path

import pandas as pd
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.study import TableSource
from fingerpost.engines._frames import frame
from fingerpost.engines._shared import TableFile, table_file


def at(path: Path) -> TableFile:
    return TableFile(path, "frame", path.stem, path.name, files=(path,))


class Bad:
    """What a pickle may do when it is opened by a reader that lets it."""

    def __reduce__(self):
        return os.mkdir, ("made by a pickle",)


@pytest.mark.parametrize("packed", [False, True])
def test_numbers_text_and_what_is_missing_are_as_they_were(tmp_path, packed):
    held = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, None, 2.5], "who": ["a", None, "c"]})
    held["who"] = pd.Series(["a", None, "c"], dtype=object)
    held.columns = pd.Index(list(held.columns), dtype=object)
    path = tmp_path / "t.pkl.compress"
    path.write_bytes((lzma.compress if packed else bytes)(pickle.dumps(held)))
    found = frame(at(path))
    assert found["n"].to_list() == [1, 2, 3]
    assert found["x"].to_list() == [0.5, None, 2.5]
    assert found["who"].to_list() == ["a", None, "c"]


def test_a_pickle_that_would_run_something_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(Bad()))
    with pytest.raises(Malformed):
        frame(at(path))
    assert not (tmp_path / "made by a pickle").exists()


def test_a_pickle_of_ones_own_is_no_table(tmp_path):
    (tmp_path / "mine.pkl").write_bytes(pickle.dumps({}))
    with pytest.raises(Malformed, match="no known form"):
        table_file(TableSource(path="mine.pkl"), tmp_path)
