"""Whether the randomisation test holds its level when areas do not return: a table in the manual.

200 draws of the example of 152 areas, each from a pulse of its own, nothing having any effect. Four
areas in a hundred never return, those with the highest outcomes, and two merge; the others are
tested by replaying the draws that were possible. Run it alone, about two minutes:

    python benchmarks/rollout_returns.py
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from fingerpost.core.analysis import Analysis, PanelTask
from fingerpost.core.drawn import Drawn
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator, load
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.seeds import stream
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts import drawing
from fingerpost.studies.rollouts.drawing import replay
from fingerpost.studies.rollouts.frozen import Frozen, freeze

PLAN = Path(__file__).resolve().parents[1] / "examples" / "rollouts" / "england.yaml"
DRAWS, CANDIDATES, REPLAYED, SILENT = 200, 10_000, 199, 6
LEVELS = (0.05, 0.10, 0.25, 0.50)
TERM = Term("y", pair("provision", "none"), Target("exposure_average"))


def outcomes(units: int, periods: int) -> np.ndarray:
    """Return (u, t) outcomes on which provision has no effect; NaN of areas that never return."""
    random = stream("rollout returns", "outcomes", seed=1)
    level = random.standard_normal((units, 1))
    mean = level + 0.5 * random.standard_normal((units, periods))
    mean[np.argsort(-level[:, 0])[:SILENT]] = np.nan
    mean[:2, periods - 2 :] = np.nan  # two that merged
    return mean


def p_of(
    drawn: drawing.Drawn, mean: np.ndarray, periods: tuple[str, ...], analysis: Analysis
) -> float:
    """Return the p-value of the randomisation test on areas that returned every period."""
    at = {name: periods.index(name) if name else -1 for name in drawn.frozen.begins}
    begins = np.array([at[drawn.frozen.begins[code]] for code in drawn.chosen])
    kept = np.isfinite(mean).all(axis=1)
    count = np.ones(mean[kept].shape)
    outcome = PanelOutcome(count, mean[kept], mean[kept] ** 2)
    begun = (begins[:, None] >= 0) & (np.arange(len(periods)) >= begins[:, None])
    panel = Panel(
        tuple(np.array(drawn.frozen.units)[kept]),
        periods,
        ("none", "provision"),
        begun[kept].astype(int),
        {"y": outcome},
        adopted=begins[kept],
        drawn=np.flatnonzero(kept),
        begins=np.array([at[name] for name in drawn.frozen.begins]),
    )
    leaf = load("estimators", "randomisation_test", kind=Estimator)
    own = Drawn(drawn.allocation, drawn.permutations(REPLAYED))
    task = PanelTask(panel, (TERM,), analysis, 0, own)
    found = leaf.run(task).regions[0].p
    assert found is not None
    return found


def p_values(draws: int = DRAWS, candidates: int = CANDIDATES) -> np.ndarray:
    """Return (draws,) p-values, each of another draw of the same plan."""
    study = read_study(PLAN)
    frozen = freeze(study, PLAN.parent)
    frozen = Frozen({**frozen.plan, "candidates": candidates}, frozen.register, frozen.columns)
    assert study.rollout is not None
    periods = study.rollout.periods
    analysis = Analysis((), assignment=study.assignment, stream=study.name)
    mean = outcomes(len(frozen.units), len(periods))
    found = []
    for at in range(draws):
        seed = hashlib.sha256(f"draw {at}".encode()).digest()
        found.append(p_of(replay(frozen, seed), mean, periods, replace(analysis)))
    return np.array(found)


def table(found: np.ndarray) -> str:
    """Return how often the p-value is at most each level."""
    rows = ["| level | share of draws with a p-value at most that | give or take (2 SE) |"]
    rows += ["|---:|---:|---:|"]
    for level in LEVELS:
        error = 2 * np.sqrt(level * (1 - level) / len(found))
        rows.append(f"| {level:.2f} | {np.mean(found <= level + 1e-9):.3f} | {error:.3f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    print(table(p_values(parser.parse_args().draws)))
