"""Immortal time: where the dates tell of it, it is a fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.table import build, read_records
from fingerpost.core.errors import Malformed
from fingerpost.studies.document import read_study

STUDY = """study: imm
question: Does support delay the event?
records: {table: t.csv}
arms: {column: a, levels: {0: none, 1: support}, date: begin}
outcomes: {t: {column: t, kind: time, event: e}}
assignment: {observed: {given: [x]}}
estimand: {target: ate, horizon: 2}
estimators: [survival]
"""


def built(folder: Path, *, dated: bool, text: str = STUDY) -> None:
    rng = np.random.default_rng(1)
    rows = ["a,begin,t,e,x,since"]
    for at in range(60):
        arm = at % 2
        begin = f"{rng.uniform(0, 1):.3f}" if arm or dated else ""
        rows.append(f"{arm},{begin},{rng.uniform(1, 3):.3f},{at % 3 == 0:d},{rng.normal():.3f},0.5")
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "s.yaml")
    build(study, read_records(study.records, base=folder))


def test_one_arm_that_begins_at_its_own_time_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="immortal time"):
        built(tmp_path, dated=False)


def test_both_arms_dated_or_late_entry_told_are_not(tmp_path: Path) -> None:
    built(tmp_path, dated=True)
    built(tmp_path, dated=False, text=STUDY.replace("event: e", "event: e, entry: since"))
