"""Whether probabilities of links mean what they say: made-up people whose links are known.

    python benchmarks/linkage_calibration.py

Each world is linked by the default method at 0.9. Pairs are put into bins by their probability; a
bin's mean probability stands beside the share of its pairs that are one person. Easy worlds have
few pairs in doubt, so that those of several seeds are put together. Writes
benchmarks/LINKAGE_CALIBRATION.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

from benchmarks.linkage_worlds import Slips, write_world  # noqa: E402
from benchmarks.page import table  # noqa: E402
from fingerpost.england.build import Options, build  # noqa: E402
from fingerpost.linkage.comparisons import CHILDREN, fitting  # noqa: E402
from fingerpost.linkage.identifiers import FOLDER, SIDES  # noqa: E402
from fingerpost.linkage.interface import linker  # noqa: E402
from fingerpost.linkage.options import THRESHOLD  # noqa: E402
from fingerpost.linkage.pairing import pair_off  # noqa: E402
from fingerpost.linkage.people import read_people  # noqa: E402

PAGE = Path(__file__).with_name("LINKAGE_CALIBRATION.md")
METHOD = "fellegi_sunter"
BINS = (0.05, 0.2, 0.5, 0.8, 0.95)
MOST = 0.95  # of a chance of a slip
# Families change their names, too: of children of the usual group one in a hundred.
USUAL = Slips(surname=(0.01, 0.03))
COLUMNS = ("probability", "pairs", "mean", "true", "Monte-Carlo error")


@dataclass(frozen=True, slots=True)
class World:
    """Made-up people on two sides. children: on each. overlap: the share of them on both. times:
    how much likelier slips are than usual; one child in five has three times as many besides.
    unknown: identifiers that neither side knows. seeds: how many such worlds are put together.
    """

    name: str
    children: int
    overlap: float = 0.95
    times: float = 1.0
    unknown: tuple[str, ...] = ()
    seeds: int = 10

    def write(self, place: Path, seed: int) -> None:
        """Write identifiers and the truth into a folder."""
        slips = USUAL
        harder = {
            one.name: tuple(min(MOST, self.times * chance) for chance in getattr(slips, one.name))
            for one in fields(slips)
        }
        write_world(
            place,
            self.children,
            seed=seed,
            overlap=self.overlap,
            slips=replace(slips, **harder),
        )
        for side in SIDES:
            path = place / FOLDER / f"{side}.parquet"
            none = {name: pl.lit(None, dtype=pl.String) for name in self.unknown}
            pl.read_parquet(path).with_columns(**none).write_parquet(path)


@dataclass(frozen=True, slots=True)
class England(World):
    """A synthetic England with linkage error."""

    def write(self, place: Path, seed: int) -> None:
        """Write all of its records."""
        build(place, Options(children=self.children, seed=seed, boosts={}, linkage_error=True))


WORLDS = (
    England("England", 20_000, seeds=5),
    World("usual slips", 20_000),
    World("usual slips, half on both sides", 20_000, overlap=0.5),
    World("usual slips, no postcodes", 20_000, unknown=("postcode",)),
    World("three times the slips, three quarters on both sides", 4_000, 0.75, 3.0, seeds=20),
    World("the same without postcodes", 4_000, 0.75, 3.0, ("postcode",), 20),
    World("names and birth dates alone, one in a hundred on both sides", 20_000, 0.01, 1.0,
          ("postcode",), 20),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one world. chance: (n,) of the pairs; true: (n,) whether one person; best: (n,)
    whether among the best links. matches: how many people are on both sides.
    """

    chance: np.ndarray
    true: np.ndarray
    best: np.ndarray
    matches: int


def told_of(world: World, seed: int) -> Told:
    """Return a world linked."""
    with tempfile.TemporaryDirectory() as aside:
        place = Path(aside) / "world"
        world.write(place, seed)
        people = read_people(place)
        with closing(people.session):
            scored = linker(METHOD)(people, fitting(CHILDREN, people), seed=seed)
            paired = pair_off(scored, threshold=THRESHOLD, seed=seed)
            pairs = pl.DataFrame(
                {
                    "hospital_id": people.names(0).take(paired.scored.left).to_pylist(),
                    "child_id": people.names(1).take(paired.scored.right).to_pylist(),
                }
            ).cast(pl.String)
        known = pl.read_parquet(place / "truth" / "identity.parquet").cast(pl.String)
        found = pairs.join(
            known.with_columns(true=pl.lit(True)),
            on=["hospital_id", "child_id"],
            how="left",
            maintain_order="left",
        )
        best = np.zeros(len(pairs), dtype=bool)
        best[paired.best] = True
        true = found["true"].fill_null(False).to_numpy()
        return Told(paired.chance, true, best, known.height)


def rows(each: list[Told]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield each bin of probabilities with its pairs, their mean and the share that is true."""
    chance = np.concatenate([one.chance for one in each])
    true = np.concatenate([one.true for one in each])
    for low, high in pairwise(BINS):
        inside = (chance >= low) & (chance < high)
        n = int(inside.sum())
        if not n:
            yield f"{low} to {high}", "0", "", "", ""
            continue
        mean, share = float(chance[inside].mean()), float(true[inside].mean())
        error = float(np.sqrt((chance[inside] * (1 - chance[inside])).sum())) / n
        yield f"{low} to {high}", f"{n:,}", f"{mean:.3f}", f"{share:.3f}", f"{error:.3f}"


def section(world: World) -> Iterator[str]:
    """Yield the lines of one world."""
    each = [told_of(world, seed) for seed in range(1, world.seeds + 1)]
    links = sum(int(one.best.sum()) for one in each)
    right = sum(int((one.best & one.true).sum()) for one in each)
    matches = sum(one.matches for one in each)
    told = sum(float(one.chance[one.best].sum()) for one in each)
    sides = "children drawn" if isinstance(world, England) else "people on each side"
    yield f"## {world.name[0].upper()}{world.name[1:]}"
    yield ""
    yield (
        f"{world.seeds} worlds of {world.children:,} {sides}; {matches:,} matches in all. At "
        f"{THRESHOLD} {right / matches:.2%} of them are found, and {right / max(links, 1):.2%} of "
        f"the links are true; their probabilities say {told / max(links, 1):.2%}."
    )
    yield ""
    yield table(COLUMNS, list(rows(each)), right=(1, 2, 3, 4))


def main() -> None:
    """Measure every world, and write the page."""
    lines = [
        "# Whether probabilities of links mean what they say",
        "",
        f"`python benchmarks/linkage_calibration.py`: made-up people, linked by `{METHOD}`. Of "
        "the pairs in a bin of probabilities: their mean, and the share that is one person. The "
        "error is that of the share, were the probabilities right and the pairs apart.",
        "",
    ]
    for world in WORLDS:
        print(world.name, file=sys.stderr, flush=True)
        lines += section(world)
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
