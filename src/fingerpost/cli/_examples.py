"""Where the example studies and the real tables beside the project lie."""

from __future__ import annotations

import os
from pathlib import Path

import fingerpost
from fingerpost.core.errors import FingerpostError

FOLDER = Path(fingerpost.__file__).resolve().parent
ECLSK = "eclsk_special_education"
LAIT = Path("england_lait_panel") / "la_sen_indicators_long.csv"


def example(name: str) -> Path:
    """Return the path of an example study: inside the installed package, or in the checkout."""
    tried = (FOLDER / "examples" / name, FOLDER.parents[1] / "examples" / name)
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise FingerpostError(
            f"The example study {name} did not come with this copy of fingerpost. "
            "Install it whole: pip install --force-reinstall fingerpost"
        )
    return found


def real_panel() -> Path | None:
    """Return the panel of England's local authorities, None where it is not found; it is sought
    where the ECLS-K table is.
    """
    tried = (root / LAIT for root in roots())
    return next((path for path in tried if path.is_file()), None)


def roots() -> list[Path]:
    """Return the folders in which real tables are sought."""
    named = os.environ.get("FINGERPOST_SHARED")
    return [Path(named), Path(named) / "data"] if named else [Path("..") / "shared" / "data"]


def real_data() -> tuple[Path | None, tuple[Path, ...]]:
    """Return the folder of the ECLS-K table, None where it is not found, and where it was sought.

    FINGERPOST_SHARED names the folder of real tables, or the one above it; else ../shared/data.
    """
    tried = tuple(root / ECLSK for root in roots())
    return next((path for path in tried if path.is_dir()), None), tried
