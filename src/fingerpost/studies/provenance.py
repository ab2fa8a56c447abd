"""Where the numbers of a run come from: digests of study, records and code, versions, the seed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import fingerpost
from fingerpost.cohorts.reading import TableRecords
from fingerpost.core.provenance import Provenance
from fingerpost.core.study import Study

SHOWN_PACKAGES = ("numpy", "scipy", "narwhals", "duckdb", "polars")


def provenance(study: Study, registered: str, *, records: TableRecords) -> Provenance:
    """Return digests and versions of what was computed from what, by what."""
    from importlib.metadata import PackageNotFoundError, version

    packages = []
    for name in SHOWN_PACKAGES:
        try:
            packages.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return Provenance(
        registered,
        records.digest,
        fingerpost.__version__,
        code_digest(),
        study.seed,
        tuple(packages),
        records.engine,
        study.records.synthetic,
    )


@cache
def code_digest() -> str:
    """Return the SHA-256 of the package's own source files, in order of path."""
    root = Path(fingerpost.__file__).resolve().parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()
