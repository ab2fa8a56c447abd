"""Building England: block after block of children, each made alone from its own streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import fingerpost
from fingerpost.core.calendar import day_number
from fingerpost.core.errors import UsageError, listed, nearest
from fingerpost.core.seeds import seed_faults
from fingerpost.engines._shared import sha256
from fingerpost.england import (
    careers,
    identifiers,
    outcomes_counts,
    outcomes_scores,
    places,
    sealing,
    tables_care,
    tables_children,
    tables_hospital,
    tables_needs,
    tables_provision,
    tables_schools,
    tables_system,
    world,
)
from fingerpost.england.careers import Careers
from fingerpost.england.conditions import NAMES
from fingerpost.england.families import ERAS
from fingerpost.england.places import Places
from fingerpost.england.provision import Provision
from fingerpost.england.scenarios import DEFAULT, scenario
from fingerpost.england.workers import workers
from fingerpost.england.world import World
from fingerpost.records import writing
from fingerpost.records.alone import alone

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 50_000
# What an England may hold, and why no more.
MOST_CHILDREN = 20_000_000
WHY_MOST = (
    "20 million are about as many people as the linked records of England hold; they take about 17 "
    "minutes on two processors and 11 GB of disk."
)
MOST_JOBS = 64
# The table that is made last in each block, and so stands for all of them.
LAST_TABLE = "dispute"
# No row is known later than this day, whatever the era.
LAST_DAY = date(2026, 8, 31)
# Children born with a cleft alone who come besides where nothing else is asked: of 14,700 in the
# era 2003-2013 about 6,359 were born by August 2008, are in a state school in Year 1 spring and
# have no plan, as many as in the published cohort (IJPDS 9(5):2572).
USUAL_CLEFTS = 14_700


@dataclass(frozen=True, slots=True)
class Options:
    """What an England is made of.

    children: drawn from all of England. boosts: condition → children born with it, besides.
    linkage_error: whether hospitals name children otherwise than schools, so that they must be
    linked by identifiers with errors; names: a table of forenames counted by year for these.
    """

    children: int
    seed: int
    era: str = "2003-2013"
    scenario: str = DEFAULT
    boosts: Mapping[str, int] = field(default_factory=dict)
    linkage_error: bool = False
    names: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no England can be made of, all faults at once."""
        faults = []
        if not 1 <= self.children <= MOST_CHILDREN:
            faults.append(f"--children must be 1 to {MOST_CHILDREN:,}. {WHY_MOST}")
        faults += seed_faults(self.seed)
        if self.era not in ERAS:
            faults.append(f'No era "{self.era}". Eras: {listed(ERAS)}.')
        for name, count in self.boosts.items():
            if name not in NAMES:
                faults.append(
                    f'No condition "{name}".{nearest(name, NAMES)} Conditions: {listed(NAMES)}.'
                )
            if not 1 <= count <= MOST_CHILDREN:
                faults.append(f"A boost of {name} must be 1 to {MOST_CHILDREN:,} children.")
        if self.names is not None and not self.linkage_error:
            faults.append("--names is of the identifiers that --linkage-error makes. Add that.")
        if self.names is not None and not self.names.is_file():
            faults.append(f"--names {self.names}: there is no file at this path.")
        if faults:
            raise UsageError(faults)
        scenario(self.scenario)


def usual_boosts() -> dict[str, int]:
    """Return the boosts of an England of which nothing else is asked: condition → children.

    Children born with a cleft are one in 700: without more of them an England would have to be
    whole to hold a cohort as large as the published one.

    >>> usual_boosts()
    {'cleft': 14700}
    """
    return {"cleft": USUAL_CLEFTS}


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its number, its first child's pseudonym, its size, what it is boosted with."""

    index: int
    first_child: int
    size: int
    boost: str | None = None


def blocks(options: Options) -> tuple[Block, ...]:
    """Return the blocks of an England, the boosted ones last.

    >>> [block.size for block in blocks(Options(children=60_000, seed=1, boosts={"cleft": 5}))]
    [50000, 10000, 5]
    """
    found: list[Block] = []
    child = 1
    for boost, count in ((None, options.children), *sorted(options.boosts.items())):
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            found.append(Block(len(found), child, size, boost))
            child += size
    return tuple(found)


def make_world(options: Options, block: Block, *, where: Places) -> World:
    """Return the children of one block."""
    return world.make(
        where,
        scenario=scenario(options.scenario),
        seed=options.seed,
        block=block.index,
        first_child=block.first_child,
        size=block.size,
        era=options.era,
        boost=block.boost,
    )


def recorded(made: World, given: Provision) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of one block under any provision, one at a time."""
    last = day_number(LAST_DAY)
    schooling = careers.make(
        made.families, made.health, made.places, seed=made.seed, block=made.block, last_day=last
    )
    yield "child", tables_children.child(made)
    yield "birth", tables_children.birth(made)
    yield "death", tables_children.death(made, last_day=last)
    yield "opt_out", tables_children.opt_out(made, schooling, last_day=last)
    yield "social_care", tables_care.social_care(made, last_day=last)
    yield from at_school(made, given, schooling, last)
    yield from in_health_care(made, given, last)
    yield from needs_and_provision(made, given, schooling, last)


def at_school(
    made: World, given: Provision, schooling: Careers, last: int
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of education."""
    yield "school_census", tables_schools.school_census(made, given, schooling)
    missed = outcomes_counts.absence(made, given, schooling)
    yield "absence", tables_schools.absence(made, schooling, missed)
    yield "exclusion", tables_care.exclusion(made, schooling)
    yield "ap_census", tables_system.ap_census(made, schooling)
    yield "early_years_census", tables_provision.early_years_census(made, given, last_day=last)
    scores = outcomes_scores.make(made, given)
    yield "eyfsp", tables_schools.eyfsp(made, schooling, scores)
    yield "phonics", tables_schools.phonics(made, schooling, scores)
    yield "ks1", tables_schools.ks1(made, schooling, scores)
    yield "ks2", tables_schools.ks2(made, schooling, scores)
    yield "wellbeing", tables_needs.wellbeing(made, schooling, scores)
    yield "process", tables_needs.process(made, given, schooling, scores)


def in_health_care(made: World, given: Provision, last: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of health."""
    admitted = outcomes_counts.admissions(made, given, last_day=last)
    yield "hes_apc", tables_hospital.hes_apc(made, admitted, last_day=last)
    yield "hes_ae", tables_care.hes_ae(made, last_day=last)
    yield "hes_op", tables_care.hes_op(made, last_day=last)
    yield "csds", tables_care.csds(made, given, last_day=last)
    yield "mhsds", tables_care.mhsds(made, given, last_day=last)


def needs_and_provision(
    made: World, given: Provision, schooling: Careers, last: int
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of need and provision, and of what authorities decide."""
    yield "concern", tables_needs.concern(made, given, last_day=last)
    yield "functional_need", tables_needs.functional_need(made, given, schooling, last_day=last)
    yield "provision_plan", tables_provision.provision_plan(made, given, last_day=last)
    delivered = tables_provision.provision_delivered(made, given, schooling, last_day=last)
    yield "provision_delivered", delivered
    yield "sen_support_layer", tables_provision.sen_support_layer(made, given, schooling)
    yield "assessment_request", tables_system.assessment_request(made, given, last_day=last)
    yield LAST_TABLE, tables_system.dispute(made, given, last_day=last)


def write_block(folder: Path, options: Options, block: Block) -> int:
    """Write the parts of one block; return how many children it holds. A finished part is kept."""
    made = None
    if writing.kept(folder, LAST_TABLE, index=block.index) is None:
        made = make_world(options, block, where=places.make(options.seed))
        given = world.unaided(made)
        sealing.seal(folder, made, given)
        if options.linkage_error:
            identify(folder, options, made)
        for name, rows in recorded(made, given):
            if writing.kept(folder, name, index=block.index) is None:
                if options.linkage_error and name in identifiers.TABLES:
                    rows = identifiers.by_hospital(rows, seed=options.seed)
                writing.write_part(folder, name, index=block.index, rows=rows)
    return block.size


def identify(folder: Path, options: Options, made: World) -> None:
    """Write the identifiers of one block aside, for `identifiers.finish`."""
    last = day_number(LAST_DAY)
    schooling = careers.make(
        made.families, made.health, made.places, seed=made.seed, block=made.block, last_day=last
    )
    identifiers.write_block(folder, made, schooling, last_day=last, names=options.names)


def build(
    folder: Path,
    options: Options,
    *,
    jobs: int = 1,
    say: Callable[[str], None] = lambda words: None,
) -> bool:
    """Write an England into a folder; return whether it was there already, made the same way.

    A stop, or a disk that is full, leaves whole parts only; the same call goes on from them. jobs:
    processes at once, 1 to 64. Raises UsageError where the folder holds anything else or jobs is
    none of these, FingerpostError where another process is writing the folder.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"--jobs must be 1 to {MOST_JOBS}: each is a process of 0.5 GiB.")
    with alone(folder):
        if writing.begin(folder, recipe(options)):
            return True
        if writing.kept(folder, "school", index=0) is None:
            writing.write_part(
                folder, "school", index=0, rows=tables_schools.school(places.make(options.seed))
            )
        planned = blocks(options)
        total = sum(block.size for block in planned)
        done = 0
        for size in written(folder, options, planned, jobs):
            done += size
            say(f"{done:,} of {total:,} children")
        if options.linkage_error:
            identifiers.finish(folder, len(planned))
        writing.finish(
            folder,
            writing.Manifest(
                made_by=f"fingerpost {fingerpost.__version__}",
                synthetic=True,
                seed=options.seed,
                options=recipe(options),
            ),
        )
    return False


def recipe(options: Options) -> dict[str, object]:
    """Return what decides the records, as numbers and text."""
    said = {**asdict(options), "boosts": dict(options.boosts)}
    names = said.pop("names")
    if not said.pop("linkage_error"):
        return {"england": 2, **said}
    told = {"linkage_error": 1, "names": "" if names is None else sha256(names)}
    return {"england": 2, **said, **told}


def written(folder: Path, options: Options, planned: tuple[Block, ...], jobs: int) -> Iterator[int]:
    """Write the blocks, by several processes where asked; yield the size of each once done.

    A stop from the keyboard ends the waiting, not the blocks at work, which are finished whole.
    """
    if jobs <= 1 or len(planned) == 1:
        for block in planned:
            yield write_block(folder, options, block)
        return
    with workers(min(jobs, len(planned))) as pool:
        left = list(reversed(planned))
        going: set[Future[int]] = set()
        try:
            while left or going:
                while left and len(going) < jobs:
                    going.add(pool.submit(write_block, folder, options, left.pop()))
                done, going = wait(going, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in going:
                future.cancel()
