"""Records read through spines: which of them, and whether they count as imputations of the links.

A spine counts as an imputation of the links if it is one-to-one, its parameters were redrawn, and
links were drawn given what the study asks, its exposure and outcomes among it; else false links
pull effects towards none, and results over spines are a sensitivity range.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.engines._shared import TableFile, sha256
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.spines import FOLDER, IDENTIFIERS, count_of, names_of, read_spines

# Folders of a folder of records that hold no table of the standard.
BESIDE = (IDENTIFIERS, FOLDER, "truth")
CHILD = "child_id"
NEEDED = "`fingerpost link run {path}` finds which child each is, and writes spines"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The spines through which records are read, checked. paths: one a spine; digests: of each.
    redrawn: whether parameters were redrawn for each; given: what links were drawn given, in words;
    conditional: whether that is all that the study asks which is run over them.
    """

    name: str
    method: str
    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    redrawn: bool = False
    given: tuple[str, ...] = ()
    conditional: bool = False

    @property
    def imputes(self) -> bool:
        """Whether several of these spines count as imputations of the links."""
        return self.redrawn and self.conditional

    def held_to(self, asked: Collection[str]) -> Chosen:
        """Return the spines as they are to a study. asked: what it asks, in words."""
        return replace(self, conditional=bool(asked) and set(asked) <= set(self.given))


def choose(folder: Path, *, count: int | None = None, name: str = "") -> Chosen:
    """Return the first spines of a set beside the records in a folder; all where `count` is None.

    name: of the set; where it is left out, the set that holds the most, if that is one. Raises what
    `read_spines` raises, Malformed where a spine is not one-to-one, UsageError where more are asked
    for than there are, or several sets hold as many and none is named.
    """
    name = name or most_of(folder)
    found = read_spines(folder, name or None)
    asked = len(found.files) if count is None else count
    if not 1 <= asked <= len(found.files):
        raise UsageError(
            f"--spines: {asked} were asked for, and {found.name} holds {len(found.files)}. Ask for "
            f"1 to {len(found.files)}, or link again: `fingerpost link run {folder} --spines "
            f"{max(asked, 2)}`."
        )
    paths = found.files[:asked]
    for path in paths:
        refuse_several(path)
    told = found.told
    return Chosen(
        found.name,
        str(told.get("method", found.name)),
        paths,
        tuple(sha256(path) for path in paths),
        redrawn=bool(told.get("parameters_redrawn")),
        given=found.given,
    )


def most_of(folder: Path) -> str:
    """Return the name of the set that holds the most spines; empty where there is none. UsageError
    where several hold as many.
    """
    held = {name: count_of(folder, name) for name in names_of(folder)}
    most = [name for name, count in held.items() if count == max(held.values())]
    if len(most) > 1:
        raise UsageError(
            f"--spines: there are spines {listed(most)}. Name them: --spines {most[0]}:20."
        )
    return most[0] if most else ""


def refuse_several(path: Path) -> None:
    """Raise Malformed where a spine is not one-to-one."""
    import polars as pl

    pairs = pl.read_parquet(path, columns=[HOSPITAL_ID, CHILD])
    twice = [name for name in pairs.columns if pairs[name].n_unique() < pairs.height]
    if twice:
        raise Malformed(
            f"spines: {path.name} in {path.parent.name} is not one-to-one: some {listed(twice)} "
            "stands in several rows. A spine says of each hospital record which one child it is, "
            "and of each child which one record."
        )


def as_table(path: Path) -> TableFile:
    """Return a spine as a file that an engine reads."""
    return TableFile(path, "parquet", "(spine)", path.name, None, (path,))


def linked_children(paths: Sequence[Path]) -> list[Any]:
    """Return the children that each spine links, as text: a series a spine."""
    import polars as pl

    return [pl.read_parquet(path, columns=[CHILD])[CHILD].cast(pl.String) for path in paths]
