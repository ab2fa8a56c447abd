"""Children born preterm, by completed weeks of gestation.

From the birth record alone: children born at 24 to 36 completed weeks, in the bands of HOPE's
protocol. With `term: true` those born at 37 to 41 weeks are there too, to be compared with.
"""

from typing import Any

import narwhals as nw

from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import named
from fingerpost.phenotypes._match import DAY, Frame, Until, earliest, known_by

BANDS = {"24-27": (24, 28), "28-31": (28, 32), "32-33": (32, 34), "34-36": (34, 37)}
TERM = {"37-41": (37, 42)}


def run(store: Any, *, until: Until = None, term: bool = False) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (band of weeks)."""
    weeks = nw.col("gestation_weeks")
    bands = {**BANDS, **TERM} if term else BANDS
    tests = {name: (weeks >= low) & (weeks < end) for name, (low, end) in bands.items()}
    births = known_by(store, "birth", until).with_columns(
        earliest("birth_date", "valid_from", "known_from"), named(tests).alias("group")
    )
    seen = births.filter(~nw.col("group").is_null(), nw.coalesce(nw.col("live"), nw.lit(1)) == 1)
    return seen.group_by("child_id").agg(
        nw.col(DAY).min().alias("first_date"),
        nw.col("known_from").min(),
        nw.col("group").min(),
    )


PHENOTYPE = Phenotype(
    title="Born preterm",
    who="children born preterm",
    summary="Children born at 24 to 36 completed weeks of gestation, in bands.",
    reference="Nguyen et al. (2023), NIHR Open Research 3:59",
    groups=tuple((name, f"{name.replace('-', ' to ')} weeks") for name in (*BANDS, *TERM)),
    run=run,
    terms=(
        "Gestation is the birth record's, in completed weeks; children without it are not found.",
        "Stillbirths do not count, where the birth record says so.",
    ),
    limits=("Children born before 24 weeks or after 41 are in no band.",),
    tables=("birth",),
    options=(("term", "true: children born at 37 to 41 weeks are there too (default false)"),),
)
