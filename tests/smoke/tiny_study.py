"""A made-up class register whose truth is known, and a study of it; the standard library only."""

from __future__ import annotations

import csv
import math
import random
from dataclasses import dataclass
from pathlib import Path

SCHOOLS = 80
PUPILS = 25
EFFECT = 3.0
NEED_PER_POINT = -2.0

STUDY = """\
study: tiny
question: Does support change the reading score of made-up children?
records: {table: tiny.csv, unit: child, clusters: {school: school}}
arms: {column: support, levels: {0: none, 1: support}}
outcomes: {reading: {column: reading, kind: continuous, measured_in: points, better: higher}}
assignment: {observed: {given: [need, age], cluster: school}}
models: {exposure: linear, outcome: {terms: linear, by_arm: true}}
estimand: {contrast: [support, none], target: [ate, att], scale: difference}
estimators: [naive, ipw, aipw]
primary: [ipw, aipw]
release: {policy: none}
"""


@dataclass(frozen=True)
class Tiny:
    """The study file and what any right analysis of its table must find."""

    study: Path
    table: Path
    children: int
    naive: float
    effect: float = EFFECT


def write_tiny_study(folder: Path, seed: int = 11) -> Tiny:
    """Write tiny.csv and tiny.yaml into a folder; need drives both support and the score."""
    random_numbers = random.Random(seed)
    rows: list[tuple[int, int, int, float, float, float]] = []
    for school in range(SCHOOLS):
        habit = random_numbers.gauss(0, 0.5)
        for pupil in range(PUPILS):
            need, age = random_numbers.gauss(0, 1), random_numbers.gauss(0, 1)
            chance = 1 / (1 + math.exp(-(0.8 * need + 0.2 * age)))
            support = int(random_numbers.random() < chance)
            noise = random_numbers.gauss(0, 2)
            reading = 50 + NEED_PER_POINT * need + 0.5 * age + EFFECT * support + habit + noise
            rows.append((school * PUPILS + pupil, school, support, need, age, reading))
    table = folder / "tiny.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["child", "school", "support", "need", "age", "reading"])
        writer.writerows(rows)
    study = folder / "tiny.yaml"
    study.write_text(STUDY, encoding="utf-8")
    supported = [row[5] for row in rows if row[2] == 1]
    others = [row[5] for row in rows if row[2] == 0]
    naive = sum(supported) / len(supported) - sum(others) / len(others)
    return Tiny(study, table, len(rows), naive)


def faults(results: dict, tiny: Tiny) -> list[str]:
    """Return what is wrong with results.json of the tiny study, in words; empty if nothing is."""
    found = []
    if results["status"] != "answered":
        found.append(f"status is {results['status']!r}, not 'answered'")
    estimates = {(e["estimator"], e["target"]): e for e in results["estimates"]}
    wanted = {("naive", "association")} | {
        (leaf, target) for leaf in ("ipw", "aipw") for target in ("ate", "att")
    }
    if wanted - set(estimates):
        found.append(f"missing: {sorted(wanted - set(estimates))}; there are: {sorted(estimates)}")
        return found
    naive = estimates["naive", "association"]
    if abs(naive["value"] - tiny.naive) > 1e-9:
        found.append(f"naive is {naive['value']}, the difference of means is {tiny.naive}")
    if naive["n"] != tiny.children or naive["clusters"] != SCHOOLS:
        found.append(f"n {naive['n']}, clusters {naive['clusters']}")
    for key in sorted(wanted - {("naive", "association")}):
        estimate = estimates[key]
        if not 0.05 < estimate["se"] < 0.3:
            found.append(f"{key}: the standard error {estimate['se']} cannot be right")
        if abs(estimate["value"] - tiny.effect) > 4 * estimate["se"]:
            found.append(f"{key}: {estimate['value']} is far from the truth, {tiny.effect}")
        if not estimate["lo"] < estimate["value"] < estimate["hi"]:
            found.append(f"{key}: the interval does not hold the value")
    return found
