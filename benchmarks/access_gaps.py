"""Coverage of gaps at equal need in 2,000 worlds of each kind; writes benchmarks/ACCESS.md.

    python benchmarks/access_gaps.py [--worlds 2000]

Children's need is higher with free school meals. In half of the worlds provision differs at equal
need as well, by −0.5 on the log-odds; need is on record of all children, or of those of whom a
concern was raised. The worlds are those of the tests, with 3,000 children each.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Matrices are small here: threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402

from fingerpost.core.inference import intervals  # noqa: E402
from fingerpost.studies.access.gaps import EQUAL_NEED, PROVISION, Setting, gaps  # noqa: E402
from fingerpost.studies.access.need import reach  # noqa: E402
from units.studies.access import worlds  # noqa: E402

FULL, CHILDREN = 2_000, 3_000
PAGE = ROOT / "benchmarks" / "ACCESS.md"
RECORDED = {worlds.ALL: "all children", worlds.CONCERN: "children with a concern"}
PLANTED = (0.0, -0.5)
WITHIN = (0.93, 0.97)
HEAD = """\
# Gaps at equal need: how often the interval holds the truth

{worlds:,} worlds of {children:,} children for each row, by `python benchmarks/access_gaps.py`. The
gap is that of children with and without free school meals in the share provided for, among children
alike in recorded need and social index. Coverage is that of 95% intervals, which must lie from 93%
to 97%; planted is the log-odds of provision at equal need; bias is the mean of the estimates less
the truth; mean error is that of the standard errors.

| need recorded of | planted | truth | bias | standard deviation | mean error | coverage |
|---|---|---|---|---|---|---|
"""


def answered(seed: int, *, planted: float, recorded: str) -> tuple[float, float, float]:
    """Return value and interval of the gap at equal need in one world."""
    cohort = worlds.cohort(CHILDREN, seed=seed, planted=planted, recorded=recorded)
    told = reach(cohort)
    if told.rows is None:
        raise RuntimeError("need reaches nobody in this world")
    grouping = cohort.groupings[0]
    own = Setting(cohort, grouping, PROVISION, told.rows, told.among, with_need=True)
    for answer in gaps(worlds.study(), own).answers:
        found = answer.estimate
        if found is not None and found.terms[0].target == EQUAL_NEED:
            ends = intervals(found)
            if ends is not None:
                return float(found.value[0]), float(ends[0, 0]), float(ends[0, 1])
    raise RuntimeError(f"world {seed} gave no interval")


def row(count: int, *, planted: float, recorded: str) -> tuple[str, float]:
    """Return one row of the page, and its coverage."""
    truth = worlds.truth(planted, "concern" if recorded == worlds.CONCERN else "")
    found = np.array([answered(at, planted=planted, recorded=recorded) for at in range(count)])
    value, low, high = found.T
    covered = float(np.mean((low <= truth) & (truth <= high)))
    error = float(np.mean(high - low)) / (2 * 1.96)
    cells = (
        f"{RECORDED[recorded]} | {planted:g} | {truth:.4f} | {value.mean() - truth:+.4f} | "
        f"{value.std(ddof=1):.4f} | {error:.4f} | {100 * covered:.1f}%"
    )
    return f"| {cells} |\n", covered


def main() -> int:
    """Draw the worlds, write the page; 1 where some coverage lies outside."""
    reads = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reads.add_argument("--worlds", type=int, default=FULL, help="worlds of each kind")
    count = reads.parse_args().worlds
    rows = [row(count, planted=p, recorded=r) for r in RECORDED for p in PLANTED]
    text = HEAD.format(worlds=count, children=CHILDREN) + "".join(line for line, _ in rows)
    print(text)
    if count >= FULL:
        PAGE.write_text(text, encoding="utf-8")
    return int(not all(WITHIN[0] <= covered <= WITHIN[1] for _, covered in rows))


if __name__ == "__main__":
    sys.exit(main())
