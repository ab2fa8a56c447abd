"""A section of its own where a release policy withholds: what it does, and what it stopped."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.words import counted
from fingerpost.reports.parts import Entry, Grid, Part, Section, Words

TITLE = "What was withheld, and why"


def section(output: Output) -> Section:
    """Return the policy in words, whose it is, and everything that it stopped with the rule."""
    told = output.policy_words or f"The release policy is {output.policy}."
    parts: list[Part] = [Words(told)]
    if output.overridden:
        own = f"The study itself names the policy {output.overridden}"
        parts.append(Words(f"{own}; {output.policy} was asked for at the run.", "note"))
    if not output.withheld:
        return Section("withheld", TITLE, (*parts, Words("Nothing had to be withheld.")))
    rows = tuple((Entry(item.what), Entry(item.rule)) for item in output.withheld)
    caption = f"{counted(len(rows), 'thing')} withheld under {output.policy}"
    note = (
        "A row that is missing from a table tells only that its numbers were small, or that they "
        "were needed to hide others that were."
    )
    return Section("withheld", TITLE, (*parts, Grid(caption, ("What", "Rule"), rows, note=note)))
