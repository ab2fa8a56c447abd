"""What each rule of a policy looked at, found and did, part by part of an output: for its checker.

Nothing here may tell what the rules withhold: rows that a rule stopped are counted as the output
itself counts them, and a part that is not there at all is not named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fingerpost.core.output import Control, Output, Withheld
from fingerpost.core.table import Table
from fingerpost.release.policies import Rules
from fingerpost.release.tables import EXTREMES, FEW, FIXED, SECONDARY, columns_of, count_like

ANSWERS, FLOW = "answers", "flow"
HELD = ("largest_share", "largest_cluster_share")
NOTHING_TO_STOP = "nothing of what is here had to be stopped"
NO_COUNT = "no words that count anybody, and none of a level that few have"
NO_NUMBER = "no number of the records"
OWN_WORDS = "the software's own words, the same in every study"


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule as a checker reads it: its name, what it asks, what it does, and at what it looks.

    looks: returns, of the tables of one part, what there is for it to look at; empty for nothing.
    """

    name: str
    asks: str
    does: str
    looks: Callable[[list[Table]], str]


def counts_of(tables: list[Table]) -> str:
    """Return what there is for rules on counts: columns of counts, or numbers that say how many
    children stand behind them.
    """
    names = {
        name for t in tables for name in columns_of(t, "count", "number") if count_like(t, name)
    }
    if names:
        return f"counts in {', '.join(sorted(names))}"
    return "the children behind each row" if any(t.counts for t in tables) else ""


def columns(*kinds: str) -> Callable[[list[Table]], str]:
    """Return a rule's look at columns of some kinds."""

    def look(tables: list[Table]) -> str:
        names = {name for table in tables for name in columns_of(table, *kinds)}
        return ", ".join(sorted(names))

    return look


def named(*firsts: str) -> Callable[[list[Table]], str]:
    """Return a rule's look at columns whose names begin with some words."""

    def look(tables: list[Table]) -> str:
        names = {n for t in tables for n in t.columns if n.split("_")[0] in firsts}
        return ", ".join(sorted(names))

    return look


def shares_of(tables: list[Table]) -> str:
    """Return what there is for the rule on dominance."""
    if any(table.shares for table in tables):
        return "the two largest shares behind each row"
    names = {name for table in tables for name in HELD if name in table.columns}
    return ", ".join(sorted(names))


def told(words: str, of: Callable[[Table], object]) -> Callable[[list[Table]], str]:
    """Return a rule's look at what tables say of themselves."""
    return lambda tables: words if any(of(table) for table in tables) else ""


def children_words(rules: Rules) -> str:
    """Return what the rule on few children asks."""
    least = rules.threshold
    return (
        f"{least} children or more behind every count, number and answer, in each arm, and in what "
        f"is left out of a whole; 0 is treated as 1 to {least - 1} are"
    )


def clusters_words(rules: Rules) -> str:
    """Return what the rule on few clusters asks."""
    return f"{rules.threshold} clusters or more behind a number or an answer"


def dominance_words(rules: Rules) -> str:
    """Return what the rule on dominance asks."""
    return (
        f"one child or cluster holds at most {100 * rules.one:g}% of a figure, two at most "
        f"{100 * rules.two:g}%"
    )


def rounding_words(rules: Rules) -> str:
    """Return what the rule on rounding asks."""
    return (
        f"counts to the nearest {rules.base}, alike for nearly equal groups; totals are sums of "
        "what is shown; shares are made of rounded counts"
    )


def asked_of(rules: Rules) -> tuple[Asked, ...]:
    """Return every rule of a policy as it is put to a table."""
    return (
        Asked(FEW, children_words(rules), "such numbers are left out", counts_of),
        Asked(
            SECONDARY,
            "no number that is left out can be got from those that are shown",
            "further counts are left out",
            counts_of,
        ),
        Asked("rounding", rounding_words(rules), "every count was rounded", counts_of),
        Asked(
            "digits",
            f"{rules.digits} significant digits ({rules.counted_digits} of a p-value)",
            "every other number was shortened",
            columns("number", "share"),
        ),
        Asked(
            "clusters",
            clusters_words(rules),
            "such rows are left out",
            told("the clusters behind each row", lambda table: table.clusters),
        ),
        Asked(
            "dominance",
            dominance_words(rules),
            "such rows are left out",
            shares_of,
        ),
        Asked(
            "df",
            f"{rules.residual_df} residual degrees of freedom or more",
            "the table is left out",
            told("the residual degrees of freedom", lambda t: t.residual_df is not None),
        ),
        Asked(
            "extreme",
            "no number that comes from one child or one cluster",
            "largest shares are told in bands, other extremes are left out",
            named(*EXTREMES),
        ),
        Asked(
            "exact",
            "no number that equals a count exactly",
            "such numbers are left out",
            columns("number"),
        ),
        Asked(
            "words",
            NO_COUNT,
            "such sentences are left out",
            columns("label"),
        ),
    )


def of_answers(rules: Rules) -> tuple[tuple[str, str, str], ...]:
    """Return the rules on answers: name, what each asks, what it does."""
    least = rules.threshold
    gone = "the answer is left out, and so is all that is about it"
    return (
        (FEW, children_words(rules), gone),
        ("events", f"{least} children or more of each arm with the event, and without it", gone),
        ("clusters", clusters_words(rules), gone),
        ("dominance", dominance_words(rules), gone),
        ("df", f"{rules.residual_df} residual degrees of freedom or more", gone),
        ("trimmed", f"{least} children or more are left out of an answer, or nobody is", gone),
        (
            "digits",
            f"{rules.error_digits} significant digits of the error ({rules.counted_digits} where "
            "the outcome is yes or no, or a count); the answer in as many decimals",
            "every answer was rounded so",
        ),
        ("rounding", rounding_words(rules), "every count was rounded"),
    )


def controls(
    output: Output, before: Mapping[str, list[Table]], stopped: Iterable[Withheld], rules: Rules
) -> tuple[Control, ...]:
    """Return what every rule did to every part of an output that is left.

    before: the tables of each part as they were before the rules. stopped: what was withheld.
    """
    found: dict[tuple[str, str], int] = {}
    for item in stopped:
        key = (item.where, item.name)
        found[key] = found.get(key, 0) + (item.rows or 1)
    made = [
        Control(ANSWERS, name, asks, "every answer", count, did(count, does, name))
        for name, asks, does in of_answers(rules)
        for count in (found.get((ANSWERS, name), 0),)
    ]
    made += flow_controls(rules)
    made += word_controls(rules)
    for where in parts(output):
        tables = before.get(where, [])
        if all(table.name in FIXED for table in tables):
            made.append(Control(where, "words", NO_NUMBER, "every sentence", 0, OWN_WORDS))
            continue
        for one in asked_of(rules):
            count = found.get((where, one.name), 0)
            looked = one.looks(tables)
            if count and not looked:
                looked = "every row"
            words = did(count, one.does, one.name) if looked else "nothing to look at"
            made.append(Control(where, one.name, one.asks, looked, count, words))
    return tuple(made)


def did(count: int, does: str, name: str) -> str:
    """Return what a rule did: of rounding always the same, of others only where it found some."""
    return does if count or name in ("rounding", "digits") else NOTHING_TO_STOP


def flow_controls(rules: Rules) -> list[Control]:
    """Return the rules on the flow, said of every flow alike: how often they found something would
    tell that somebody left.
    """
    counts = "each step, and the arms"
    return [
        Control(
            FLOW,
            FEW,
            children_words(rules),
            counts,
            None,
            "steps at which fewer left, if any, are left out",
        ),
        Control(
            FLOW,
            SECONDARY,
            "no number that is left out can be got from those that are shown",
            counts,
            None,
            "each total is the sum of what is shown after it",
        ),
        Control(FLOW, "rounding", rounding_words(rules), counts, 0, "every count was rounded"),
    ]


def word_controls(rules: Rules) -> list[Control]:
    """Return the rules on what is told in words alone: the protocol, and what was refused."""
    kept = "the study's own words, made before any record was read"
    few = children_words(rules)
    return [
        Control("protocol", "words", NO_NUMBER, "every sentence", 0, kept),
        Control("refusals", FEW, few, "every refusal", None, "what was stopped is among answers"),
        Control(
            "refusals",
            "words",
            NO_COUNT,
            "every sentence",
            0,
            "sentences of guard rails were written anew: counts rounded, shares told in bands",
        ),
    ]


def parts(output: Output) -> tuple[str, ...]:
    """Return the places of the tables that an output holds, as `Withheld.where` names them."""
    places = [f"diagnostics.{table.name}" for table in output.tables]
    places += [f"sensitivity.{one.leaf}.{t.name}" for one in output.sensitivity for t in one.tables]
    return tuple(dict.fromkeys(places))


def tables_by_part(output: Output) -> dict[str, list[Table]]:
    """Return the tables of each part of an output."""
    found: dict[str, list[Table]] = {}
    for table in output.tables:
        found.setdefault(f"diagnostics.{table.name}", []).append(table)
    for one in output.sensitivity:
        for table in one.tables:
            found.setdefault(f"sensitivity.{one.leaf}.{table.name}", []).append(table)
    return found
