"""Records read through spines: which of them, and whether they count as imputations of the links.

A spine counts as an imputation of the links if it is one-to-one, its parameters were redrawn, and
links were drawn given what the study asks, its exposure and outcomes among it; else false links
pull effects towards none, and results over spines are a sensitivity range.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fingerpost
from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.engines._parquet import frame
from fingerpost.engines._shared import TableFile, sha256
from fingerpost.records.fields import HOSPITAL_ID
from fingerpost.records.spines import (
    FOLDER,
    IDENTIFIERS,
    Spines,
    manifest_of,
    names_of,
    read_spines,
)

# Folders of a folder of records that hold no table of the standard.
BESIDE = (IDENTIFIERS, FOLDER, "truth")
CHILD = "child_id"
# Begins what a study asks by a list of codes: its name, and the digest of what it holds.
CODES = "codes: "
# What may be another than when links were drawn given it.
RECORDS, LIST, VERSION = "records", "list of codes", "version"
NEEDED = "`fingerpost link run {path}` finds which child each is, and writes spines"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The spines through which records are read, checked. paths: one a spine; digests: of each.
    redrawn: whether parameters were redrawn for each; given: what links were drawn given, in words;
    conditional: whether that is all that the study asks which is run over them, and it is still
    read from the same records by the same version; records, version: the digest of these and the
    version of fingerpost, empty where they are not told; changed: which of `RECORDS`, `LIST` and
    `VERSION` are others now. left_out: sets that were not looked at, as they say nothing readable
    of themselves, where none was named.
    """

    name: str
    method: str
    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    redrawn: bool = False
    given: tuple[str, ...] = ()
    conditional: bool = False
    records: str = ""
    version: str = ""
    changed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """The name of the set, and the method in brackets where it is another."""
        return self.name if self.name == self.method else f"{self.name} ({self.method})"

    @property
    def imputes(self) -> bool:
        """Whether several of these spines count as imputations of the links."""
        return self.redrawn and self.conditional

    def held_to(self, asked: Collection[str], *, records: str = "") -> Chosen:
        """Return the spines as they are to a study. asked: what it asks, in words. records: the
        digest of the records it is run on; not compared where either is not told, nor is the
        version. By another version a condition, an outcome or a covariate of the same name may be
        read otherwise.
        """
        lacking = set(asked) - set(self.given)
        other = {
            RECORDS: bool(records and self.records) and records != self.records,
            LIST: bool(lacking) and all(one.startswith(CODES) for one in lacking),
            VERSION: bool(self.version) and self.version != fingerpost.__version__,
        }
        # To links that were drawn given nothing, none of this matters.
        changed = tuple(name for name, is_so in other.items() if is_so and self.given)
        given = bool(asked) and not lacking and not changed
        return replace(self, conditional=given, changed=changed)


def choose(
    folder: Path,
    *,
    count: int | None = None,
    name: str = "",
    asked: Collection[str] = (),
    file: Path | None = None,
) -> Chosen:
    """Return the first spines of a set beside the records in a folder; all where `count` is None.

    name: of the set; where it is left out, see `usual_set`. asked: what is asked of them, in words;
    file: of the study that asks it. Raises what `read_spines` raises, Malformed where a spine is
    not one-to-one, UsageError where more are asked for than there are.
    """
    found = read_spines(folder, name or usual_set(folder, asked) or None)
    number = len(found.files) if count is None else count
    if not 1 <= number <= len(found.files):
        held = len(found.files)
        raise UsageError(
            f"--spines: {number} were asked for, and {found.name} holds {held}. Ask for "
            f"{'1' if held == 1 else f'1 to {held}'}, or draw more, under another name: "
            f"`{more_of(found, folder, number, file)}`; then --spines {found.name}-{number}:"
            f"{number}."
        )
    paths = found.files[:number]
    for path in paths:
        refuse_several(path)
    told = found.told
    recipe = told.get("recipe", {})
    return Chosen(
        found.name,
        str(told.get("method", found.name)),
        paths,
        tuple(sha256(path) for path in paths),
        redrawn=bool(told.get("parameters_redrawn")),
        given=found.given,
        records=str(recipe.get("records", "")),
        version=str(recipe.get("version", "")),
        left_out=() if name else tuple(sorted(set(names_of(folder)) - set(manifests(folder)))),
    )


def more_of(found: Spines, folder: Path, number: int, file: Path | None) -> str:
    """Return the command that draws more spines as a set was made, under a name of their own."""
    told = found.told
    method = str(told.get("method", ""))
    words = ["fingerpost", "link", "run", str(folder)]
    # Passes leave one spine: who asks for more means a method that says how sure it is.
    if method and not method.startswith("deterministic"):
        words += ["--method", method]
    if found.given:
        words += ["--study", "STUDY" if file is None else str(file)]
    words += ["--spines", str(max(number, 2)), "--name", f"{found.name}-{number}"]
    return shlex.join(words)


def usual_set(folder: Path, asked: Collection[str] = ()) -> str:
    """Return the name of the set of spines that is read where none is named: one that was drawn
    given all that is asked, of these one by this version, then the one that holds the most, then
    the first by name; empty where there is none.
    """
    wanted = set(asked)
    told_of = manifests(folder)

    def rank(name: str) -> tuple[bool, bool, int, str]:
        told = told_of[name]
        own = bool(wanted) and wanted <= {str(one) for one in told.get("conditional_on", ())}
        # Those of another version count no longer as given the study (see `Chosen.held_to`).
        version = told.get("recipe", {}).get("version", "")
        return (
            not own,
            own and version not in ("", fingerpost.__version__),
            -len(told["files"]),
            name,
        )

    # Where none can be read the first is tried, so that it says what it lacks.
    return min(told_of, key=rank, default=next(iter(names_of(folder)), ""))


def manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what each set of spines beside the records says of itself, by name, of those that say
    anything readable.
    """
    found = {}
    for name in names_of(folder):
        with suppress(Malformed):
            found[name] = manifest_of(folder / FOLDER / name)
    return found


def refuse_several(path: Path) -> None:
    """Raise Malformed where a spine is not one-to-one."""
    pairs = frame(path, [HOSPITAL_ID, CHILD])
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

    return [frame(path, [CHILD])[CHILD].cast(pl.String) for path in paths]
