"""Where a number comes from: data, code, seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provenance:
    """Digests and versions that let another person repeat the run.

    data_digest: SHA-256 of the records read, by file. packages: name → version of what computed.
    synthetic: whether the records are made up; such results are marked wherever they are shown.
    """

    study_digest: str
    data_digest: tuple[tuple[str, str], ...] = ()
    code_version: str = ""
    code_digest: str = ""
    seed: int = 0
    packages: tuple[tuple[str, str], ...] = ()
    engine: str = ""
    synthetic: bool = False
