"""A table that holds no column of the study is refused without a word of what it holds."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.headers import refuse_strange


def test_no_column_of_the_table_is_told():
    with pytest.raises(Malformed) as caught:
        refuse_strange(["child", "age", "child"], ["K0001", "girl", "ages"])
    (line,) = caught.value.problems
    assert '2 columns that the study names ("child" or "age")' in line
    assert "none is among the 3" in line and "first line" in line
    assert not any(secret in line for secret in ("K0001", "girl", "ages"))


def test_many_names_are_shortened():
    with pytest.raises(Malformed, match=r'"e" …\)'):
        refuse_strange("abcdefg", ["x"])


@pytest.mark.parametrize(
    ("named", "columns"), [(["child", "agee"], ["child", "age"]), ([], ["child"])]
)
def test_a_table_with_one_of_them_or_a_study_that_names_none_passes(named, columns):
    refuse_strange(named, columns)
