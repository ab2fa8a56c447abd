"""What a benchmark is: one task, the tools that do it, and the targets that were set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Sample

Array = NDArray[np.float64]
TASKS = (
    *("logit", "multinomial", "poisson", "ipw", "ipw_ra", "g_formula", "g_formula_variance"),
    *("matching", "tmle", "entropy_balancing", "double_ml"),
)
OWN = "fingerpost"


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """The numbers that tools must agree on, and standard errors where they differ by method."""

    value: Array
    error: Array | None = None


Ready = Callable[[], Result]
Prepare = Callable[[Sample], Ready]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One task.

    tools: name → prepare(sample), which brings the data into the tool's own form and returns the
    call that is timed; the first is ours. cpu: seconds allowed at a million children. against:
    tool → how many times less CPU we promised to use. close: largest difference allowed between
    the values of two tools, by tool (1e-6 where none is given). like: tool → the tool whose numbers
    it must give, where that is not the first. note: what is and is not compared.
    """

    name: str
    title: str
    tools: dict[str, Prepare]
    cpu: float | None = None
    against: dict[str, float] = field(default_factory=dict)
    close: dict[str, float] = field(default_factory=dict)
    like: dict[str, str] = field(default_factory=dict)
    note: str = ""


def benchmark_named(name: str) -> Benchmark:
    """Return the benchmark of a task."""
    found: Benchmark = import_module(f"benchmarks.tasks.{name}").BENCHMARK
    return found
