"""One measurement in a process of its own: CPU, wall clock and extra memory of one call.

    python -m benchmarks.measure TASK TOOL PLACE

Prints one line of JSON. Left out of what is measured: starting Python, imports (a call on the first
children makes them happen), reading the data and bringing them into the tool's form.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.benchmark import Ready, Result, benchmark_named
from benchmarks.data import load

WARM_UP = 2_000  # children of the call that makes imports happen
BRIEF = 0.25  # seconds of CPU below which a call is repeated, since one would be mostly noise
MB = 1024 * 1024
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU and wall seconds, extra megabytes, and the numbers that came out."""

    cpu: float
    wall: float
    extra: float
    value: list[float]
    error: list[float] | None


def memory(field: str) -> float:
    """Return VmRSS or VmHWM of this process in bytes; the peak so far where there is no /proc."""
    if STATUS.exists():
        lines = STATUS.read_text().splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(field))
    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def forget_peak() -> None:
    """Let the peak begin again at what is held now, where the system can."""
    gc.collect()
    if CLEAR.exists():
        CLEAR.write_text("5")


def timed(call: Ready) -> tuple[float, float, Result]:
    """Return CPU and wall seconds of one call, and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.process_time() - cpu, time.perf_counter() - wall, result


def measure(task: str, tool: str, place: Path) -> Measured:
    """Return what one call costs; brief calls are repeated and the median is told."""
    prepare = benchmark_named(task).tools[tool]
    sample = load(place)
    prepare(sample.first(min(WARM_UP, sample.n)))()
    call = prepare(sample)
    forget_peak()
    before = memory("VmRSS")
    cpu, wall, result = timed(call)
    extra = max(memory("VmHWM") - before, 0.0)
    runs = [(cpu, wall)]
    while sum(run[0] for run in runs) < BRIEF and len(runs) < 25:
        runs.append(timed(call)[:2])
    return Measured(
        median(run[0] for run in runs),
        median(run[1] for run in runs),
        extra / MB,
        [float(number) for number in result.value],
        None if result.error is None else [float(number) for number in result.error],
    )


def main() -> None:
    """Measure what the arguments name."""
    warnings.simplefilter("ignore")
    task, tool, place = sys.argv[1:]
    print(json.dumps(asdict(measure(task, tool, Path(place)))))


if __name__ == "__main__":
    main()
