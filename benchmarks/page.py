"""RESULTS.md from what was measured."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks import growth
from benchmarks.benchmark import OWN, TASKS, Benchmark, benchmark_named
from benchmarks.store import Key, Summary

LARGE = 1_000_000
MEMORY = 400.0  # extra megabytes allowed at a million children
CLOSE = 1e-6
STUDY = "study"
PACKAGES = (
    *("numpy", "scipy", "statsmodels", "scikit-learn", "glum", "doubleml", "duckdb", "polars"),
)
Found = dict[Key, Summary]


@dataclass(frozen=True, slots=True)
class Context:
    """How the numbers were made: command, settings in words, load of the machine as it began."""

    command: str
    settings: dict[str, str]
    load: str


def whole(found: Found, context: Context) -> str:
    """Return the whole page."""
    parts = [
        "# Speed and memory\n",
        made(context),
        "## Targets at a million children\n",
        targets(found, context),
        "## Every measurement\n",
        KEY,
        *(measurements(found, name, context.settings) for name in TASKS),
        "## Do the tools agree?\n",
        agreement(found),
        "## A whole study from the command line\n",
        studies(found, context.settings),
        "## How cost grows\n",
        growing(found, next(iter(context.settings))),
    ]
    return "\n".join(parts)


def merged(old: str, new: str, names: Iterable[str]) -> str:
    """Return an older page with the rows and sections of some tasks taken from a newer one."""
    titles = [benchmark_named(name).title for name in names]
    before, after = chapters(old), chapters(new)
    for chapter, text in before.items():
        if chapter.startswith(("Targets", "Do the tools")):
            before[chapter] = with_rows(text, after[chapter], titles)
        elif chapter == "Every measurement":
            own, fresh = chapters(text, "### "), chapters(after[chapter], "### ")
            own |= {title: fresh[title] for title in titles}
            before[chapter] = joined(
                {title: f"{one.rstrip()}\n" for title, one in own.items()}, "### "
            )
    head = before[""].split(MERGED)[0].rstrip("\n")
    since = after[""].split("\n")[2]
    before[""] = f"{head}\n{MERGED} ({'; '.join(titles)}) are of another sitting: {since}\n"
    return joined(before)


MERGED = "- The rows of these tasks"


def chapters(text: str, mark: str = "## ") -> dict[str, str]:
    """Return the text by heading; what comes before the first has none."""
    first, *rest = ("\n" + text).split("\n" + mark)
    found = {"": first.removeprefix("\n")}
    return found | {head: body for head, _, body in (one.partition("\n") for one in rest)}


def joined(found: dict[str, str], mark: str = "## ") -> str:
    """Return chapters as text again."""
    first, *rest = (f"{head}\n{body}" if head else body for head, body in found.items())
    return f"\n{mark}".join([first, *rest])


def with_rows(old: str, new: str, titles: list[str]) -> str:
    """Return a chapter whose table has the newer rows of some tasks, after the others."""

    def told(line: str) -> bool:
        return any(line.startswith((f"| {title} |", f"| {title}: ")) for title in titles)

    fresh = [line for line in new.split("\n") if told(line)]
    if not fresh:
        return old
    lines = [line for line in old.split("\n") if not told(line)]
    last = max(place for place, line in enumerate(lines) if line.startswith("| "))
    return "\n".join([*lines[: last + 1], *fresh, *lines[last + 1 :]])


KEY = (
    "CPU is user and system seconds of the fit alone, median (least to most) over runs that each "
    "had a process of their own; starting Python, imports and bringing the data into the tool's "
    "form are left out. Extra memory is the peak while it ran less what was held before, the most "
    "of the runs. `× own` is CPU against the first line of the same size. Peers are given one BLAS "
    "thread, at which they use the least CPU; on a busy machine threads that wait are counted as "
    "working, which is what the setting `free threads` shows. fingerpost runs as it comes.\n"
)


def made(context: Context) -> str:
    """Return when, where and how, without the name of any machine."""
    lines = [
        f"{date.today():%d %B %Y}; `{context.command}`. {machine()}; {context.load}. "
        f"Python {platform.python_version()}, {', '.join(packages())}.",
        "",
        "Made-up children: 20 covariates (10 normal, 10 yes or no), 3 arms drawn from a "
        "multinomial logit, negative binomial counts, schools of 250 children on average.",
        "",
        *(f"- Setting **{name}**: {words}" for name, words in context.settings.items()),
        "",
    ]
    return "\n".join(lines)


def machine() -> str:
    """Return the machine in general terms."""
    import os

    facts = Path("/proc/cpuinfo")
    wide = facts.exists() and "avx512f" in facts.read_text()
    words = "AVX-512" if wide else platform.machine()
    return f"{os.cpu_count()} cores, {words} class, {platform.system()}"


def packages() -> list[str]:
    """Return names and versions of the packages that computed."""
    out = []
    for name in PACKAGES:
        try:
            out.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return out


def targets(found: Found, context: Context) -> str:
    """Return the table of what was promised, what was measured, and whether it was met."""
    rows = []
    for name in TASKS:
        one = benchmark_named(name)
        for setting in context.settings:
            own = found.get(Key(name, OWN, LARGE, setting))
            if own is not None:
                rows += target_rows(found, one, setting, own)
    if not rows:
        return "Nothing was measured at a million children.\n"
    head = ("target", "setting", "promised", "measured", "")
    return table(head, rows, right=(2, 3))


def target_rows(found: Found, one: Benchmark, setting: str, own: Summary) -> list[tuple[str, ...]]:
    """Return the targets of one task in one setting."""
    rows = []
    if one.cpu is not None:
        told = (f"≤ {one.cpu:g} s", f"{own.cpu:.2f} s", judged(own.cpu <= one.cpu))
        rows.append((f"{one.title}: CPU", setting, *told))
    for tool, times in one.against.items():
        peer = found.get(Key(one.name, tool, LARGE, setting))
        if peer is not None:
            ratio = peer.cpu / own.cpu
            told = (f"≥ {times:g} ×", f"{ratio:.1f} ×", judged(ratio >= times))
            rows.append((f"{one.title}: less CPU than {tool}", setting, *told))
    told = (f"≤ {MEMORY:.0f} MB", f"{own.memory:.0f} MB", judged(own.memory <= MEMORY))
    rows.append((f"{one.title}: extra memory", setting, *told))
    return rows


def judged(met: bool) -> str:
    """Return the verdict."""
    return "met" if met else "**not met**"


def measurements(found: Found, name: str, settings: Iterable[str]) -> str:
    """Return the table of one task: every size, tool and setting."""
    one = benchmark_named(name)
    rows = []
    for setting in settings:
        for n in sizes(found, name):
            first = found.get(Key(name, OWN, n, setting))
            for tool in one.tools:
                own = found.get(Key(name, tool, n, setting))
                if own is not None:
                    rows.append((setting, f"{n:,}", tool, *costs(own, first)))
    head = ("setting", "n", "tool", "CPU s", "least-most", "wall s", "extra MB", "× own")
    return f"### {one.title}\n\n" + table(head, rows, right=(1, 3, 4, 5, 6, 7))


def sizes(found: Found, name: str) -> list[int]:
    """Return the sizes at which more than our own side of the picture was measured."""
    usual = (10_000, 100_000, 1_000_000)
    return [n for n in usual if any(key.task == name and key.n == n for key in found)]


def costs(own: Summary, first: Summary | None) -> tuple[str, ...]:
    """Return CPU, its range, wall clock, memory and the ratio to the first tool."""
    ratio = "" if first is None else f"{own.cpu / first.cpu:.1f}"
    return (
        seconds(own.cpu),
        f"{seconds(own.least)}-{seconds(own.most)}",
        seconds(own.wall),
        f"{own.memory:.0f}",
        ratio,
    )


def seconds(value: float) -> str:
    """Return seconds with as many digits as a reader can use."""
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def agreement(found: Found) -> str:
    """Return the largest difference of each tool from ours, over sizes and settings."""
    rows = []
    for name in TASKS:
        one = benchmark_named(name)
        for tool in one.tools:
            allowed = one.close.get(tool, CLOSE)
            away = distances(found, name, tool)
            if tool != OWN and away and np.isfinite(allowed):
                told = (f"{max(away):.1e}", f"{allowed:.0e}", agreed(max(away) <= allowed))
                rows.append((one.title, one.note, tool, *told))
    head = ("task", "compared", "tool", "largest difference", "allowed", "")
    return table(head, rows, right=(3, 4)) + "\n" + errors(found)


def agreed(close: bool) -> str:
    """Return whether numbers agree, in a word or two."""
    return "agree" if close else "**differ**"


def distances(found: Found, name: str, tool: str) -> list[float]:
    """Return the differences of a tool from ours, relative where numbers exceed one."""
    out, like = [], benchmark_named(name).like.get(tool, OWN)
    for key, own in found.items():
        if key.task == name and key.tool == tool and (key.p, key.k) == (20, 3):
            ours = found.get(Key(name, like, key.n, key.setting))
            if ours is not None:
                mine, theirs = np.array(ours.value), np.array(own.value)
                out.append(float(np.max(np.abs(mine - theirs) / np.maximum(np.abs(mine), 1.0))))
    return out


def errors(found: Found) -> str:
    """Return what taking the propensity as known does to the standard error of IPW."""
    one = benchmark_named("ipw")
    peer = next(tool for tool in one.tools if tool != OWN)
    largest = [key for key in found if key.task == "ipw" and key.tool == peer]
    if not largest:
        return ""
    key = max(largest, key=lambda own: own.n)
    ours = found[Key("ipw", OWN, key.n, key.setting)].error
    pairs = [f"{a:.5f} against {b:.5f}" for a, b in zip(ours, found[key].error, strict=True)]
    return (
        f"Standard errors of the IPW effects at n = {key.n:,}: {' and '.join(pairs)} where the "
        "propensity is taken as known, as the peer must.\n"
    )


def studies(found: Found, settings: Iterable[str]) -> str:
    """Return the table of whole studies."""
    rows = [
        (
            key.setting,
            f"{key.n:,}",
            f"{own.cpu:.1f}",
            f"{own.least:.1f}-{own.most:.1f}",
            f"{own.wall:.1f}",
            f"{own.memory:,.0f}",
        )
        for setting in settings
        for key, own in found.items()
        if key.task == STUDY and key.setting == setting
    ]
    told = (
        "`fingerpost study run` from Parquet to report: five estimators (naive, IPW, IPW-RA, "
        "g-formula, AIPW), two targets, guard rails, diagnostics, pictures. The whole process, "
        "nothing left out; memory is the peak of the process, records included.\n\n"
    )
    head = ("setting", "n", "CPU s", "least-most", "wall s", "peak MB")
    return told + table(head, rows, right=(1, 2, 3, 4, 5))


def growing(found: Found, setting: str) -> str:
    """Return the slopes and the picture."""
    points = growth.points(found, setting)
    steep = growth.slopes(points)
    tasks = list(dict.fromkeys(point.task for point in points))
    rows = [
        (
            task,
            *(f"{steep[task, axis]:.2f}" if (task, axis) in steep else "" for axis in growth.AXES),
        )
        for task in tasks
    ]
    told = (
        "Slopes of log CPU in log size, by least squares; 1 is in proportion. Children grow at 20 "
        f"covariates and 3 arms, covariates and arms at {growth.MIDDLE:,} children.\n\n"
    )
    picture = "\n![CPU time against children, covariates and arms](growth.svg)\n"
    return told + table(("task", *growth.AXES.values()), rows, right=(1, 2, 3)) + picture


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], right: tuple[int, ...]) -> str:
    """Return a table; `right` names the columns of numbers."""
    if not rows:
        return "Not measured in this run.\n"
    rule = ("--:" if place in right else "---" for place in range(len(head)))
    lines = [head, tuple(rule), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
