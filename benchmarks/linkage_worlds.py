"""Made-up people on two sides, with planted slips and known truth, in the shape linkage reads.

Names are made of syllables and borne as unevenly as names are; families share a surname, a postcode
and their moves; a few are twins. Slips of the second side: letters, swapped days and months, wrong
parts of dates, other forenames, missing values, hospital numbers, moves that one side never heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator

FIRST, LAST = np.datetime64("2003-09-01"), np.datetime64("2014-08-31")
ONSETS = (*"BCDFGHJKLMNPRSTVW", "BR", "CH", "CL", "DR", "FR", "GR", "SH", "ST", "TH", "TR")
VOWELS = (*"AEIOU", "AI", "EA", "EE", "IE", "OA", "OU")
CODAS = ["", "N", "R", "S", "L", "T", "M", "CK", "ND", "RD", "LL", "SS"]
NO_DAY = np.datetime64("NaT", "D")


@dataclass(frozen=True, slots=True)
class Slips:
    """Chances of slips on the hospital's side; the second value for children of group 1. surname:
    that the family's name is another there, as after a marriage.
    """

    letter: tuple[float, float] = (0.02, 0.06)
    forename: tuple[float, float] = (0.01, 0.03)
    swapped: tuple[float, float] = (0.005, 0.015)
    part: tuple[float, float] = (0.01, 0.02)
    missing: tuple[float, float] = (0.01, 0.03)
    place: tuple[float, float] = (0.05, 0.12)
    surname: tuple[float, float] = (0.0, 0.0)


def write_world(
    records: Path,
    children: int,
    *,
    seed: int = 1,
    overlap: float = 0.95,
    slips: Slips | None = None,
) -> None:
    """Write identifiers of children and of hospitals, and the truth, into a folder.

    children: of the education side; as many people, `overlap` of them the same, in hospitals.
    """
    rng = np.random.default_rng(seed)
    chances = slips or Slips()
    total = round(children * (2 - overlap))
    group = rng.random(total) < 0.2
    names = people(rng, total)
    first = slice(0, children)
    second = np.arange(total - children, total)
    education = {name: column[first] for name, column in names.items()}
    education["nhs_number"] = np.full(children, None, dtype=object)
    hospital = {name: column[second] for name, column in names.items()}
    hospital = slipped(rng, hospital, group[second], chances)
    order = rng.permutation(children)
    (records / "identifiers").mkdir(parents=True, exist_ok=True)
    (records / "truth").mkdir(exist_ok=True)
    ids = np.char.add("c", np.char.zfill(np.arange(total).astype(str), 8))
    codes = np.char.add("h", np.char.zfill(np.arange(children).astype(str), 8))
    save(records / "identifiers" / "education.parquet", rows(ids[first], education))
    mixed = {name: column[order] for name, column in hospital.items()}
    save(records / "identifiers" / "hospital.parquet", rows(codes, mixed))
    both = second[order] < children
    true = {"hospital_id": codes[both], "child_id": ids[second[order]][both]}
    save(records / "truth" / "identity.parquet", pa.table(true))
    groups = pa.table({"child_id": ids[first], "group": group[first].astype(int).astype(str)})
    save(records / "groups.parquet", groups)


def save(path: Path, table: pa.Table) -> None:
    """Write a table."""
    pq.write_table(table, path, compression="zstd")


def rows(ids: np.ndarray, held: dict[str, np.ndarray]) -> pa.Table:
    """Return dated rows: one a place that a person lived at, one or two each."""
    moved = np.flatnonzero(~np.isnat(held["moved"]))
    at = np.concatenate([np.arange(len(ids)), moved])
    latter = np.arange(len(at)) >= len(ids)
    born, moves = held["birth_date"], held["moved"]
    began = np.where(latter, moves[at], held["known_from"][at])
    ended = np.where(latter, NO_DAY, moves[at])
    names = {name: pa.array(held[name][at]) for name in ("forename", "surname", "sex")}
    return pa.table(
        {
            "person": pa.array(ids[at]),
            **names,
            "birth_date": pa.array(born[at]),
            "nhs_number": pa.array(held["nhs_number"][at], pa.string()),
            "postcode": pa.array(np.where(latter, held["later"][at], held["place"][at])),
            "from_date": pa.array(began),
            "to_date": pa.array(ended),
        }
    )


def people(rng: Generator, total: int) -> dict[str, np.ndarray]:
    """Return people by family: names, sex, birth date, NHS number, places and moves."""
    family = np.sort(rng.integers(max(1, int(total / 1.8)), size=total))
    homes = np.unique(family).max() + 1
    boy = rng.random(total) < 0.51
    size = max(200, min(4_000, total // 10))
    forename = np.where(
        boy, borne(rng, size, total, 1.0, "boys"), borne(rng, size, total, 1.0, "girls")
    )
    surname = borne(rng, max(500, min(60_000, total // 4)), homes, 0.8, "families")[family]
    span = int((LAST - FIRST).astype(int))
    born = FIRST + rng.integers(span, size=total).astype("timedelta64[D]")
    twin = np.append(False, (family[1:] == family[:-1]) & (rng.random(total - 1) < 0.04))
    born[twin] = born[np.flatnonzero(twin) - 1]
    places = postcodes(rng, max(50, total // 25))
    home, later = rng.integers(len(places), size=homes), rng.integers(len(places), size=homes)
    moves = rng.random(homes) < 0.35
    day = np.datetime64("2015-01-01") + rng.integers(2500, size=homes).astype("timedelta64[D]")
    return {
        "forename": forename.astype(object),
        "surname": surname.astype(object),
        "sex": np.where(boy, "M", "F").astype(object),
        "birth_date": born,
        "known_from": np.maximum(born, np.datetime64("2006-01-01")),
        "nhs_number": rng.integers(4_000_000_000, 7_999_999_999, size=total).astype(str),
        "place": places[home][family].astype(object),
        "later": places[later][family].astype(object),
        "moved": np.where(moves, day, NO_DAY)[family],
    }


def borne(rng: Generator, size: int, total: int, slope: float, words: str) -> np.ndarray:
    """Return names by how often they are borne: as 1 over a power of their rank."""
    seed = sum(words.encode())
    made = np.random.default_rng(seed)
    parts = [
        np.char.add(
            np.char.add(made.choice(ONSETS, 2 * size), made.choice(VOWELS, 2 * size)),
            made.choice(CODAS, 2 * size),
        )
        for _ in range(2)
    ]
    names = np.unique(np.char.add(*parts))
    names = made.permutation(names)[:size]
    weight = 1 / np.arange(5, len(names) + 5) ** slope
    return names[rng.choice(len(names), size=total, p=weight / weight.sum())]


def postcodes(rng: Generator, size: int) -> np.ndarray:
    """Return made-up postcodes, several to a district."""
    district = np.char.add(
        "Q",
        np.char.add(rng.choice(list("ABCDEFGH"), size), rng.integers(1, 80, size=size).astype(str)),
    )
    tail = np.char.add(
        rng.integers(1, 10, size=size).astype(str),
        np.char.add(rng.choice(list("ABDEFGHJ"), size), rng.choice(list("ABDEFGHJ"), size)),
    )
    return np.unique(np.char.add(np.char.add(district, " "), tail))


def slipped(
    rng: Generator, held: dict[str, np.ndarray], group: np.ndarray, slips: Slips
) -> dict[str, np.ndarray]:
    """Return people as a hospital has written them down."""
    size = len(group)
    kind = group.astype(int)

    def hit(chances: tuple[float, float]) -> np.ndarray:
        return np.flatnonzero(rng.random(size) < np.array(chances)[kind])

    out = {name: column.copy() for name, column in held.items()}
    for name in ("forename", "surname"):
        for at in hit(slips.letter):
            out[name][at] = misspelt(rng, str(out[name][at]))
    other = hit(slips.forename)
    out["forename"][other] = out["forename"][rng.integers(size, size=len(other))]
    born = out["birth_date"]
    at = hit(slips.swapped)
    month = born[at].astype("datetime64[M]").astype(int) % 12 + 1
    day = (born[at] - born[at].astype("datetime64[M]")).astype(int) + 1
    fits = day <= 12
    year = born[at].astype("datetime64[Y]").astype("datetime64[M]")
    swapped = (year + (day - 1).astype("timedelta64[M]")).astype("datetime64[D]")
    born[at[fits]] = (swapped + (month - 1).astype("timedelta64[D]"))[fits]
    at = hit(slips.part)
    born[at] = born[at].astype("datetime64[M]").astype("datetime64[D]") + rng.integers(
        28, size=len(at)
    ).astype("timedelta64[D]")
    out["forename"][hit(slips.missing)] = None
    out["sex"][hit(slips.missing)] = None
    at = hit(slips.place)
    out["place"][at] = out["place"][rng.integers(size, size=len(at))]
    # What hospitals know of a place begins with the first stay there, not with the move.
    late = rng.integers(900, size=size).astype("timedelta64[D]")
    out["known_from"] = np.minimum(out["known_from"] + late, np.datetime64("2014-12-31"))
    out["moved"] = out["moved"] + late
    out["moved"][hit(slips.place)] = NO_DAY
    out["nhs_number"] = out["nhs_number"].astype(object)
    out["nhs_number"][hit(slips.missing)] = None
    other = hit(slips.surname)
    out["surname"][other] = out["surname"][rng.integers(size, size=len(other))]
    return out


def misspelt(rng: Generator, name: str) -> str:
    """Return a name with one letter changed, left out, or swapped with the next."""
    at, kind = int(rng.integers(len(name))), int(rng.integers(3))
    if kind == 0:
        return name[:at] + "AEINORST"[int(rng.integers(8))] + name[at + 1 :]
    if kind == 1 and len(name) > 2:
        return name[:at] + name[at + 1 :]
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
