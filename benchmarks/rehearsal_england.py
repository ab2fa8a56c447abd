"""The smallest effects that half of England's local authorities could show, over 2,000 draws.

    python benchmarks/rehearsal_england.py FOLDER [--draws 2000] [--estimators ancova did …]

FOLDER holds england_lait_panel/la_sen_indicators_long.csv (Department for Education, Local
Authority Interactive Tool). Prints a table, and whether each smallest effect by
analysis of covariance lies within 5% of the one that was expected.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

# One thread of linear algebra: problems are small, and more only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

FULL = 2_000
EXPECTED = {"absence": 0.055, "plans": 0.146, "refused": 4.0, "in_time": 11.0}
WITHIN = 0.05


def main() -> int:
    """Print the table; return 1 where a smallest effect lies further off than it may."""
    from fingerpost.cohorts.table import read_records
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts import rehearsing
    from fingerpost.studies.rollouts.judging import questions

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the panel lies")
    parser.add_argument("--draws", type=int, default=FULL, help="how many draws")
    parser.add_argument("--estimators", nargs="*", default=["ancova", "did"])
    told = parser.parse_args()
    base = ROOT / "examples" / "rollouts"
    study = read_study(base / "rehearsal.yaml")
    study = replace(study, estimators=tuple(told.estimators))
    # Sizes and smallest effects are of draws in which nothing happens; planted effects take longer.
    rehearsing.PLANTINGS = rehearsing.PLANTINGS[:1]
    records = read_records(study.records, base=told.folder)
    found = rehearsing.rehearse(study, records, base=base, draws=told.draws)
    print("| outcome | estimator | size % | SD | mean SE / SD | smallest effect | of the mean % |")
    print("|---|---|--:|--:|--:|--:|--:|")
    off = []
    for question in questions(found):
        for one in question.judged:
            size, ratio, share = one.size or 0.0, one.se_ratio or 0.0, one.share or 0.0
            print(
                f"| {one.outcome} | {one.leaf} | {100 * size:.1f} | {one.sd:.4g} | {ratio:.3f} | "
                f"{one.mdes:.4g} | {100 * share:.1f} |"
            )
            if one.leaf == "ancova":
                off.append(abs(one.mdes / EXPECTED[one.outcome] - 1) > WITHIN)
    print("All as expected." if not any(off) else "Some are NOT as expected.")
    return int(any(off))


if __name__ == "__main__":
    sys.exit(main())
