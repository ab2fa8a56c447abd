"""Who the children of synthetic England are to two collections: identifiers, and the truth of them.

With linkage error, hospital tables name a child by `hospital_id` alone, education tables by
`child_id`, and two tables beside the records hold what can join them: names, sex, date of birth,
NHS number and dated postcodes (`identifiers/education.parquet`, `identifiers/hospital.parquet`).
Which pairs are the same child lies apart, in `truth/identity.parquet`. Children who opted out are
in no table of hospital identifiers; children never in a state school are in none of education.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.engines._parquet import arrow
from fingerpost.engines._shared import sha256
from fingerpost.england import _days, addresses, linkage_error
from fingerpost.england._draws import Ints, source
from fingerpost.england._names import NameList, Words, forenames, read_list, surnames
from fingerpost.england.addresses import Stays
from fingerpost.england.careers import Careers
from fingerpost.england.families import ETHNICITY
from fingerpost.england.health import FAR
from fingerpost.england.linkage_error import Written
from fingerpost.england.world import World
from fingerpost.records.fields import HOSPITAL_ID

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER, TRUTH, PARTS = "identifiers", "truth", ".identifiers"
EDUCATION, HOSPITAL, IDENTITY = "education", "hospital", "identity"
# The tables that hospitals, registrars of birth and death and health services hold.
TABLES = ("birth", "death", "hes_apc", "hes_ae", "hes_op", "csds", "mhsds")
PRIME, MULTIPLIER, SHIFT = 2_147_483_647, 1_597_334_677, 40_692
NHS_BASE = 200_000_000
SEXES = ("M", "F")


def hospital_id(child: Ints, *, seed: int) -> Ints:
    """Return the hospital pseudonym of each child: its own, and in no order of theirs.

    >>> len(set(hospital_id(np.arange(1000), seed=1).tolist()))
    1000
    """
    return (child * MULTIPLIER + SHIFT * (seed % 10_007)) % PRIME


def nhs_number(child: Ints) -> Words:
    """Return a made-up NHS number of ten digits with its check digit; none so begun is in use.

    >>> nhs_number(np.array([1, 2])).tolist()
    ['2000000029', '2000000045']
    """
    held = NHS_BASE + 2 * child
    check = check_digit(held)
    held = np.where(check == 10, held + 1, held)
    digits = check_digit(held)
    return np.array([f"{one}{two}" for one, two in zip(held, digits, strict=True)], dtype=object)


def check_digit(nine: Ints) -> Ints:
    """Return the eleventh-modulus check digit of nine digits; 10 where there is none."""
    total = sum(((nine // 10**at) % 10) * (at + 2) for at in range(9))
    return np.asarray((11 - total % 11) % 11)


def by_hospital(rows: pa.Table, *, seed: int) -> pa.Table:
    """Return a table of children as hospitals key it, in the order of their own identifier."""
    import pyarrow as pa

    own = hospital_id(rows["child_id"].to_numpy().astype(np.int64), seed=seed)
    keyed = rows.set_column(rows.column_names.index("child_id"), HOSPITAL_ID, pa.array(own))
    return keyed.take(pa.array(np.argsort(own, kind="stable")))


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """n children of a block as both collections know them. stays: of each, in days; a stay's end is
    `FAR` where it goes on. nhs: None where the hospital has none. pupils, patients: positions.
    """

    school: Written
    hospital: Written
    at_school: Stays
    in_hospital: Stays
    nhs: Words
    pupils: Ints
    patients: Ints


def make(made: World, schooling: Careers, *, last_day: int, names: NameList | None = None) -> Known:
    """Return how education and hospitals know the children of one block."""
    families = made.families
    rng = source(made.seed, made.block, "identifiers")
    n, family = made.size, families.mother - families.child[0]
    group = np.array(ETHNICITY, dtype=object)[families.ethnicity]
    year = families.birth.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    first, other = (forenames(rng, group, families.sex, year, given=names) for _ in range(2))
    true = Written(first, surnames(rng, group)[family], families.sex, families.birth)
    times = linkage_error.carelessness(rng, families.ethnicity, families.deprivation)
    school, hospital = linkage_error.written(rng, true, other, times=times)
    near = families.deprivation - made.places.deprivation[families.school]
    stays = addresses.histories(
        rng,
        school=families.school,
        near=near[family],
        birth=families.birth,
        family=family,
        until=np.minimum(made.health.died, last_day),
        day=last_day,
        far=FAR,
    )
    since = _days.days("first", families.reception, np.zeros(n, dtype=np.int64))
    known = addresses.in_hospital(rng, stays, day=last_day, far=FAR, times=times)
    taught = addresses.at_school(stays, since)
    wrong = np.flatnonzero(rng.random(n) < linkage_error.RATES.address * times)
    place = addresses.mistyped(rng, taught.place, taught.child, wrong=wrong)
    taught = Stays(taught.child, place, taught.first, taught.last)
    nhs = nhs_number(families.child)
    nhs[rng.random(n) < linkage_error.NHS_MISSING * times] = None
    rolled = schooling.open.any(axis=1)
    opted = schooling.opted_out <= last_day
    return Known(
        school,
        hospital,
        taught,
        known,
        nhs,
        np.flatnonzero(rolled),
        np.flatnonzero(~opted),
    )


def table(who: Written, stays: Stays, person: Words, rows: Ints, *, nhs: Words | None) -> pa.Table:
    """Return identifiers, one row a child and stay, of the children at `rows`, in their order."""
    import pyarrow as pa

    from fingerpost.england._arrow import codes, dates

    place = np.full(len(person), -1)
    place[rows] = np.arange(len(rows))
    own = np.flatnonzero(place[stays.child] >= 0)
    own = own[np.lexsort((stays.first[own], place[stays.child[own]]))]
    at, stay = stays.child[own], stays.take(own)
    sex = who.sex[at]
    text = pa.string()
    return pa.table(
        {
            "person": pa.array(person[at], text),
            "forename": pa.array(who.forename[at], text),
            "surname": pa.array(who.surname[at], text),
            "sex": codes(sex.clip(0), SEXES, missing=sex < 0).cast(text),
            "birth_date": dates(who.birth[at]),
            "nhs_number": pa.array([None] * len(at) if nhs is None else nhs[at], text),
            "postcode": pa.array(addresses.postcode(stay.place), text),
            "from_date": dates(stay.first),
            "to_date": dates(np.minimum(stay.last, FAR), missing=stay.last >= FAR),
        }
    )


def tables(
    made: World, schooling: Careers, *, last_day: int, names: NameList | None = None
) -> dict[str, pa.Table]:
    """Return the tables of one block: identifiers of education and of hospitals, and the truth."""
    import pyarrow as pa

    known = make(made, schooling, last_day=last_day, names=names)
    child = made.families.child
    own = hospital_id(child, seed=made.seed)
    pupil, patient = child.astype(str).astype(object), own.astype(str).astype(object)
    patients = known.patients[np.argsort(own[known.patients], kind="stable")]
    both = np.intersect1d(known.pupils, known.patients)
    both = both[np.argsort(own[both], kind="stable")]
    text = pa.string()
    return {
        EDUCATION: table(known.school, known.at_school, pupil, known.pupils, nhs=None),
        HOSPITAL: table(known.hospital, known.in_hospital, patient, patients, nhs=known.nhs),
        IDENTITY: pa.table(
            {HOSPITAL_ID: pa.array(patient[both], text), "child_id": pa.array(pupil[both], text)}
        ),
    }


@cache
def _list(path: Path | None) -> NameList | None:
    return None if path is None else read_list(path)


def write_block(
    folder: Path, made: World, schooling: Careers, *, last_day: int, names: Path | None
) -> None:
    """Write the identifiers of one block aside, where they are not there yet."""
    import pyarrow.parquet as pq

    place = folder / PARTS
    place.mkdir(exist_ok=True)
    parts = {
        name: place / f"{name}-{made.block:05}.parquet" for name in (EDUCATION, HOSPITAL, IDENTITY)
    }
    if all(path.is_file() for path in parts.values()):
        return
    for name, rows in tables(made, schooling, last_day=last_day, names=_list(names)).items():
        beside = parts[name].with_name(f".{parts[name].name}.{os.getpid()}.tmp")
        try:
            pq.write_table(rows, beside, compression="zstd", store_schema=False)
            os.replace(beside, parts[name])
        finally:
            beside.unlink(missing_ok=True)


def finish(folder: Path, blocks: int) -> None:
    """Write the blocks' identifiers as one file each, with a manifest of rows and digests, and take
    the parts away; nothing where that was done before.
    """
    aside, path = folder / PARTS, folder / FOLDER / "manifest.json"
    if path.is_file():  # stopped while the parts were taken away
        shutil.rmtree(aside, ignore_errors=True)
        return
    files = {
        EDUCATION: folder / FOLDER / f"{EDUCATION}.parquet",
        HOSPITAL: folder / FOLDER / f"{HOSPITAL}.parquet",
        IDENTITY: folder / TRUTH / f"{IDENTITY}.parquet",
    }
    told = {
        file.name: joined([aside / f"{name}-{at:05}.parquet" for at in range(blocks)], file)
        for name, file in files.items()
    }
    told.pop(f"{IDENTITY}.parquet")
    whole = {"synthetic": True, "files": told}
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(beside, path)
    shutil.rmtree(aside)


def joined(parts: list[Path], path: Path) -> dict[str, object]:
    """Write parts as one file, one in memory at a time; return its rows and digest."""
    import pyarrow.parquet as pq

    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rows = 0
    try:
        schema = pq.read_schema(parts[0])
        with pq.ParquetWriter(beside, schema, compression="zstd", store_schema=False) as out:
            for part in parts:
                held = arrow(part)
                rows += held.num_rows
                out.write_table(held)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return {"rows": rows, "sha256": sha256(path)}
