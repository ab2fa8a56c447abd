"""Second opinions: what answers become under another assumption, and how many of them stand."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.table import Cell
from fingerpost.core.words import counted, listing, sentence
from fingerpost.plots.numbers import percent, plain
from fingerpost.reports.bounds import (
    answered_by,
    asked_words,
    left_alone,
    rows_of,
    value_words,
)
from fingerpost.reports.controls import asked_as, sensitivity_tables
from fingerpost.reports.phrases import null_of, outcome_words
from fingerpost.reports.strength import as_float, is_number

Row = dict[str, Cell]
MANY_LOST = 0.05  # share of impossible draws from which it is told
RATE = 0.05  # of false discoveries, where the study names none


def primary_rows(output: Output, role: str) -> list[Row]:
    """Return the rows of a part that have an estimate, primary answers alone where any is."""
    rows = rows_of(output, role)
    primary = {result.estimator for result in output.results if result.primary}
    return [row for row in rows if row.get("estimator") in primary] or rows


def prior_outcome_words(output: Output) -> str:
    """Return the answer less the gap that was there before provision."""
    rows = [r for r in primary_rows(output, "less the gap before") if is_number(r["corrected"])]
    if not rows:
        return ""
    row = rows[0]
    less = value_words(output, row, "corrected", "lo", "hi")
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    return sentence(
        f"less the gap that was there before provision, the {row.get('estimator')} answer for "
        f"{name} ({row.get('contrast')}) would be {less}, in place of "
        f"{value_words(output, row, 'after')}: right if the gap would have stayed the same"
    )


def calibration_words(output: Output) -> str:
    """Return the calibrated answer, and whether calibration changes the verdict."""
    rows = [row for row in primary_rows(output, "calibrated") if is_number(row.get("calibrated"))]
    if not rows:
        return ""
    row = next((each for each in rows if changed(output, each)), rows[0])
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    several = f" (one of {len(rows)} calibrated)" if len(rows) > 1 else ""
    controls = row.get("controls")
    by = counted(int(controls), "control") if isinstance(controls, int) else "the controls"
    moved = value_words(output, row, "calibrated", "calibrated_lo", "calibrated_hi")
    return sentence(
        f"less the systematic error that {by} show, the {row.get('estimator')} answer for {name} "
        f"({asked_words(output, row)}){several} is {moved}, in place of "
        f"{value_words(output, row, 'estimate', 'lo', 'hi')}: {calibrated_verdict(output, row)}"
    )


def excludes(output: Output, row: Row, low: str, high: str) -> bool | None:
    """Return whether limits leave out no difference; None where one is not a number."""
    found = answered_by(output, row)
    null = 0.0 if found is None else null_of(found.term)
    if not is_number(row.get(low)) or not is_number(row.get(high)):
        return None
    return not as_float(row[low]) <= null <= as_float(row[high])


def changed(output: Output, row: Row) -> bool:
    """Return whether calibration turns a finding into none, or none into one."""
    before = excludes(output, row, "lo", "hi")
    after = excludes(output, row, "calibrated_lo", "calibrated_hi")
    return None not in (before, after) and before != after


def calibrated_verdict(output: Output, row: Row) -> str:
    """Return what calibration does to the verdict, in words."""
    after = excludes(output, row, "calibrated_lo", "calibrated_hi")
    if after is None:
        return "no interval is justified"
    if changed(output, row):
        told = "now told from no difference" if after else "no longer told from no difference"
        return f"{told}, so the verdict changes"
    return f"{'still' if after else 'as before, not'} told from no difference"


def bias_words(output: Output) -> str:
    """Return an answer corrected for biases of the sizes that the study supposes, how many draws
    were impossible, and which primary answers are not corrected.
    """
    every = primary_rows(output, "corrected for bias")
    rows = [row for row in every if is_number(row.get("median"))]
    left = f"{impossible_words(output, every)}{not_corrected(output, every)}"
    if not rows:
        # Without a number only what is impossible, or left alone, can be told.
        return sentence(f"no answer is corrected for the biases supposed{left}") if left else ""
    row = rows[0]
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    several = f", one of {len(rows)}" if len(rows) > 1 else ""
    wide = ""
    if is_number(row.get("lo_with_error")) and is_number(row.get("hi_with_error")):
        both = value_words(output, row, "median", "lo_with_error", "hi_with_error")
        wide = f"; with chance as well {both.partition('(')[2].removesuffix(')')}"
    which = f"{row.get('estimator')} answer for {name} ({asked_words(output, row)}{several})"
    share = lost_share(row)
    lost = ""
    if share > MANY_LOST:
        lost = (
            f"; {percent(share)} of the draws are impossible and left out: think the distributions "
            "over"
        )
    return sentence(
        f"with biases of the sizes that the study supposes ({row.get('biases')}), the {which} "
        f"would be {value_words(output, row, 'median', 'lo', 'hi')}{wide}; as asked it is "
        f"{value_words(output, row, 'estimate')}{lost}{left}"
    )


def lost_share(row: Row) -> float:
    """Return the share of a row's draws that are impossible."""
    draws = as_float(row.get("draws"))
    return as_float(row.get("impossible")) / draws if draws else 0.0


def impossible_words(output: Output, rows: list[Row]) -> str:
    """Return which answers have no correction since most draws are impossible, as the end of a
    sentence.
    """
    gone = [row for row in rows if lost_share(row) > 0 and not is_number(row.get("median"))]
    if not gone:
        return ""
    row = gone[0]
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    many = f", and {len(gone) - 1} more" if len(gone) > 1 else ""
    return (
        f"; {row.get('biases')}: {percent(lost_share(row))} of the draws for {name} "
        f"({row.get('estimator')}, {asked_words(output, row)}{many}) are impossible, so there is "
        "no corrected answer: think the distributions over"
    )


def not_corrected(output: Output, rows: list[Row]) -> str:
    """Return which answers are not corrected, and why, as the end of a sentence."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        why = str(row.get("remark") or "")
        if is_number(row.get("median")) or not why.startswith("not computed"):
            continue
        name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
        key = (str(row.get("biases")), why.removeprefix("not computed: "))
        grouped.setdefault(key, []).append(name)
    told = [
        f"{listing(tuple(dict.fromkeys(names)))} for {bias} ({why})"
        for (bias, why), names in grouped.items()
    ]
    parts = f"; not corrected: {'; '.join(told)}" if told else ""
    return parts + left_alone(output, rows, "not corrected", column="remark")


def proximal_words(output: Output) -> str:
    """Return the answer by proxies of what is hidden, beside the one without them."""
    rows = [row for row in rows_of(output, "by proxies") if is_number(row.get("estimate"))]
    if not rows:
        return ""
    row = rows[0]
    name = outcome_words(output.study, str(row.get("outcome", "the outcome")))
    weak = [
        str(each.get("outcome proxy"))
        for each in rows_of(output, "strength of proxies")
        if each.get("verdict") not in (None, "strong enough")
    ]
    warned = f"; the proxies tell too little of {listing(weak)}" if weak else ""
    return sentence(
        f"by proxies of what is hidden, {name} ({row.get('contrast')}) differs by "
        f"{value_words(output, row, 'estimate', 'lo', 'hi')}, in place of "
        f"{value_words(output, row, 'without')} without them: right only if the proxies are what "
        f"the study says{warned}"
    )


def many_words(output: Output) -> str:
    """Return how many answers stand at the study's rate of false discoveries."""
    spec = asked_as(output, "standing together")
    rate = spec.option("rate", RATE) if spec else RATE
    told = [
        f"{int(as_float(row['stand']))} of {counted(int(as_float(row['answers'])), 'answer')} by "
        f"{row.get('estimator')}"
        for row in rows_of(output, "standing together")
        if is_number(row.get("stand")) and is_number(row.get("answers"))
    ]
    if not told:
        return ""
    share = plain(100 * float(rate)) if isinstance(rate, int | float) else "5"
    return sentence(f"with a false-discovery rate of {share}%, {listing(told)} stand")


def many_asked(output: Output) -> bool:
    """Return whether the study corrects for asking many questions at once."""
    return bool(sensitivity_tables(output, "standing together"))
