"""One small England on disk, for every test that reads records."""

from __future__ import annotations

from pathlib import Path

import pytest

from fingerpost.england.build import Options, build

SMALL = Options(children=6_000, seed=21, boosts={"cleft": 1_500, "cerebral_palsy": 300})


@pytest.fixture(scope="session")
def england(tmp_path_factory) -> Path:
    """Return the folder of a small England, built whole."""
    folder = tmp_path_factory.mktemp("england") / "small"
    assert build(folder, SMALL) is False
    return folder
