"""Make the register of the example roll-out: 152 made-up areas in 9 regions.

No area in it is real, nor is any figure: names are numbers, regions have as many areas as England's
regions have local authorities, and every figure is drawn. The same seed gives the same file:

    python scripts/example_areas.py > examples/rollouts/england_areas.csv
"""

from __future__ import annotations

import csv
import random
import sys

SEED = 20_261_126
REGIONS = {
    "North East": 12,
    "North West": 24,
    "Yorkshire and the Humber": 15,
    "East Midlands": 10,
    "West Midlands": 14,
    "East of England": 11,
    "London": 33,
    "South East": 19,
    "South West": 14,
}
COLUMNS = ("code", "area", "region", "pupils", "plan_rate", "support_rate", "fsm", "deficit")


def areas() -> list[dict[str, str]]:
    """Return the rows: figures that hang together a little, as such figures do."""
    source = random.Random(SEED)
    rows = []
    for region, count in REGIONS.items():
        poor = source.gauss(0, 0.5)
        for at in range(1, count + 1):
            need, size = source.gauss(poor, 1), source.lognormvariate(10.4, 0.55)
            rows.append(
                {
                    "code": f"X{len(rows) + 1:03}",
                    "area": f"{region} {at}",
                    "region": region,
                    "pupils": f"{round(max(size, 2000), -2):.0f}",
                    "plan_rate": f"{max(4.8 + 0.4 * need + source.gauss(0, 0.7), 2):.2f}",
                    "support_rate": f"{max(13.6 + 0.6 * need + source.gauss(0, 1.4), 7):.2f}",
                    "fsm": f"{min(max(25 + 5 * need + source.gauss(0, 4), 6), 50):.1f}",
                    "deficit": f"{6 + 3 * source.gauss(0, 1) + 0.8 * need:.1f}",
                }
            )
    return rows


def main() -> None:
    """Print the register."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(areas())


if __name__ == "__main__":
    main()
