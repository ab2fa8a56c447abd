"""Write the manual's pages on estimators and sensitivity analyses from the leaves themselves.

Usage: python scripts/manual.py  (or `make manual`); a test holds that the pages are current.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from fingerpost.core.leaves import Estimator, Sensitivity, menu

MANUAL = Path(__file__).resolve().parents[1] / "docs" / "manual"
BEGUN = "<!-- Written by scripts/manual.py from the leaves: run `make manual`. -->"

ESTIMATORS = f"""\
# Estimators

{BEGUN}

Each estimator is one file that says, as data, what it can do. `fingerpost leaves estimators`
prints the same menu, and `fingerpost leaves estimators ipw` one of them in full. Asking an
estimator for what it does not declare ends with exit code 2 and the names of those that can.

Unadjusted differences and regression coefficients are set apart in every report: they are not
effects on a named group. Under simple randomisation the plain comparison answers for all children.

"""
TARGETS = """
What the targets mean is in the [glossary](../glossary.md). Every causal target can also be asked
after trimming: `{trimmed: 0.01}` keeps the children whose every arm has probability 0.01 or more,
fits everything again on them, and says who stayed.

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

```yaml
sensitivity:
  - e_value
  - {{omitted_variable: {{benchmarks: [need]}}}}
  - {{negative_control: {{outcome: score_before}}}}
```
"""


def estimators_page() -> str:
    """Return the page on estimators."""
    leaves = menu("estimators", Estimator)
    rows = ["| estimator | what it does | targets | arms |", "|---|---|---|---|"]
    for name, leaf in leaves.items():
        arms = "2" if leaf.levels == "2" else "2 or more"
        rows.append(f"| [`{name}`](#{name}) | {leaf.summary} | {targets(leaf)} | {arms} |")
    parts = [ESTIMATORS + "\n".join(rows), TARGETS.strip(), assumptions(leaves)]
    parts += [estimator_section(name, leaf) for name, leaf in leaves.items()]
    return "\n\n".join(parts) + "\n"


def targets(leaf: Estimator) -> str:
    """Return an estimator's targets as code words."""
    words = ", ".join(f"`{target}`" for target in leaf.targets)
    if leaf.randomised:
        words += "; in a trial " + ", ".join(f"`{target}`" for target in leaf.randomised)
    return words


def estimator_section(name: str, leaf: Estimator) -> str:
    """Return one estimator in full."""
    lines = [f"## {name}", "", f"**{leaf.title}.** {leaf.summary}", ""]
    lines += [
        f"- Scales: {', '.join(leaf.scales)}. Outcomes: {', '.join(leaf.outcomes)}.",
        f"- Uncertainty: {leaf.spread}.",
    ]
    if leaf.guard == "exempt":
        lines.append("- Guard rails do not judge it: it makes no claim on a target.")
    if leaf.extrapolates:
        lines.append(
            "- Where its target is refused, its number may be shown as model extrapolation."
        )
    lines.append(f"- Assumes: {', '.join(each.name for each in leaf.assumes)}.")
    lines += [f"- Option `{option}`: {words}." for option, words in leaf.options]
    lines.append(f"- Reference: {leaf.reference.rstrip('.')}.")
    return "\n".join(lines)


def assumptions(leaves: dict[str, Estimator]) -> str:
    """Return every assumption that an estimator makes, and what tests it."""
    found = {each.name: each for leaf in leaves.values() for each in leaf.assumes}
    rows = ["## What is assumed", "", "| assumption | in words | tested by |", "|---|---|---|"]
    for name, each in found.items():
        tested = f"the table `{each.diagnostic}`" if each.diagnostic else "nothing: it is believed"
        rows.append(f"| {name} | {each.words} | {tested} |")
    return "\n".join(rows)


def sensitivity_page() -> str:
    """Return the page on sensitivity analyses."""
    parts = [SENSITIVITY.strip()]
    for name, leaf in menu("sensitivity", Sensitivity).items():
        module = inspect.getdoc(sys.modules[f"fingerpost.sensitivity.{name}"]) or ""
        body = module.split("\n", 1)[1].strip() if "\n" in module else leaf.summary
        parts.append(f"## {name}\n\n**{leaf.title}.** {leaf.question}\n\n{body}")
    return "\n\n".join(parts) + "\n"


PAGES = {"estimators.md": estimators_page, "sensitivity.md": sensitivity_page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (MANUAL / name).write_text(page(), encoding="utf-8")
        print(f"Wrote docs/manual/{name}")


if __name__ == "__main__":
    main()
