"""A whole study through the command line: Parquet in, report out, nothing left out of the time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Sample, draw

COMMAND = Path(sysconfig.get_path("scripts")) / "fingerpost"
DOCUMENT = """\
study: speed
question: How does the number of absences differ by level of provision?
records: {{table: children.parquet, unit: child, clusters: {{school: school}}}}
arms: {{column: arm, levels: {{0: none, 1: some, 2: much}}}}
outcomes: {{absences: {{column: absences, kind: count, measured_in: sessions, better: lower}}}}
assignment: {{observed: {{given: [{given}], cluster: school}}}}
estimand: {{contrast: [some, none], target: [ate, att], scale: difference}}
estimators: [naive, ipw, ipw_ra, g_formula, aipw]
primary: [ipw, aipw]
sensitivity: [e_value]
release: {{policy: none}}
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """CPU and wall seconds and peak megabytes of the whole process, start to report."""

    cpu: float
    wall: float
    peak: float


def write(folder: Path, n: int) -> Path:
    """Write the records and the study's document; return the document."""
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "study.yaml"
    if not document.exists():
        sample = draw(n)
        write_records(folder / "children.parquet", sample)
        text = DOCUMENT.format(given=", ".join(sample.names))
        document.write_text(text, encoding="utf-8")
    return document


def write_records(path: Path, sample: Sample) -> None:
    """Write a sample as one Parquet table."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        "child": np.arange(sample.n),
        "school": sample.school,
        "arm": sample.arm,
        "absences": sample.count.astype(np.int64),
        **dict(zip(sample.names, sample.columns, strict=True)),
    }
    parquet.write_table(pa.table(columns), path, compression="zstd")


def run(document: Path, environment: dict[str, str]) -> Whole:
    """Run the study and return what it cost; stop where it fails."""
    out = document.parent / "report"
    shutil.rmtree(out, ignore_errors=True)
    log = document.parent / "log.txt"
    call = [str(COMMAND), "study", "run", str(document), "--out", str(out), "--quiet"]
    began = time.perf_counter()
    with (
        log.open("w") as said,
        subprocess.Popen(call, stdout=said, stderr=subprocess.STDOUT, env=environment) as child,
    ):
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if child.returncode != 0:
        sys.exit(f"the study ended with {child.returncode}:\n{log.read_text()}")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Whole(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / unit)
