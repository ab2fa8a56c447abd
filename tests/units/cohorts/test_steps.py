"""SQL set out to be read."""

from __future__ import annotations

import pytest

from fingerpost.cohorts.steps import enclosed, plain


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ('(("age" >= 5))', '"age" >= 5'),
        ('((NOT ("a""b" IS NULL)))', '"a""b" IS NOT NULL'),
        ("(contains(['x', 'it''s ]'], \"need\"))", "\"need\" IN ('x', 'it''s ]')"),
        ('(("a" = 1) OR ("b" = 2))', '("a" = 1) OR ("b" = 2)'),
        ("((\"need\" = 'a) OR (b'))", "\"need\" = 'a) OR (b'"),
    ],
)
def test_a_condition_as_people_write_it(said, read):
    assert plain(said) == read


@pytest.mark.parametrize(
    ("clause", "whole"), [("(a)", True), ("(a) OR (b)", False), ("a", False), ("(')')", True)]
)
def test_brackets_around_the_whole(clause, whole):
    assert enclosed(clause) is whole
