"""Make up returns for a collection of the example of 152 areas: no figure in them is anyone's.

    python scripts/example_returns.py COLLECTION DRAW OUT

A file for each period of returns that come in time (nine in ten), one of late ones; five areas
never return. Provision takes 0.2 points off absence from the period in which it begins.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

EFFECT, LATE, SEED = -0.2, 0.1, 20260101
SILENT = ("X011", "X042", "X077", "X103", "X150")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def made(collection: Path, draw: Path) -> dict[str, list[dict[str, str]]]:
    """Return name of a file → its rows."""
    asked = read(collection / "template.csv")
    begins = {row["unit"]: row["begins"] for row in read(draw / "allocation.csv")}
    unit, period = list(asked[0])[:2]
    periods = list(dict.fromkeys(row[period] for row in asked))
    made_up = random.Random(SEED)
    level = {code: made_up.gauss(2.0, 0.4) for code in begins}
    files: dict[str, list[dict[str, str]]] = {}
    for row in asked:
        code, at = row[unit], periods.index(row[period])
        begun = begins[code] in periods and at >= periods.index(begins[code])
        value = level[code] + made_up.gauss(0, 0.15) + EFFECT * begun
        told = {"absence": f"{max(value, 0):.2f}", "enrolled": str(made_up.randint(8000, 60000))}
        late = made_up.random() < LATE
        if code not in SILENT:
            name = "late" if late else f"in-time-{at + 1}"
            files.setdefault(name, []).append({**row, **told})
    return files


def main() -> None:
    """Write the files."""
    collection, draw, out = (Path(word) for word in sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in made(collection, draw).items():
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
