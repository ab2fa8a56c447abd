"""What the manual's pages say of a leaf: its facts, what it assumes, what its example shows."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from _manual_runs import Ran

from fingerpost.core.estimand import OWN_TARGETS, TARGETS
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.words import listing, sentence

ARMS = {
    "k": "2 or more, all at once",
    "pairwise": "2 or more, two at a time",
    "ordered": "2, or more in order of dose",
    "2": "2",
}
GUARDS = {
    "target": "judge each group it is asked about, before it answers",
    "own": "judge each group it is asked about, and then its own weights, for it alone",
    "exempt": "count children, schools and events; those of overlap and balance do not bear on it",
}
# What bears on assumptions that nothing tests; () where no analysis here does.
CONTROLS = ("negative_control", "prior_outcome")
HIDDEN = (
    *CONTROLS,
    *("calibration", "proximal", "e_value", "omitted_variable", "oster", "tipping_point"),
    "bias_analysis",
)
BEARS: dict[str, tuple[str, ...]] = {
    "exchangeability": HIDDEN,
    "exchangeability within clusters": HIDDEN,
    "exclusion": CONTROLS,
    "independence": CONTROLS,
    "the rule works through the arm": CONTROLS,
    "monotonicity": (),
    "consistency": (),
    "positivity over time": (),
    "outcome model": (),
    "learners near enough": (),
    "form of the effect": (),
    "independent leaving": (),
    "independent entry": (),
    "drawn as said": (),
    "schoolmates alone": (),
    "dropped by their means": (),
    "normal intercepts": (),
    "drawn at each stage": (),
    "told alike": (),
    "models of the stages": (),
    "surrogacy": (),
    "comparable records": (),
}
NEEDS_A_TARGET = {"calibration", "e_value", "tipping_point", "bias_analysis"}
OF_TIMES = {"e_value", "tipping_point"}
SHOWN_FIRST, SHOWN_THEN = 12, 8


def about(room: str, name: str) -> tuple[str, str]:
    """Return the body of a leaf's docstring, without its title, and the reference that ends it."""
    text = inspect.getdoc(sys.modules[f"fingerpost.{room}.{name}"]) or ""
    paragraphs = text.split("\n\n")[1:]
    reference = ""
    if paragraphs and paragraphs[-1].startswith("Reference: "):
        reference = paragraphs.pop().removeprefix("Reference: ")
    return "\n\n".join(paragraphs), reference


def targets(leaf: Estimator, *, words: bool = False) -> str:
    """Return an estimator's targets as code, in words too if asked."""
    said = {target: f"{TARGETS[target]} (`{target}`)" for target in TARGETS}
    say = said.get if words else "`{}`".format
    between = "; " if words else ", "
    found = between.join(str(say(target)) for target in leaf.targets)
    if leaf.randomised:
        found += "; in a trial " + between.join(str(say(target)) for target in leaf.randomised)
    for option, instead in leaf.instead:
        found += f"; with `{option}`, instead, " + between.join(str(say(each)) for each in instead)
    for target, option in leaf.unless if words else ():
        found += f"; not `{target}` where `{option}` is false"
    return found


def options(pairs: Sequence[tuple[str, str]], needs: Sequence[str]) -> list[tuple[str, str]]:
    """Return a leaf's options as facts."""
    must = {option: " It must be given." for option in needs}
    return [(f"Option `{name}`", words + "." + must.get(name, "")) for name, words in pairs]


def facts_table(facts: Sequence[tuple[str, str]]) -> str:
    """Return facts as a table of two columns, the first fact its head."""
    rows = [f"| {label} | {cell(words)} |" for label, words in facts]
    return "\n".join(["## In short", "", rows[0], "|---|---|", *rows[1:]])


def cell(text: str) -> str:
    """Return a text that a cell of a table can hold."""
    return text.replace("|", "\\|")


def bearing(name: str, leaf: Estimator, assumption: Assumption) -> list[str]:
    """Return the sensitivity analyses that bear on an assumption and run on a leaf's answers."""
    found = list(BEARS[assumption.name])
    if leaf.outcomes == ("time",):
        found = [each for each in found if each in OF_TIMES]
    elif leaf.targets == ("conditional",):
        found = [each for each in found if each not in NEEDS_A_TARGET]
    if name == "matching" and found:
        found.append("rosenbaum")
    return found


def assumption_line(name: str, leaf: Estimator, each: Assumption) -> str:
    """Return an assumption in one sentence, and what tests it."""
    words = f"- **{sentence(each.name)[:-1]}**: {each.words.rstrip('.')}."
    if each.diagnostic:
        return f"{words} The table `{each.diagnostic}` looks at it."
    found = listing(f"[{other}](../sensitivity/{other}.md)" for other in bearing(name, leaf, each))
    return f"{words} Nothing tests it: it is believed{f'; see {found}' if found else ''}."


def assumption_rows(leaves: Mapping[str, Estimator]) -> list[str]:
    """Return every assumption that an estimator makes, who makes it, and what tests it."""
    found = {(each.name, each.words): each for leaf in leaves.values() for each in leaf.assumes}
    rows = ["| assumption | in words | made by | looked at by |", "|---|---|---|---|"]
    for key, each in found.items():
        tested = f"the table `{each.diagnostic}`" if each.diagnostic else "nothing: it is believed"
        made = [
            f"`{name}`"
            for name, leaf in leaves.items()
            if key in [(one.name, one.words) for one in leaf.assumes]
        ]
        rows.append(f"| {each.name} | {cell(each.words)} | {', '.join(made)} | {tested} |")
    return rows


def refused(leaf: Estimator) -> str:
    """Return what comes of asking a leaf for more than it answers."""
    asked = [target for target in TARGETS if target not in OWN_TARGETS]
    known = {*leaf.targets, *(target for _, every in leaf.instead for target in every)}
    missing = listing(f"`{target}`" for target in asked if target not in known)
    words = []
    if missing:
        words.append(
            f"It does not answer {missing}. Where no other estimator of the study does, the run "
            "ends with code 2 and names those that can."
        )
    if leaf.targets == ("conditional",):
        words.append("Its number is a coefficient: never an effect on a group, never pooled.")
    if leaf.guard != "exempt" and leaf.targets != ("conditional",):
        words.append(
            "Where the records cannot make the arms alike for the children asked about, the "
            "[guard rails](../guard-rails.md) refuse the question, to every estimator, and the "
            "report says so first."
        )
    if leaf.guard == "own":
        words.append(
            "Where its own weights rest on too few children or leave the arms unlike, it alone is "
            "refused."
        )
    if leaf.extrapolates:
        words.append(
            "Its number may then still be shown, under the heading “Model extrapolation”, and "
            "counts for nothing."
        )
    if leaf.guard == "exempt":
        words.append(
            "Too few children, schools or events in an arm refuse an effect, and warn of an "
            "association or a coefficient ([guard rails](../guard-rails.md))."
        )
    words.append("Where it cannot compute an answer it says what was found, and the others go on.")
    return " ".join(words)


def result_tables(name: str, ran: Ran) -> Iterator[str]:
    """Yield the tables that an analysis wrote: the first in full, others where they are short."""
    tables = ran.results["sensitivity"][name]["tables"]
    limit, left = SHOWN_FIRST, []
    for file, every in tables.items():
        for table in every:
            if len(table["rows"]) <= limit:
                yield f"In `report-tables/{file}.csv`: **{table['title']}**"
                yield shown(table["rows"])
                yield f"{table['context']} {table['note']}".strip()
            else:
                left.append(file)
        limit = SHOWN_THEN
    if left:
        files = listing(f"`{file}`" for file in dict.fromkeys(left))
        yield f"Longer tables, which the report draws or lists, are in {files}."


def shown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table: upright where there are few, without what is empty or the same for
    all in a longer one.
    """
    names = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    if len(rows) <= 3:
        lines = [
            f"| {name} | " + " | ".join(value(row[name]) for row in rows) + " |" for name in names
        ]
        return "\n".join([lines[0], "|---|" + "---|" * len(rows), *lines[1:]])
    names = [name for name in names if len({str(row[name]) for row in rows}) > 1]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(
        lines + ["| " + " | ".join(value(row[name]) for name in names) + " |" for row in rows]
    )


def value(found: object) -> str:
    """Return a value with three figures, as the pages show it.

    >>> value(0.0012345), value(12.0), value(-1.6365), value(None)
    ('0.00123', '12', '−1.64', '')
    >>> value(1e-30), value(-1e-12)
    ('below 0.0001', 'above −0.0001')
    """
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return cell(str(found))
    if found != 0 and abs(found) < 1e-4:
        return "below 0.0001" if found > 0 else "above −0.0001"
    text = f"{found:.3g}" if abs(found) < 1000 else f"{found:,.0f}"
    return re.sub(r"^-", "−", text)
