"""What a register was drawn within, its strata or its pairs, enters the analysis by the ledger:
against differences worked out by hand, of records that hold no column of it.
"""

from __future__ import annotations

import csv
import hashlib
import json
from statistics import mean, stdev, variance

import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.inference import standard_errors
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import Asked, allocate
from fingerpost.studies.trials.as_drawn import as_drawn, run_as_drawn
from fingerpost.studies.trials.drawing import draw
from fingerpost.studies.trials.opening import open_trial

SCHOOLS, TAUGHT = 23, 4
STUDY = """
study: schools
question: Does more help?
records: {{table: scores.csv, unit: child, clusters: {{school: urn}}}}
trial:
  arms: {{usual: {{gets: usual, offer: usual}}, more: more}}
  register: {{table: schools.csv, unit: urn}}
  plans: kept
  {more}
outcomes: {{score: {{column: score, kind: continuous}}}}
assignment: {{randomised: {{design: {design}, unit: school{strata}}}}}
estimand: {{contrast: [more, usual], target: ate, scale: difference}}
estimators: [by_stratum, permutation_test, naive]
primary: by_stratum
release: {{policy: none}}
"""


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    """Replay fewer draws than a real analysis does."""
    monkeypatch.setattr("fingerpost.studies.trials.as_drawn.REPLAYED", 999)


def pulse():
    """Return a beacon's pulse that is made up."""
    signature = "ab" * 48
    value = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    return json.dumps({"round": 101, "randomness": value, "signature": signature}).encode()


def analysed(place, *, design, more, strata=""):
    """Return the finding of a trial of schools, its draw (unit → stratum and arm), and the mean
    outcome of each school: schools differ by what they were drawn within, and by luck of their own.
    """
    with (place / "schools.csv").open("w") as stream:
        stream.write("urn,prior,region\n")
        for at in range(SCHOOLS):
            stream.write(f"S{at:02d},{at * at % 23 + 10 * (at % 2)},{('north', 'south')[at % 2]}\n")
    file = place / "s.yaml"
    file.write_text(STUDY.format(design=design, more=more, strata=strata))
    study = read_study(file)
    key = place / "key"
    opened, _ = open_trial(
        study, study_file=file.read_bytes(), out=place / "t", key=key, base=place
    )
    made = draw(opened, pulse(), keys=opened.keys(key)).allocation
    drawn = {
        unit: (stratum, made.arms[int(arm)])
        for unit, stratum, arm in zip(made.units, made.strata, made.code, strict=True)
    }
    level = {name: 9.0 * at for at, name in enumerate(dict.fromkeys(made.strata))}
    with (place / "scores.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["urn", "child", "score"])
        means = {}
        for at, (unit, (stratum, arm)) in enumerate(drawn.items()):
            base = level[stratum] + at * 7 % 11 + 4 * (arm == "more")
            scores = [base + (one * one) % 5 for one in range(TAUGHT)]
            means[unit] = mean(scores)
            rows.writerows([unit, f"{unit}-{one}", score] for one, score in enumerate(scores))
    records = read_records(study.records, base=place)
    return run_as_drawn(study, records, folder=opened.folder, key=key), drawn, means


def estimate(finding, leaf):
    """Return the estimate, or region, of a leaf."""
    [answer] = [one for one in finding.answers if one.leaf == leaf]
    return answer.estimate or answer.regions[0]


def parts(drawn, means):
    """Return stratum → arm → means of its schools."""
    found = {}
    for unit, (stratum, arm) in drawn.items():
        found.setdefault(stratum, {"more": [], "usual": []})[arm].append(means[unit])
    return found


def test_pairs_are_compared_within_pairs(tmp_path):
    finding, drawn, means = analysed(tmp_path, design="matched_pairs", more="match: [prior]")
    pairs = [own for own in parts(drawn, means).values() if own["more"] and own["usual"]]
    gaps = [own["more"][0] - own["usual"][0] for own in pairs]
    assert len(gaps) == SCHOOLS // 2
    told = estimate(finding, "by_stratum")
    assert told.value[0] == pytest.approx(mean(gaps), abs=1e-9)
    assert standard_errors(told)[0] == pytest.approx(stdev(gaps) / len(gaps) ** 0.5, rel=1e-6)
    assert finding.provenance.draw.registered_as == "confirmatory"
    # Of the 2^11 draws of eleven pairs the share as far from nought, counted one by one.
    signs = [[(at >> one & 1) * 2 - 1 for one in range(len(gaps))] for at in range(1 << len(gaps))]
    sums = [abs(sum(s * g for s, g in zip(row, gaps, strict=True))) for row in signs]
    exact = mean(one >= abs(sum(gaps)) - 1e-9 for one in sums)
    assert estimate(finding, "permutation_test").p == pytest.approx(exact, abs=0.02)
    # Each arm was as likely in every pair, so that the plain comparison is an effect too.
    assert estimate(finding, "naive").terms[0].target.kind == "ate"


def test_strata_of_a_register_that_no_column_of_the_records_tells(tmp_path):
    finding, drawn, means = analysed(
        tmp_path,
        design="cluster",
        more="draw: {balance: [prior], accept: 0.5, candidates: 200}",
        strata=", strata: [region]",
    )
    own = parts(drawn, means)
    assert sorted(own) == ["north", "south"]
    value = spread = 0.0
    for arms in own.values():
        share = sum(map(len, arms.values())) / SCHOOLS
        value += share * (mean(arms["more"]) - mean(arms["usual"]))
        spread += share**2 * sum(variance(each) / len(each) for each in arms.values())
    for arms in own.values():  # and how strata differ, of which these are taken for a sample
        gap = mean(arms["more"]) - mean(arms["usual"]) - value
        spread += sum(map(len, arms.values())) * gap**2 / SCHOOLS**2
    told = estimate(finding, "by_stratum")
    assert told.value[0] == pytest.approx(value, abs=1e-9)
    assert standard_errors(told)[0] == pytest.approx(spread**0.5, rel=1e-6)
    assert finding.provenance.draw.registered_as == "confirmatory"


def test_children_drawn_within_schools_are_compared_within_them(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        STUDY.format(design="blocked", more="blocks: [2, 4]", strata="")
        .replace("  register: {table: schools.csv, unit: urn}\n", "")
        .replace("unit: school", "unit: child")
        .replace(", clusters: {school: urn}", "")
    )
    study = read_study(file)
    key = tmp_path / "key"
    opened, _ = open_trial(study, study_file=file.read_bytes(), out=tmp_path / "t", key=key)
    requests = [Asked(f"C{at}", (), (), cluster=f"S{at % 3}") for at in range(45)]
    arms = {one.unit: one.arm for one in allocate(opened, opened.keys(key), requests=requests)}
    rows = ["child,score"] + [
        f"{name},{100 * (at % 3) + at % 7 + 5 * (arm == 'more')}"
        for at, (name, arm) in enumerate(arms.items())
    ]
    (tmp_path / "scores.csv").write_text("\n".join(rows) + "\n")
    records = read_records(study.records, base=tmp_path)
    taken = as_drawn(study, records, folder=opened.folder, key=key)
    assert taken.study.assignment.strata == ("stratum of the draw",)
    finding = run_as_drawn(study, records, folder=opened.folder, key=key)
    value = 0.0
    for school in range(3):
        each = {"more": [], "usual": []}
        for at, arm in enumerate(arms.values()):
            if at % 3 == school:
                each[arm].append(100 * school + at % 7 + 5 * (arm == "more"))
        value += (mean(each["more"]) - mean(each["usual"])) / 3
    assert estimate(finding, "by_stratum").value[0] == pytest.approx(value, abs=1e-9)
