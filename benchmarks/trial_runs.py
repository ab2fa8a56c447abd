"""How often the intervals of trials that are run on synthetic England hold what is true.

python -m benchmarks.trial_runs examples/trials/preschool.yaml build/england --runs 1000

Each run takes other children, or schools, and draws anew by the study's design. The truth is the
contrast of means of all who could have taken part, each with the luck it had, were all in one arm
and then in the other. Prints a table; --out FILE writes it.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fingerpost.cli._truth_trial import truth_of
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.study import Study
from fingerpost.studies.document import read_study
from fingerpost.studies.trials import on_england, running

BAND = (0.92, 0.98)


def runs_of(file: Path, folder: Path, *, runs: int, leaves: tuple[str, ...]) -> list[tuple]:
    """Return (leaf, outcome, value, se, lo, hi, truth) of every run."""
    study = read_study(file)
    country = on_england.country(study, folder)
    found = []
    for run in range(runs):
        taken = running.take(country.whom, run=run, replayed=199)
        table = country.drawn(taken.rows, taken.arm, stratum=taken.stratum)
        asked = on_england.on_columns(country.whom, stratum=bool(taken.stratum))
        own = lean(asked, leaves)
        records = on_england.read_as(country.whom, table)
        finding = running.analysed(own, records, taken, say=lambda words: None)
        for answer in finding.answers:
            found += rows_of(answer, country, own)
        if (run + 1) % 100 == 0:
            print(f"{run + 1} runs\n{table_of_rows(found)}\n", file=sys.stderr, flush=True)
    return found


def lean(study: Study, leaves: tuple[str, ...]) -> Study:
    """Return a study of some estimators alone."""
    options = tuple((name, said) for name, said in study.options if name in leaves)
    primary = tuple(name for name in study.primary if name in leaves)
    return replace(study, estimators=leaves, options=options, primary=primary, sensitivity=())


def rows_of(answer, country: on_england.Country, study: Study) -> list[tuple]:
    """Return the rows of one answer."""
    found = []
    estimate = answer.estimate
    if estimate is not None:
        errors, ends = standard_errors(estimate), intervals(estimate, study.level)
        for at, term in enumerate(estimate.terms):
            truth, _ = truth_of(country, term)
            if truth is not None:
                truth = np.log(truth) if term.scale == "ratio" else truth
                held = (estimate.value[at], errors[at], *ends[at], truth)
                found.append((answer.leaf, term.outcome, *held))
    for region in answer.regions:
        truth, _ = truth_of(country, region.term)
        if truth is not None:
            lo, hi = region.pieces[0][0], region.pieces[-1][1]
            found.append((answer.leaf, region.term.outcome, region.value, np.nan, lo, hi, truth))
    return found


def table_of_rows(found: list[tuple]) -> str:
    """Return the table of coverage as Markdown."""
    lines = [
        "| estimator | outcome | runs | truth | mean | bias / SD | mean SE / SD | coverage | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for leaf, outcome in dict.fromkeys((row[0], row[1]) for row in found):
        own = np.array([row[2:] for row in found if row[:2] == (leaf, outcome)], dtype=float)
        value, error, lo, hi, truth = own.T
        mean = f"{error.mean() / value.std(ddof=1):.3f}" if np.isfinite(error).all() else ""
        sd = float(value.std(ddof=1))
        held = float(((lo <= truth) & (truth <= hi)).mean())
        verdict = "in the band" if BAND[0] <= held <= BAND[1] else "OUTSIDE"
        lines.append(
            f"| {leaf} | {outcome} | {len(own)} | {truth[0]:.4f} | {value.mean():.4f} | "
            f"{(value.mean() - truth[0]) / sd:+.3f} | {mean} | {held:.1%} | "
            f"{verdict} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("england", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--leaves", default="by_stratum,permutation_test,g_formula")
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    began = time.time()
    found = runs_of(told.file, told.england, runs=told.runs, leaves=tuple(told.leaves.split(",")))
    took = f"{told.file.stem}, {told.runs} runs, {time.time() - began:.0f} s"
    text = f"{took}\n\n{table_of_rows(found)}\n"
    print(text)
    if told.out is not None:
        told.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
