"""One block of children of synthetic England: all that no allocation of provision changes."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.england import families, health, needs, provision
from fingerpost.england.families import Families
from fingerpost.england.health import Health
from fingerpost.england.needs import Needs
from fingerpost.england.places import Places
from fingerpost.england.provision import Chances, Provision
from fingerpost.england.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class World:
    """Children of one block with their health, need and chances, before anyone provides.

    seed, block: what names the streams of random numbers that outcomes draw from, so that the same
    children meet the same luck under every allocation. boost: the condition for which the block
    was added to the children drawn from all of England.
    """

    seed: int
    block: int
    scenario: Scenario
    places: Places
    families: Families
    health: Health
    needs: Needs
    chances: Chances
    boost: str | None = None

    @property
    def size(self) -> int:
        """How many children."""
        return self.families.size


def make(
    places: Places,
    *,
    scenario: Scenario,
    seed: int,
    block: int,
    first_child: int,
    size: int,
    era: str = "2003-2013",
    boost: str | None = None,
) -> World:
    """Return one block of children. boost: a condition that all of them are born with."""
    born = families.make(
        places, seed=seed, block=block, first_child=first_child, size=size, era=era
    )
    well = health.make(born, seed=seed, block=block, boost=boost)
    need = needs.make(born, well, places, scenario=scenario, seed=seed, block=block)
    drawn = provision.chances(born, places, seed=seed, block=block)
    return World(seed, block, scenario, places, born, well, need, drawn, boost)


def unaided(made: World) -> Provision:
    """Return the provision of one block when nobody intervenes."""
    return provision.make(
        made.families,
        made.health,
        made.needs,
        made.places,
        made.chances,
        late=made.scenario.late,
    )
