"""The shape of the published study, from records to report: a large cohort, and the shipped seed.

    python benchmarks/hope_shape.py large [--clefts 340000]   # about 305,000 children answered
    python benchmarks/hope_shape.py seed [--records DIR]      # 200,000 children, seed 1
    python benchmarks/hope_shape.py page

`large` builds an England of children born with a cleft and runs examples/hope/cleft.yaml on its
records, with births to August 2013, every outcome whose truth is known, and no sensitivity; the
published contrast alone: without plans, and without the marker that all but decides who has one.
`seed` runs the example as it is on the England that `england build --children 200000 --seed 1`
makes, built if need be. What was found is kept in build/hope-shape; `page`, and each of the others
when it has ended, writes benchmarks/HOPE.md from it and from the worlds of cohort_coverage.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # This folder must not be searched: its file names are those of well-known packages.
    sys.path[0] = str(ROOT)

import yaml  # noqa: E402

from benchmarks import cohort_coverage as coverage  # noqa: E402
from benchmarks.cohort_coverage_page import EXPECTED, FREE, NAIVE, RATIOS, Asked  # noqa: E402
from fingerpost.core.study import Study  # noqa: E402
from fingerpost.england.build import Options, build, usual_boosts  # noqa: E402
from fingerpost.records.store import open_store  # noqa: E402
from fingerpost.release.clear import clear  # noqa: E402
from fingerpost.studies.document import read_study  # noqa: E402
from fingerpost.studies.run import run  # noqa: E402

FOLDER = ROOT / "build" / "hope-shape"
PAGE = ROOT / "benchmarks" / "HOPE.md"
STUDY = ROOT / "examples" / "hope" / "cleft.yaml"
LAST_BIRTH = "2013-08"
CLEFTS, OTHERS = 340_000, 1_000
MARKER = "eyfsp_emerging"  # of a plan: of children with it next to none go without provision
LEAST = 300_000  # children that the large cohort must have
ADJUSTED = ("ipw", "g_formula", "aipw")
NAIVE_RATIO, NAIVE_WITHIN = 1.22, 0.03
TRUE_RATIO, TRUE_WITHIN = 0.86, 0.02
CHILDREN, SEED = 200_000, 1
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Number:
    """One estimate as a reader sees it: ratios are ratios; se is of the logarithm of a ratio."""

    outcome: str
    contrast: str
    leaf: str
    target: str
    value: float
    se: float
    lo: float
    hi: float
    n: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a study found: its numbers, what was refused, children answered, seconds it took."""

    numbers: tuple[Number, ...]
    refused: tuple[str, ...]
    children: int
    seconds: float

    def number(self, outcome: str, leaf: str, target: str = "ate") -> Number:
        """Return SEN Support against none by one leaf."""
        target = "association" if leaf == NAIVE else target
        key = (outcome, "support v none", leaf, target)
        return next(
            one for one in self.numbers if (one.outcome, one.contrast, one.leaf, one.target) == key
        )


def asked(folder: Path, *, born: str = "", outcomes: tuple[str, ...] = ()) -> Study:
    """Return the example's study, with other births and outcomes where given."""
    document = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    if born:
        document["population"]["born"] = born
    if outcomes:
        document["outcomes"] = list(outcomes)
        del document["sensitivity"], document["arms"]["ehcp"]
        document["assignment"]["observed"]["given"].remove(MARKER)
        document["estimand"]["contrasts"] = [["support", "none"]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return read_study(path)


def answered(study: Study, records: Path, say: Say = print) -> Found:
    """Return what a study finds in records, by the same steps as the command line."""
    began = time.monotonic()
    finding = run(study, open_store(records, "duckdb"), say=say)
    output = clear(finding, release="none")
    numbers = tuple(
        Number(
            one.term.outcome,
            one.term.words(),
            one.estimator,
            one.term.target.label(),
            one.value,
            *(float("nan") if each is None else each for each in (one.se, one.lo, one.hi)),
            one.n or 0,
        )
        for one in output.results
    )
    refused = tuple(
        dict.fromkeys(
            f"{term.words()}, {term.target.label()}, {term.outcome}"
            for refusal in output.refusals
            for term in refusal.terms
        )
    )
    children = 0 if finding.members is None else len(finding.members)
    return Found(numbers, refused, children, time.monotonic() - began)


def large(folder: Path, *, clefts: int = CLEFTS, say: Say = print) -> Found:
    """Return what the example finds in an England of children born with a cleft."""
    records = folder / f"england-{clefts}"
    options = Options(children=OTHERS, seed=SEED, boosts={"cleft": clefts})
    build(records, options, jobs=2, say=say)
    study = asked(folder, born=f"2003-09/{LAST_BIRTH}", outcomes=tuple(EXPECTED))
    return answered(study, records, say)


def shipped(folder: Path, records: Path, *, say: Say = print) -> Found:
    """Return what the example finds in the England with the shipped seed."""
    build(records, Options(children=CHILDREN, seed=SEED, boosts=usual_boosts()), jobs=2, say=say)
    return answered(replace(asked(folder), sensitivity=()), records, say)


def keep(folder: Path, name: str, found: Found) -> None:
    """Keep what was found."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(asdict(found)), encoding="utf-8")


def kept(folder: Path, name: str) -> Found | None:
    """Return what was kept, None where nothing was."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    held = json.loads(path.read_text(encoding="utf-8"))
    numbers = tuple(Number(**one) for one in held.pop("numbers"))
    return Found(numbers, tuple(held.pop("refused")), **held)


# ---------------------------------------------------------------- the page


def page(folder: Path) -> str:
    """Return the page, of what there is."""
    parts = [
        "# The shape of the published study\n",
        "Among children born with a cleft, SEN Support goes with more unauthorised absence (rate "
        "ratio 1.22) and, once children are made comparable, with less (0.86): IJPDS 9(5):2572. "
        "Synthetic England was made to have that shape; nothing in the estimating path knows it. "
        f"{date.today():%d %B %Y}; written by `python benchmarks/hope_shape.py`.\n",
        "## A large cohort, from records to estimates\n",
        of_large(kept(folder, "large")),
        "## Cohorts of the published size\n",
        of_cohorts(),
        "## The shipped seed\n",
        of_seed(kept(folder, "seed")),
    ]
    return "\n".join(parts)


def of_large(found: Found | None) -> str:
    """Return the table of the large cohort."""
    if found is None:
        return "Not run yet.\n"
    head = (
        "| outcome | truth | naive | IPW | IPW-RA | g-formula | AIPW | designed: naive, given |\n"
        "|---|--:|--:|--:|--:|--:|--:|---|"
    )
    rows = [head]
    for outcome, (truth, naive, adjusted, _) in EXPECTED.items():
        leaves = ("naive", "ipw", "ipw_ra", "g_formula", "aipw")
        cells = [written(found.number(outcome, leaf)) for leaf in leaves]
        scale = "ratio" if outcome in RATIOS else "difference"
        rows.append(
            f"| {outcome.replace('_', ' ')} ({scale}) | {truth:g} | {' | '.join(cells)} | "
            f"{naive:g}, {adjusted:g} |"
        )
    verdicts = [
        f"- {leaf}: {value:.3f}, allowed {centre:g} ± {within:g}: {met(value, centre, within)}"
        for leaf, value, centre, within in judged(found)
    ]
    least = "met" if found.children >= LEAST else "**missed**"
    words = (
        f"{found.children:,} children were studied ({LEAST:,} asked: {least}), for all of them "
        "(ATE); standard errors, of logarithms for ratios, in brackets. Only unauthorised absence "
        "is free of severity, which no records hold: the other adjusted numbers stay biased, as "
        "designed. The study is the example's without plans and without their marker, "
        f"`{MARKER}`: of children with it fewer than one in a hundred go without provision, and so "
        "few who stand for so many would treble the error of weighted answers. With both kept, a "
        "first run of 311,936 gave IPW .829 (.026) and AIPW .835 (.024), outside what is allowed."
    )
    return "\n".join([words, "", *rows, "", "Unauthorised absence:", "", *verdicts, ""])


def judged(found: Found) -> list[tuple[str, float, float, float]]:
    """Return (leaf, value, what it should be, how far it may be off) of unauthorised absence."""
    naive = found.number(FREE, NAIVE).value
    return [
        (NAIVE, naive, NAIVE_RATIO, NAIVE_WITHIN),
        *((leaf, found.number(FREE, leaf).value, TRUE_RATIO, TRUE_WITHIN) for leaf in ADJUSTED),
    ]


def met(value: float, centre: float, within: float) -> str:
    """Return the verdict."""
    return "met" if abs(value - centre) <= within else "**missed**"


def written(one: Number) -> str:
    """Return a value with its standard error."""
    return f"{one.value:.3f} ({one.se:.3f})"


def of_cohorts() -> str:
    """Return what the worlds of cohort_coverage.py say of unauthorised absence."""
    answers = coverage.found(coverage.FOLDER, coverage.FULL)
    if len(answers) < 2:
        return "Not run yet.\n"
    rows = ["| leaf | mean ratio | coverage % | mean SE | empirical SD |\n|---|--:|--:|--:|--:|"]
    for leaf in (NAIVE, *coverage.LEAVES):
        given, target = ("", "association") if leaf == NAIVE else (coverage.MEASURED, "ate")
        one = Asked(FREE, given, leaf, target)
        at = coverage.asked().index(one)
        told = coverage.page.judged(one, answers[:, at], coverage.truth(one))
        v = told.found
        rows.append(
            f"| {leaf} | {told.mean:.3f} | {100 * v.covered:.1f} | {v.error:.4f} | "
            f"{v.deviation:.4f} |"
        )
    words = (
        f"{len(answers):,} cohorts of 6,359 children, each of an England of its own; unauthorised "
        "absence, given what records hold. Every outcome, and severity given, stand in the "
        "manual's page on coverage in cohorts. The naive log ratio's standard error should be "
        "0.050 ± 25%; the truth is 0.86."
    )
    return "\n".join([words, "", *rows, ""])


def of_seed(found: Found | None) -> str:
    """Return the table of the shipped seed."""
    if found is None:
        return "Not run yet.\n"
    head = "| leaf | target | ratio | 95% interval |\n|---|---|--:|---|"
    rows = [head]
    for one in found.numbers:
        if one.outcome == FREE and one.contrast == "support v none":
            rows.append(
                f"| {one.leaf} | {one.target} | {one.value:.3f} | {one.lo:.3f} to {one.hi:.3f} |"
            )
    naive = found.number(FREE, NAIVE).value
    flips = naive > 1 and all(found.number(FREE, leaf).value < 1 for leaf in ADJUSTED)
    words = (
        f"`fingerpost england build --children {CHILDREN} --seed {SEED}`, then "
        f"`fingerpost study run examples/hope/cleft.yaml`: {found.children:,} children. The sign "
        f"{'turns' if flips else '**does not turn**'} once children are made comparable."
    )
    refused = [f"- {words}" for words in found.refused]
    return "\n".join([words, "", *rows, "", "Refused:", "", *refused, ""])


def main() -> None:
    """Run what is asked for, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("large", "seed", "page"))
    parser.add_argument("--clefts", type=int, default=CLEFTS)
    parser.add_argument("--records", type=Path, default=ROOT / "build" / "england")
    told = parser.parse_args()
    if told.what == "large":
        keep(FOLDER, "large", large(FOLDER, clefts=told.clefts))
    elif told.what == "seed":
        keep(FOLDER, "seed", shipped(FOLDER, told.records))
    PAGE.write_text(page(FOLDER), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
