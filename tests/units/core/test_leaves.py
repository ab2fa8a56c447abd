"""Leaves are found by being there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import fingerpost
from fingerpost.core import leaves
from fingerpost.core.errors import FingerpostError, UnknownLeaf
from fingerpost.core.leaves import Engine, Estimator, Sensitivity

ROOMS = {"estimators": Estimator, "sensitivity": Sensitivity, "engines": Engine}


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_holds_one_descriptor(room: str) -> None:
    folder = Path(fingerpost.__file__).parent / room
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(leaves.menu(room, ROOMS[room]))


def test_an_unknown_leaf_is_answered_with_the_nearest_and_the_menu() -> None:
    with pytest.raises(UnknownLeaf, match=r'no "aiwp".*Did you mean "aipw"\?.*naive'):
        leaves.load("estimators", "aiwp", kind=Estimator)


def test_listing_imports_no_leaf() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from fingerpost.core import leaves; leaves.names('estimators'); "
        "assert not [m for m in sys.modules if m.startswith('fingerpost.estimators')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


AIPW = leaves.load("estimators", "aipw", kind=Estimator)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"guard": "owm"}, "guard: owm"),
        ({"levels": "3"}, "levels: 3"),
        ({"targets": ("ate", "everyone")}, "targets: everyone"),
        ({"scales": ("odds",)}, "scales: odds"),
        ({"outcomes": ("number",)}, "outcomes: number"),
        ({"needs": ("instrument",)}, "options: instrument"),
        ({"apart": ("running",)}, "apart: running"),
    ],
)
def test_an_unknown_word_is_named(changed: dict[str, object], words: str) -> None:
    with pytest.raises(FingerpostError, match=words):
        replace(AIPW, **changed)
