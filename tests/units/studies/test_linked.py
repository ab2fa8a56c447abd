"""Studies of linked records as they are written: read, checked whole, described, spelt out."""

from __future__ import annotations

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.linked import Dose, Strategy, TimeZero
from fingerpost.studies import plan
from fingerpost.studies.describe import describe
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import spelt
from units.studies.documents import LINKED


def study(*changes: tuple[str, str], text: str = LINKED):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return read_study("linked.yaml", text=text)


def problems(*changes: tuple[str, str]) -> str:
    with pytest.raises(Malformed) as fault:
        study(*changes)
    return "\n".join(fault.value.problems)


ARMS = "arms: {none: no recorded provision, support: SEN Support}"


def test_the_parts_of_a_linked_study_are_read():
    linked = study().linked
    assert linked is not None
    assert linked.phenotype == "cleft_isolated" and linked.born == ("2003-09", "2008-08")
    assert (linked.zero, linked.until, linked.school) == (TimeZero(1, "spring"), 6, "state-funded")
    assert linked.strategy("none") == Strategy("no recorded provision", ("none",))
    assert linked.strategy("support").levels == ("support",)
    assert not linked.concern


def test_arms_that_differ_in_when_and_how_much_are_read():
    arms = """\
arms:
  late: {provision: support, after: {terms: 3, of: first concern}}
  prompt: {provision: support, within: {terms: 1, of: first concern}}
  much: {provision: any, dose: {minutes_a_week: {at_least: 60}}}"""
    linked = study(
        (ARMS, arms), ("[support, none]", "[prompt, late]"), ("state-funded}}", "mainstream}}")
    ).linked
    assert linked is not None and linked.school == "mainstream"
    late, prompt, much = (one for _, one in linked.strategies)
    assert (late.after, late.within, prompt.within) == (3, None, 1)
    assert late.words == "SEN Support, begun 3 terms or more after first concern"
    assert much.levels == ("support", "ehcp", "special")
    assert much.dose == (Dose("minutes_a_week", "at_least", 60.0),)


def test_a_special_school_of_its_own_is_in_no_other_arm():
    arms = "arms: {none: no recorded provision, plan: EHCP, special: special school}"
    linked = study((ARMS, arms), ("[support, none]", "[plan, none]")).linked
    assert linked is not None
    assert linked.strategy("plan").levels == ("ehcp",)
    assert linked.strategy("special").levels == ("special",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cleft_isolated", "clefts", 'linked.yaml:3: .*Did you mean "cleft_'),
        ("2003-09/2008-08", "2008-09/2003-08", "ends before it begins"),
        ("2003-09/2008-08", "2003-13/2008-08", "is not a span of months"),
        ("school: state-funded", "school: private", "Allowed: state-funded or mainstream"),
        ("enrolled: {year: 1", "enrolled: {year: 2", "Write one year"),
        ("census: spring", "census: winter", "Allowed: autumn, spring or summer"),
        ("{year: 1, census", "{year: 14, census", "Year 14 is not from 1 to 11"),
        ("end of year 6", "the end", "should be {to: end of year 6}"),
        ("support: SEN Support", "support: SEN Suport", 'Did you mean "SEN Support"'),
        ("support: SEN Support", "support: no recorded provision", "are the same"),
        ("unauthorised_absence", "absense", 'linked.yaml:7: outcomes: "absense" is not in the'),
        ("ks2_maths]", "{ks2_maths: {importance: 1}}]", 'Did you mean "important"'),
        ("fsm]", "fsn]", 'there is no covariate "fsn".*Did you mean "fsm"'),
        ("cluster: school", "cluster: ward", "Allowed: child, school or la"),
        ("given: [sex, birth_month, fsm]", "given: {all_but: [fsm]}", "all_but is for one table"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_mend(old, new, words):
    import re

    assert re.search(words, problems((old, new)))


def test_all_faults_come_at_once():
    said = problems(
        ("cleft_isolated", "clefts"),
        ("census: spring", "census: winter"),
        ("ks2_maths]", "ks3_maths]"),
        ("fsm]", "fsn]"),
    )
    for words in ("clefts", "winter", "ks3_maths", "fsn"):
        assert words in said


def test_an_assessment_before_time_zero_is_no_outcome():
    early = (("ks2_maths]", "phonics]"), ("{year: 1, census: spring}", "{year: 2, census: spring}"))
    said = problems(*early, ("enrolled: {year: 1", "enrolled: {year: 2"))
    assert "phonics is assessed in Year 1, before time zero" in said
    late = (("ks2_maths]", "ks2_maths_expected]"), ("end of year 6", "end of year 5"))
    assert "after follow-up ends" in problems(*late)


def test_measures_are_spelt_out_and_the_registered_study_is_not_changed():
    written = study()
    run = spelt(written)
    kinds = {spec.name: spec.kind for spec in run.outcomes}
    assert kinds["unauthorised_absence"] == "count" and kinds["ks2_maths"] == "continuous"
    assert all(spec.measure.title and spec.read for spec in run.outcomes)
    # What descriptors say is not part of what was registered.
    assert all(spec.kind == "continuous" for spec in written.outcomes)


def test_a_score_is_asked_by_difference_whatever_the_scale_of_the_study():
    run = spelt(study())
    assert {term.scale for term in plan.asked(run, "unauthorised_absence")} == {"ratio"}
    assert {term.scale for term in plan.asked(run, "ks2_maths")} == {"difference"}
    assert "difference for ks2_maths" in describe(study())


def test_what_people_said_of_a_measure_is_kept():
    said = "{ks2_maths: {important: 0.1, chosen_by: parents}}]"
    spec = spelt(study(("ks2_maths]", said))).outcomes[-1]
    assert spec.measure.important == 0.1 and spec.measure.chosen_by == "parents"
    assert spec.measure.title == "Key Stage 2 mathematics"


def test_the_protocol_says_how_linked_records_are_read():
    said = " ".join(describe(study()).split())
    for words in (
        "enrolled in a state-funded school at the spring census of Year 1",
        "born from 2003-09 to 2008-08",
        "cleft isolated recorded, and known, by that day",
        "nothing counts that its source could have known only later",
        "support: SEN Support (A, P or K)",
        "Sessions missed without leave",
        "fsm: eligible at the census of time zero",
    ):
        assert words in said, words


def test_a_group_may_be_narrowed_and_told_more():
    linked = study(("cleft_isolated", "{preterm: {groups: [28-31, 32-33], term: true}}")).linked
    assert linked is not None
    assert linked.phenotype == "preterm" and linked.groups == ("28-31", "32-33")
    assert linked.options == (("term", True),)
    own = study(("cleft_isolated", "{code_list: mine}")).linked
    assert own is not None and (own.phenotype, own.code_list) == ("code_list", "mine")
    assert 'no group "28-30"' in problems(("cleft_isolated", "{preterm: {groups: [28-30]}}"))
    assert 'no option "terms"' in problems(("cleft_isolated", "{preterm: {terms: true}}"))
    assert "names no list" in problems(("cleft_isolated", "{code_list: {by: group}}"))
