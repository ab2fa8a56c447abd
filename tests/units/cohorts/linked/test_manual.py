"""The manual's page on linked studies names every measure and covariate as the code declares it."""

from __future__ import annotations

from pathlib import Path

from fingerpost.cohorts.linked.covariates import COVARIATES
from fingerpost.core.leaves import RecordsMeasure, menu

PAGE = Path(__file__).resolve().parents[4] / "docs" / "manual" / "linked-studies.md"


def test_every_measure_is_on_the_page_as_its_descriptor_says():
    page = PAGE.read_text(encoding="utf-8")
    for name, leaf in menu("outcomes", RecordsMeasure).items():
        row = f"| `{name}` | {leaf.summary} | {leaf.kind} | {leaf.measured_in} | {leaf.window} |"
        assert row in page, row


def test_every_covariate_is_on_the_page_as_it_is_declared():
    page = PAGE.read_text(encoding="utf-8")
    for one in COVARIATES:
        words = f"{one.label}: {one.words}" if one.words else one.label
        row = f"| `{one.name}` | {words} | {one.table or 'child, school_census'} |"
        assert row in page, row
