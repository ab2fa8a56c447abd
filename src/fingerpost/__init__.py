"""fingerpost: the evidence engine for special educational needs provision.

Linked records become studies, studies findings, findings outputs that may leave a secure room.
Names are looked up on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "read_study": "fingerpost.studies.document",
    "read_records": "fingerpost.cohorts.opening",
    "run": "fingerpost.studies.run",
    "clear": "fingerpost.release.clear",
    "write_report": "fingerpost.reports.write",
    "Study": "fingerpost.core.study",
    "Observed": "fingerpost.core.assignment",
    "Randomised": "fingerpost.core.assignment",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fingerpost' has no attribute {name!r}")
