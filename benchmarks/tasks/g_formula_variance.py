"""The g-formula whole: means under every arm, influence by child, errors by school."""

from __future__ import annotations

from benchmarks.benchmark import OWN, Benchmark, Ready
from benchmarks.data import Sample


def by_arm(sample: Sample) -> Ready:
    """Our leaf as it comes: one outcome model an arm."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "g_formula")


def pooled(sample: Sample) -> Ready:
    """Our leaf with one outcome model for all arms."""
    from benchmarks.own import whole_leaf

    return whole_leaf(sample, "g_formula", by_arm=False)


BENCHMARK = Benchmark(
    "g_formula_variance",
    "g-formula Poisson with variance",
    {OWN: by_arm, "fingerpost, one model": pooled},
    close={"fingerpost, one model": float("inf")},
    note="by arm and pooled are different estimators: they need not agree",
)
