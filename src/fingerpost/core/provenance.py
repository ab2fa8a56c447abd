"""Where a number comes from: data, code, seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrawSource:
    """Which draw an analysis took its units, arms, chances and possible draws from, once verified.

    study: as the ledger calls it. commitment, allocation, permutations: SHA-256, of the plan, of
    unit → arm and of the draws that inference replays; draws: how many those are. head: number and
    hash of the ledger's last entry. registered_as: confirmatory or exploratory; inherited: whether
    it is so by the draw that this one follows, and was not rehearsed itself. departures: in words,
    where the study that is run is not the one that was drawn.
    """

    study: str
    commitment: str
    head: tuple[int, str] = (0, "")
    allocation: str = ""
    permutations: str = ""
    draws: int = 0
    registered_as: str = "exploratory"
    departures: tuple[str, ...] = ()
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Digests and versions that let another person repeat the run.

    data_digest: SHA-256 of the records read, by file. packages: name → version of what computed.
    draw: which draw was analysed, None where none was named.
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
    draw: DrawSource | None = None
