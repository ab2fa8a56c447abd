"""The demonstration's second card: had a reform been drawn in four waves, what was there to learn?

Planned, drawn with an old public pulse, and analysed as drawn, on the real past of England's local
authorities where their panel is found: a fall is planted where and when the draw says.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fingerpost.cli._examples import example, real_panel
from fingerpost.cli._folder import WRITTEN, check_folder, publish
from fingerpost.cli._screen import Say

if TYPE_CHECKING:
    from fingerpost.core.output import Output
    from fingerpost.core.study import Study

NAME, MADE, PLAN = "drawn-reform", "drawn-reform-made", "drawn-reform-plan"
STUDY, PULSE, AREAS = "rollouts/reform.yaml", "rollouts/pulse.json", "rollouts/england_areas.csv"
MEASURE, LARGEST = "PriUnauth", 960  # of the panel; numbers beyond are of regions and the country
WORDS = "Had a reform been drawn in four waves, what could England have learnt?"
# Of the made-up panel: spread between areas, what of it is left a year later, and the mean by year.
SPREAD, KEPT, NOISE = 0.4, 0.97, 0.03
LEVELS = (0.96, 1.07, 1.15, 1.16, 0.94, 1.50, 1.69, 1.67, 1.54)


@dataclass(frozen=True, slots=True)
class Past:
    """Areas' outcomes before anything is planted. rows: (area, region, one value a period)."""

    rows: tuple[tuple[str, str, tuple[float, ...]], ...]
    real: bool

    @property
    def words(self) -> str:
        """Whence it is."""
        if self.real:
            return f"the real past of {len(self.rows)} local authorities (DfE, LAIT)"
        return f"{len(self.rows)} made-up areas: the panel of local authorities is not here"


def reform(out: Path, *, say: Say) -> tuple[Output, Path, str]:
    """Plan, draw, plant and analyse; return the output, the folder of its report, and in words what
    the plan could find.

    Writes the plan, the draw with its panel, and the report into folders of `out`.
    """
    from fingerpost.cli._studying import Choices, answered, chosen, write_folder

    made = out / MADE
    check_folder(made, (), manifest=WRITTEN)
    say("drawing four waves")
    publish(made, lambda place: make(place, say=say))
    choices = Choices(made / "panel.csv", draw=made / "draw")
    study = chosen(made / "study.yaml", choices)
    power = planned(study, made, out / PLAN, say=say)
    output = with_truth(answered(study, choices, base=made, say=say))
    say("writing the report")
    write_folder(output, out / NAME)
    return output, out / NAME, power


def with_truth(output: Output) -> Output:
    """Return the output with what was planted: alike everywhere and at once, so that every target
    is of that size.
    """
    from dataclasses import replace

    rollout = output.study.rollout
    effect = None if rollout is None or rollout.power is None else rollout.power.effect
    if effect is None:
        return output
    terms = dict.fromkeys(
        [result.term for result in output.results] + [one.region.term for one in output.regions]
    )
    return replace(output, truth=tuple((term, effect) for term in terms))


def make(folder: Path, *, say: Say) -> None:
    """Write the register, the study, the draw and the panel with what is planted."""
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.drawing import draw
    from fingerpost.studies.rollouts.registering import register

    text = example(STUDY).read_text(encoding="utf-8")
    past = found_past(read_study(example(STUDY)))
    # The effect is planted, in a real past too: a reader of the report alone must be told so.
    text = text.replace("{table: panel.csv,", "{table: panel.csv, synthetic: true,")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    rows = [(area, region, f"{sum(values[:3]) / 3:.4f}") for area, region, values in past.rows]
    write_csv(folder / "areas.csv", ("area", "region", "before"), rows)
    study = read_study(folder / "study.yaml")
    register(study, folder, out=folder / "draw", study_file=text.encode())
    drawn = draw(folder / "draw", example(PULSE).read_bytes())
    wave = dict(zip(drawn.allocation.units, drawn.allocation.code, strict=True))
    begins = {area: drawn.frozen.begins[wave[area]] for area, _, _ in past.rows}
    say(f"planting an effect in {past.words}")
    write_csv(
        folder / "panel.csv",
        ("area", "region", "period", "absence"),
        planted(past, begins, study),
    )


def planted(
    past: Past, begins: dict[str, str], study: Study
) -> Iterable[tuple[str, str, str, str]]:
    """Yield the panel's rows: outcomes as they were, less the effect from when provision begins.

    begins: area → the period, empty where it does not.
    """
    assert study.rollout is not None and study.rollout.power is not None
    periods, effect = study.rollout.periods, study.rollout.power.effect or 0.0
    for area, region, values in past.rows:
        start = periods.index(begins[area]) if begins[area] else len(periods)
        for at, (period, value) in enumerate(zip(periods, values, strict=True)):
            yield area, region, period, f"{value + effect * (at >= start):.4f}"


def found_past(study: Study) -> Past:
    """Return the real past of complete local authorities where its panel is here, else a made-up
    one.
    """
    assert study.rollout is not None
    path = real_panel()
    if path is None:
        return Past(made_up(study.rollout.periods), real=False)
    held: dict[tuple[str, str], dict[str, float]] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["code"] == MEASURE and row["value"] and float(row["la_number"]) < LARGEST:
                area = held.setdefault((row["area"], row["region"]), {})
                area[row["period"]] = float(row["value"])
    periods = study.rollout.periods
    whole = [
        (area, region, tuple(values[period] for period in periods))
        for (area, region), values in sorted(held.items())
        if set(periods) <= set(values)
    ]
    return Past(tuple(whole), real=True)


def made_up(periods: tuple[str, ...]) -> tuple[tuple[str, str, tuple[float, ...]], ...]:
    """Return a past of the made-up areas of the examples: levels that fade from year to year."""
    from fingerpost.core.seeds import stream

    with example(AREAS).open(encoding="utf-8", newline="") as opened:
        areas = [(row["area"], row["region"]) for row in csv.DictReader(opened)]
    numbers = stream("the demonstration", "made-up areas", seed=1)
    level = numbers.normal(0.0, SPREAD, len(areas))
    values = []
    for at in range(len(periods)):
        if at:
            fresh = numbers.normal(0.0, SPREAD * (1 - KEPT**2) ** 0.5, len(areas))
            level = KEPT * level + fresh
        values.append(LEVELS[at % len(LEVELS)] + level + numbers.normal(0.0, NOISE, len(areas)))
    return tuple(
        (area, region, tuple(float(column[row]) for column in values))
        for row, (area, region) in enumerate(areas)
    )


def planned(study: Study, base: Path, out: Path, *, say: Say) -> str:
    """Write the plan that such a reform would have had, with its power and its looks, and return in
    words what it could find.
    """
    import json

    from fingerpost.cli.rollout_plan import MANIFEST, PAGE, RESULTS, WORD, write_folder
    from fingerpost.studies.rollouts.planning import make as make_plan
    from fingerpost.studies.rollouts.protocol_items import record

    check_folder(out, (PAGE, WORD, RESULTS), manifest=MANIFEST)
    found = make_plan(study, base, say=say)
    text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_folder(found, out, text, word=False)
    return next(one.words for one in found.checks if one.name == "power")


def write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write a table, a line a row."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
