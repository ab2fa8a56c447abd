"""Section 4: who left, why, and who stayed."""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.words import counted, listing
from fingerpost.plots.flow import draw_flow
from fingerpost.plots.numbers import whole
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grid

TITLE = "Who was studied"


def section(output: Output) -> Section:
    """Return the flow as an ordered list and a picture."""
    flow, study = output.flow, output.study
    who = f" ({study.population_words})" if study.population_words else ""
    arms = listing([f"{whole(count)} in {arm}" for arm, count in flow.arms])
    read = "rows read" if study.linked is None else f"{flow.counts} in the records"
    words = (
        f"Of {whole(flow.start)} {read}, {whole(flow.remaining)} are analysed for "
        f"{outcomes_words(output)}{who}"
    )
    parts: list[Part] = [Words(f"{words}: {arms}." if arms else f"{words}.")]
    parts.append(Bullets(steps(output), ordered=True))
    picture = draw_flow(flow)
    if picture:
        parts.append(Figure(picture))
    departed = output.table("departures")
    if departed is not None and departed.rows:
        parts.append(grid(departed))
    return Section("flow", TITLE, tuple(parts))


def steps(output: Output) -> tuple[str, ...]:
    """Return each step of the flow as a sentence."""
    count, linked = output.flow.start, output.study.linked is not None
    one = "child" if output.flow.counts == "children" else output.flow.counts.removesuffix("s")
    start = counted(count, one, several=output.flow.counts) if linked else counted(count, "row")
    told = [f"{start} read."]
    for step in output.flow.steps:
        of = f" (for {step.outcome} only)" if step.outcome else ""
        told.append(f"{step.reason}{of}: {whole(step.left)} left, {whole(step.remaining)} stayed.")
    return tuple(told)
