"""The names and the people of a report: words a reader knows, and nothing else changed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fingerpost.core.described import Described
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.measure import Measure
from fingerpost.core.output import Output, Result
from fingerpost.core.study import Arms
from fingerpost.plots.flow import step_words as names_itself
from fingerpost.reports.names import labelled
from fingerpost.reports.parts import Grid, Words
from fingerpost.reports.phrases import target_phrase
from fingerpost.reports.sections.flow import in_words
from fingerpost.reports.short import step_words
from fingerpost.reports.spoken import drawn, names, peopled, speech, spoken
from fingerpost.reports.words import answers
from fingerpost.reports.write import sections, title_of
from units.reports.fixtures import clean, refused


def adults() -> Output:
    made = clean()
    study = replace(
        made.study,
        people="adults",
        population_words="adults who were children in 1971",
        question="Do children gain?",
    )
    return replace(made, study=study)


def texts(output: Output) -> list[str]:
    found = []
    for section in sections(output):
        for part in section.parts:
            if isinstance(part, Words):
                found.append(part.text)
            if isinstance(part, Grid):
                found += [part.caption, part.note, *part.columns]
                found += [entry.text for row in part.rows for entry in row]
    return found


def test_leaves_are_called_by_their_short_names():
    say = speech(refused())
    known = names(refused())
    assert known["ipw"] == "IPW"
    assert known["omitted_variable"] == "omitted variable"
    assert say("by ipw; ipw (primary), for the overlap") == "by IPW; IPW (primary), for the overlap"


@pytest.mark.parametrize("text", ["ipw.csv", "own_ipw", "a/ipw", "“ipw”", "`ipw`", "ipw-study"])
def test_what_is_no_name_by_itself_stays(text):
    assert speech(refused())(text) == text


def test_an_outcome_whose_name_is_code_goes_by_its_title():
    made = clean()
    (spec,) = made.study.outcomes
    measure = Measure("", title="Days of absence")
    study = replace(made.study, outcomes=(replace(spec, name="absence_days", measure=measure),))
    say = speech(replace(made, study=study))
    assert say("Support: absence_days") == "Support: Days of absence"


def test_reports_of_adults_speak_of_no_children_but_in_their_authors_words():
    output = adults()
    own = {"Do children gain?", "Who: Adults who were children in 1971."}
    said = [text for text in texts(output) if re.search("child", text, re.IGNORECASE)]
    assert {text for text in said if text in own} == own
    left = [re.sub("adults who were children in 1971", "", text, flags=re.I) for text in said]
    assert not [t for t in left if re.search("child", t, re.I) and t not in own]
    assert any("adults" in text for text in texts(output))
    assert not any("adults" in text for text in texts(clean()))


def test_numbers_that_are_read_back_do_not_change():
    def numbers(output: Output) -> list[object]:
        return [
            (entry.attributes, entry.text)
            for section in sections(output)
            for part in section.parts
            if isinstance(part, Grid)
            for row in part.rows
            for entry in row
            if entry.attributes
        ]

    assert numbers(adults()) == numbers(clean()) != []


def test_pictures_change_in_their_texts_alone():
    section = next(s for s in sections(clean()) if s.identifier == "triangulation")
    (picture,) = (p.picture for p in section.parts if p.kind == "figure")
    found = drawn(picture, lambda text: peopled(text, "adults"))
    assert "All adults (ate)" in found.wide
    shapes = [re.sub(r">[^<]*<", "><", each) for each in (picture.wide, found.wide)]
    assert shapes[0] == shapes[1]


def test_a_section_without_names_is_the_same_section():
    section = sections(clean())[0]
    assert spoken(section, lambda text: text) == section


def test_a_leaf_is_told_by_its_own_title():
    """A study that bears a leaf's abbreviation has a title in capitals."""
    section = next(s for s in sections(refused()) if s.identifier == "leaves")
    heads = [part.text for part in section.parts if part.kind == "heading"]
    assert "Regression" in heads
    own = refused()
    leaf = Described("estimators", "two_way", "Something", "TWFE")
    told = replace(own, study=replace(own.study, name="a-twfe-of-sen"), leaves=(leaf,))
    assert title_of(told) == "A TWFE of SEN"
    assert title_of(replace(told, leaves=())) == "A twfe of SEN"


def test_the_screen_says_what_the_page_says():
    output = labelled(refused())
    say = speech(output)
    shown = texts(refused())
    for text in answers(output):
        assert say(text) in shown


def test_a_label_with_a_time_is_told_by_its_heading():
    output = clean()
    assert target_phrase(output, "ate, by 12") == "all children (ate), by 12"
    assert target_phrase(output, "unknown, by 12") == "unknown, by 12"


@pytest.mark.parametrize(
    ("contrast", "scale", "told"),
    [
        (pair("support", "none"), "difference", "not of the step between these arms alone"),
        (pair("plan", "none"), "difference", "that average times 2"),
        (pair("plan", "none"), "ratio", "that average to the power 2"),
    ],
)
def test_an_instrument_tells_one_average_of_all_steps(contrast, scale, told):
    made = clean()
    arms = Arms("sen", ((0, "none"), (1, "support"), (2, "plan")))
    output = replace(made, study=replace(made.study, arms=arms))
    term = Term(made.study.outcomes[0].name, contrast, Target("compliers"), scale=scale)
    result = Result("iv", term, 1.0, 0.1, 0.8, 1.2, 0.95, "normal")
    assert told in step_words(output, result)
    assert "none, support, plan" in step_words(output, result)
    two = replace(output, study=replace(made.study, arms=Arms("sen", arms.levels[:2])))
    assert step_words(two, result) == ""
    assert step_words(output, replace(result, term=term.on(Target("ate")))) == ""


def test_a_step_of_the_flow_is_measured_in_the_words_that_are_drawn():
    """Drawn under a short name and then renamed, a label would run into its bar."""
    made = clean()
    measure = Measure("ks2_maths", "Key Stage 2 mathematics")
    outcome = replace(made.study.outcomes[0], name="ks2_maths", measure=measure)
    flow = made.flow.then("ks2_maths was not recorded", 3, outcome="ks2_maths")
    output = replace(made, study=replace(made.study, outcomes=(outcome,)), flow=flow)
    step = in_words(output).steps[-1]
    assert step.reason == "Key Stage 2 mathematics was not recorded"
    assert names_itself(step.reason, str(step.outcome)) == step.reason
