"""Spines: tables that say which hospital record is which child, one to one, as often as drawn.

    RECORDS/spines/NAME/spine_1.parquet …    hospital_id, child_id, weight, probability, step
    RECORDS/spines/NAME/manifest.json        how they were made; rows and SHA-256 of each

The folder appears whole or not at all. Whoever reads it has every count and digest checked first:
a spine that is shorter than it was would look like children who were never in hospital.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.files import flushed, kept, put_inside
from fingerpost.engines._shared import sha256
from fingerpost.records.alone import locked, room, there
from fingerpost.records.writing import MANIFEST

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "spines"
IDENTIFIERS = "identifiers"
COLUMNS = ("hospital_id", "child_id", "weight", "probability", "step")
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Spines:
    """Spines of one name, whole. files: one a spine, in order. told: what the manifest says."""

    folder: Path
    files: tuple[Path, ...]
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What they are called."""
        return self.folder.name

    @property
    def given(self) -> tuple[str, ...]:
        """What links were drawn given: who is studied, exposure, outcomes, covariates, in words."""
        return tuple(str(one) for one in self.told.get("conditional_on", ()))

    def __len__(self) -> int:
        return len(self.files)


def names_of(records: Path) -> tuple[str, ...]:
    """Return the names of the spines of a folder of records, finished or broken."""
    place = records / FOLDER
    if not place.is_dir():
        return ()
    return tuple(sorted(one.name for one in place.iterdir() if one.is_dir() and one.name[0] != "."))


def read_spines(records: Path, name: str | None = None) -> Spines:
    """Return the spines of a folder of records, every file checked against the manifest.

    name: which; may be left out where there is one. Raises Malformed where there is none, or where
    a file is missing, shorter or other than it was written; UsageError where there are several and
    none is named, or none of that name.
    """
    held = names_of(records)
    if not held:
        raise Malformed(
            f"records: {records} has no spine that says which hospital record is which child. Make "
            f"one with: fingerpost link run {records}"
        )
    if name is None and len(held) > 1:
        raise UsageError(f"records: there are spines {listed(held)}. Name one: --name {held[0]}.")
    chosen = name or held[0]
    if chosen not in held:
        raise UsageError(
            f'records: there is no spine "{chosen}".{nearest(chosen, held)} There are '
            f"{listed(held)}."
        )
    folder = records / FOLDER / chosen
    told = manifest_of(folder)
    faults = faults_of(folder, told)
    for side, digest in told.get(IDENTIFIERS, {}).items():
        # Those that are there: spines may be handed on without identifiers.
        paths = [records / IDENTIFIERS / f"{side}{form}" for form in (".parquet", ".csv")]
        if any(path.is_file() for path in paths) and not any(
            path.is_file() and sha256(path) == digest for path in paths
        ):
            faults.append(f"the identifiers of {side} have changed since it was made")
    if faults:
        raise Malformed(
            f"records: the spine {folder.name}: {'; '.join(faults)}. Take the folder "
            f"{FOLDER}/{folder.name} away and run `fingerpost link run` again."
        )
    return Spines(folder, tuple(folder / file for file in told["files"]), told)


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return what a folder of spines says of itself; Malformed where it says nothing readable."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = isinstance(told, dict) and bool(told["files"]) and told["format"] == FORMAT
        whole = whole and all({"rows", "sha256"} <= set(held) for held in told["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise Malformed(
            f"records: the spine {folder.name} is not whole: its {MANIFEST} is missing or cannot "
            f"be read. Take the folder {FOLDER}/{folder.name} away and run `fingerpost link run` "
            "again."
        )
    found: dict[str, Any] = told
    return found


def faults_of(folder: Path, told: Mapping[str, Any]) -> list[str]:
    """Return how the files of a folder differ from what its manifest says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    faults = []
    for name, held in told["files"].items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
            continue
        try:
            with pq.ParquetFile(path) as file:
                rows, columns = file.metadata.num_rows, set(file.schema_arrow.names)
        except (pa.ArrowInvalid, OSError):
            faults.append(f"{name} cannot be read")
            continue
        if rows != held["rows"]:
            faults.append(f"{name} has {rows:,} rows, not {held['rows']:,}")
        elif not set(COLUMNS) <= columns:
            faults.append(f"{name} lacks a column")
        elif sha256(path) != held["sha256"]:
            faults.append(f"{name} is not what was written")
    return faults


def made_already(records: Path, name: str, *, recipe: Mapping[str, Any]) -> Spines | None:
    """Return the spines of a name where they are there whole, made by the same recipe.

    Raises UsageError where others bear the name: they are never written over.
    """
    if name not in names_of(records):
        return None
    told = manifest_of(records / FOLDER / name)
    if told.get("recipe") == json.loads(json.dumps(dict(recipe))):
        return read_spines(records, name)
    raise UsageError(
        f"{records / FOLDER / name} holds spines made otherwise. Give these another --name, or "
        "take the folder away."
    )


@contextmanager
def one_writer(records: Path, name: str) -> Iterator[None]:
    """A block in which this process alone writes spines of a name; what a killed one left of them
    is taken away first.

    Raises FingerpostError where another process does, nothing can be written there, or the disk is
    full; UsageError where spines of the name came to be there meanwhile.
    """
    place = records / FOLDER
    words = (
        f"{place / name} is being written by another fingerpost at this moment. Wait for its end, "
        "or give these another --name."
    )
    with room(place):
        there(place)
        with locked(place / f".{name}.lock", words=words):
            if (place / name).exists():
                raise UsageError(
                    f"{place / name} was written by another fingerpost meanwhile. Run the same "
                    "command again: it says whether they are the same spines."
                )
            for left in place.glob(f".{name}.*.tmp"):
                shutil.rmtree(left, ignore_errors=True)
            yield


def scratch(records: Path, name: str, *, use: str) -> Path:
    """Return a new folder for files on the way to spines of a name, for their one writer."""
    place = records / FOLDER / f".{name}.{use}.tmp"
    place.mkdir(parents=True)
    return place


def write_spines(
    records: Path,
    name: str,
    *,
    tables: Iterable[pa.Table],
    told: Mapping[str, Any],
    after: Callable[[], Mapping[str, Any]] = dict,
) -> Spines:
    """Write spines under a name, all or none; return them.

    tables: one a spine, with the columns of `COLUMNS`, one to one. told: what else the manifest
    says, `recipe` among it; after: what of it is known once all tables are written. Within a block
    of `one_writer`.
    """
    import pyarrow.parquet as pq

    beside = scratch(records, name, use="write")
    files: dict[str, Any] = {}
    try:
        for number, table in enumerate(tables, start=1):
            path = beside / f"spine_{number}.parquet"
            pq.write_table(table.select(COLUMNS), path, compression="zstd", store_schema=False)
            flushed(path)
            files[path.name] = {"rows": table.num_rows, "sha256": sha256(path)}
        whole = {**told, **after()}
        whole |= {"format": FORMAT, "name": name, "spines": len(files), "files": files}
        put_inside(beside / MANIFEST, (json.dumps(whole, indent=1) + "\n").encode())
        kept(beside)
        os.replace(beside, records / FOLDER / name)
        kept(records / FOLDER)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    place = records / FOLDER / name
    return Spines(place, tuple(place / file for file in files), whole)
