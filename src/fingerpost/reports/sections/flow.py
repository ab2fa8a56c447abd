"""Section 4: who left, why, and who stayed."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.core.flow import Flow
from fingerpost.core.output import Output
from fingerpost.core.words import counted, listing
from fingerpost.plots.flow import draw_flow, started
from fingerpost.plots.numbers import whole
from fingerpost.plots.wave_flow import draw_wave_flow
from fingerpost.reports.designs import outcomes_words
from fingerpost.reports.parts import Bullets, Figure, Part, Section, Words, grid
from fingerpost.reports.spoken import speech

TITLE = "Who was studied"


def section(output: Output) -> Section:
    """Return the flow as an ordered list and a picture."""
    flow, study = output.flow, output.study
    who = f" ({study.population_words})" if study.population_words else ""
    arms = listing([f"{whole(count)} in {arm}" for arm, count in flow.arms])
    if study.rollout is not None and len(flow.arms) == 2:
        (_, without), (_, begun) = flow.arms
        arms = f"provision began in {whole(begun)}, and in {whole(without)} not by the last period"
    read = started(flow) if study.linked is None else f"{flow.counts} in the records"
    copied = ", each copied to every strategy" if flow.copied else ""
    if study.arms.then is not None:
        copied = "; who was not drawn again counts in every regime that begins alike"
    words = (
        f"Of {whole(flow.start)} {read}, {whole(flow.remaining)} are analysed for "
        f"{outcomes_words(output)}{who}{copied}"
    )
    parts: list[Part] = [Words(f"{words}: {arms}." if arms else f"{words}.")]
    parts.append(Bullets(steps(output), ordered=True))
    picture = draw_flow(in_words(output))
    if picture:
        parts.append(Figure(picture))
    since = output.table("since_drawn")
    if since is not None and since.rows:
        drawn = draw_wave_flow(since)
        parts += [Figure(drawn, "Waves as they were drawn.")] if drawn else []
        parts.append(grid(since))
    for name in ("provided_before", "departures"):
        table = output.table(name)
        if table is not None and table.rows:
            parts.append(grid(table))
    return Section("flow", TITLE, tuple(parts))


def in_words(output: Output) -> Flow:
    """Return the flow in a reader's names, by which a picture's labels are measured."""
    say = speech(output)
    return replace(
        output.flow,
        steps=tuple(
            replace(step, reason=say(step.reason), outcome=step.outcome and say(step.outcome))
            for step in output.flow.steps
        ),
    )


def steps(output: Output) -> tuple[str, ...]:
    """Return each step of the flow as a sentence."""
    count, linked = output.flow.start, output.study.linked is not None
    one = "child" if output.flow.counts == "children" else output.flow.counts.removesuffix("s")
    rows = not linked and started(output.flow) != output.flow.counts
    start = counted(count, "row") if rows else counted(count, one, several=output.flow.counts)
    told = [f"{start} {'drawn, or in the records' if one == 'unit' else 'read'}."]
    for step in output.flow.steps:
        of = f" (for {step.outcome} only)" if step.outcome else ""
        told.append(f"{step.reason}{of}: {whole(step.left)} left, {whole(step.remaining)} stayed.")
    return tuple(told)
