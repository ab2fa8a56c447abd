"""Write the manual's pages on estimators and sensitivity analyses from the leaves themselves.

Usage: python scripts/manual.py  (or `make manual`). Each leaf has a page: what it is and does from
its docstring and its descriptor, and its worked example in examples/methods with what the command
prints. A test holds that the pages are current.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from _manual_runs import BUILT, LINKED, Ran, example, run_examples
from _manual_truths import READINGS, truth
from _manual_words import (
    ARMS,
    GUARDS,
    about,
    assumption_line,
    assumption_rows,
    facts_table,
    options,
    refused,
    result_tables,
    targets,
)

from fingerpost.core.leaves import Estimator, Sensitivity, menu
from fingerpost.england.extract_page import extracts_page
from fingerpost.records.dictionary import as_markdown

ROOT = Path(__file__).resolve().parents[1]
MANUAL = ROOT / "docs" / "manual"
BEGUN = "<!-- Written by scripts/manual.py from the leaf and its example: run `make manual`. -->"
ROOMS = {"estimators": Estimator, "sensitivity": Sensitivity}

ESTIMATORS = f"""\
# Estimators

{BEGUN}

Each estimator is one file that says, as data, what it can do. Its page says what it does, for whom
it answers, when it misleads, what must be believed, and shows it at work on a table of made-up
children whose truth is known. [Which should I use?](which.md) begins with the question instead.
`fingerpost leaves estimators` prints the same menu. Asking an estimator for what it does not
declare ends with exit code 2 and the names of those that can.

Unadjusted differences and regression coefficients are set apart in every report: they are not
effects on a named group. Under simple randomisation the plain comparison answers for all children.

"""
TARGETS = """
What the targets mean is in the [glossary](../glossary.md). Estimators that standardise to a target
by the score or an outcome model answer it after trimming too: `{trimmed: 0.01}` keeps the children
whose every arm has probability 0.01 or more, fits everything again on them, and says who stayed.

Standard errors of weighting, standardising and doubly robust answers know that their working
models were fitted: the influence function is stacked over models and estimate and summed by the
level at which variance is taken ([decision 0002](../decisions/0002-one-variance.md)). A ratio is
the ratio of two standardised means, never a mean of children's own ratios.
"""
SENSITIVITY = f"""\
# Sensitivity analyses

{BEGUN}

An answer from records that nobody drew rests on an assumption that cannot be tested: that nothing
unrecorded decided both provision and outcome. These analyses say how much would have to be wrong.
They are asked for in the study, under `sensitivity`, and their tables lie beside the report.
Which of them answers which question is also in [which should I use?](which.md).

```yaml
sensitivity:
  - e_value
  - {{omitted_variable: {{benchmarks: [need]}}}}
  - {{negative_control: {{outcome: score_before}}}}
```

"""


def cohort_leaves() -> dict[str, Estimator]:
    """Return the estimators of children; those of roll-outs have a page of their own."""
    found = menu("estimators", Estimator)
    return {name: leaf for name, leaf in found.items() if leaf.takes == "cohort"}


def cohort_analyses() -> dict[str, Sensitivity]:
    """Return the sensitivity analyses of studies of children."""
    found = menu("sensitivity", Sensitivity)
    return {name: leaf for name, leaf in found.items() if leaf.takes == "cohort"}


def estimators_page() -> str:
    """Return the index of estimators."""
    leaves = cohort_leaves()
    rows = ["| estimator | what it does | targets | arms |", "|---|---|---|---|"]
    for name, leaf in leaves.items():
        link = f"[`{name}`](estimators/{name}.md)"
        rows.append(f"| {link} | {leaf.summary} | {targets(leaf)} | {ARMS[leaf.levels]} |")
    assumed = ["## What is assumed", "", *assumption_rows(leaves)]
    return "\n\n".join([ESTIMATORS + "\n".join(rows), TARGETS.strip(), "\n".join(assumed)]) + "\n"


def sensitivity_page() -> str:
    """Return the index of sensitivity analyses."""
    rows = ["| analysis | what it asks | what it gives |", "|---|---|---|"]
    for name, leaf in cohort_analyses().items():
        rows.append(f"| [`{name}`](sensitivity/{name}.md) | {leaf.question} | {leaf.summary} |")
    return SENSITIVITY + "\n".join(rows) + "\n"


def estimator_page(name: str, leaf: Estimator, ran: Ran) -> str:
    """Return one estimator's page."""
    body, reference = about("estimators", name)
    facts = [
        ("Answers for", targets(leaf, words=True)),
        ("After trimming too", "yes" if leaf.trimmed else "no"),
        ("Scales", ", ".join(leaf.scales)),
        ("Outcomes", ", ".join(leaf.outcomes)),
        ("Arms", ARMS[leaf.levels]),
        ("Standard error", leaf.spread),
        ("Guard rails", GUARDS[leaf.guard]),
        (
            "Children whose outcome was not seen",
            "foretold, by records of children outside the trial"
            if leaf.outside
            else "stood for by those seen, with `models: {censoring: …}`"
            if leaf.censoring
            else "left out of the answer, and counted",
        ),
        *options(leaf.options, leaf.needs),
    ]
    if leaf.outcomes == ("time",):
        facts[7] = (facts[7][0], "those who leave count until then")
    return page(
        name,
        leaf,
        body,
        facts_table(facts),
        "## What it assumes",
        "\n".join(assumption_line(name, leaf, each) for each in leaf.assumes),
        "## Where it does not answer",
        refused(leaf),
        *worked("estimators", name, ran),
        f"## Reference\n\n{reference or leaf.reference.rstrip('.') + '.'}",
    )


def analysis_page(name: str, leaf: Sensitivity, ran: Ran) -> str:
    """Return one sensitivity analysis's page."""
    body, reference = about("sensitivity", name)
    once = {"outcome": "for each outcome", "study": "once, over the answers on all outcomes"}
    facts = [
        ("Question", leaf.question),
        ("Run", once[leaf.scope]),
        *options(leaf.options, ()),
    ]
    return page(
        name,
        leaf,
        body,
        facts_table(facts),
        *worked("sensitivity", name, ran),
        f"## Reference\n\n{reference or leaf.reference.rstrip('.') + '.'}",
    )


def page(name: str, leaf: Estimator | Sensitivity, *parts: str) -> str:
    """Return a page: title, note to editors, summary, parts."""
    head = [f"# {leaf.title}", BEGUN, f"`{name}`. {leaf.summary}"]
    return "\n\n".join([*head, *(part for part in parts if part)]) + "\n"


def worked(room: str, name: str, ran: Ran) -> Iterator[str]:
    """Yield a leaf's worked example: its study, its command, what is printed, what is true."""
    yield "## A worked example"
    yield f"The study `{example(name).relative_to(ROOT).as_posix()}`:"
    yield f"```yaml\n{example(name).read_text(encoding='utf-8').strip()}\n```"
    if name in LINKED:
        yield f"On a small synthetic England, `{BUILT} --phenotype-boost none`:"
    yield f"```console\n$ {ran.command}\n```"
    yield f"It prints first:\n\n```text\n{ran.printed}\n```"
    if room == "sensitivity":
        yield from result_tables(name, ran)
    if name not in LINKED:
        yield f"**What is true.** {truth(name)}"
    if name in READINGS:
        yield READINGS[name]


def pages(ran: Mapping[str, Ran]) -> dict[str, str]:
    """Return every generated page by its path within the manual, given the examples' runs."""
    found = {"estimators.md": estimators_page(), "sensitivity.md": sensitivity_page()}
    for name, leaf in cohort_leaves().items():
        found[f"estimators/{name}.md"] = estimator_page(name, leaf, ran[name])
    for name, analysis in cohort_analyses().items():
        found[f"sensitivity/{name}.md"] = analysis_page(name, analysis, ran[name])
    return found


def main() -> None:
    """Write the pages, and take away those of leaves that are no longer there."""
    names = [*cohort_leaves(), *cohort_analyses()]
    written = pages(run_examples(names))
    for room in ROOMS:
        (MANUAL / room).mkdir(exist_ok=True)
        for path in (MANUAL / room).glob("*.md"):
            if f"{room}/{path.name}" not in written:
                path.unlink()
    for name, text in written.items():
        (MANUAL / name).write_text(text, encoding="utf-8")
    (MANUAL / "data-dictionary.md").write_text(as_markdown(), encoding="utf-8")
    (MANUAL / "england-extracts.md").write_text(extracts_page(), encoding="utf-8")
    print(f"Wrote {len(written) + 1} pages in docs/manual.")


if __name__ == "__main__":
    main()
