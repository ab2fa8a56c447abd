"""What first lines tell of children whose outcome was not seen."""

from __future__ import annotations

from fingerpost.core.estimand import Term
from fingerpost.core.output import SensitivityResult
from fingerpost.plots.delta import lines
from fingerpost.reports.unseen import delta_words, shifts, survivor_words, unassessed_words
from fingerpost.reports.words import answer, reasons
from units.plots.leaves import delta_grid, table
from units.reports.fixtures import ATE
from units.reports.test_leaves import PAIR, made, of

ASKED = ("maths", "support v none", "ate")
SURVIVOR = "outcome contrast target assumes cells lower upper lo hi group seen_first seen_second"
UNASSESSED = "outcome contrast target assumes lower upper lo hi unseen_first unseen_second verdict"
TIPPING = (
    "estimator outcome contrast target shifted way no_effect_at conclusion_changes_at looked_to"
)
UNSURE = "we cannot tell: the bounds hold no effect"


def output(leaf: str, name: str, columns: str, *rows: tuple):
    told = SensitivityResult(leaf, (table(name, columns, rows, tags=()),))
    return made(of(Term("maths", PAIR, ATE), 1.5), sensitivity=(told,))


def test_survivor_bounds_are_told_from_the_widest_on_and_contradictions_are_not():
    found = output(
        "survivor_bounds",
        "survivor_bounds",
        f"{SURVIVOR} verdict",
        (*ASKED, "raises", "", *(None,) * 5, 0.7, 0.8, "contradicted: under none more"),
        (*ASKED, "lowers", "", 1.0, 2.0, 0.5, 2.5, 0.7, 0.7, 0.8, "above no effect"),
        (*ASKED, "nothing", "", -3.0, 6.0, -4.0, 7.0, 0.5, 0.7, 0.8, UNSURE),
    )
    words = survivor_words(found)
    assert "who would be seen under either arm (50% of all or more)" in words
    first, second = words.split("; ")
    assert f"from −3.00 to 6.00 points ({UNSURE})" in first
    assert "from 1.00 to 2.00 points (above no effect)" in second
    assert "whoever is seen under support would be seen under none" in second
    assert "contradicted" not in words and words in reasons(found)


def test_bounds_that_meet_are_one_number():
    found = output(
        "unassessed_bounds",
        "unassessed_bounds",
        UNASSESSED,
        (*ASKED, "anything", -9.0, 9.0, -9.5, 9.5, 0.2, 0.1, UNSURE),
        (*ASKED, "alike", 1.5, 1.5, 1.0, 2.0, 0.2, 0.1, "above no effect"),
    )
    words = unassessed_words(found)
    assert "as others like them, at 1.50 points (above no effect)" in words
    assert words in reasons(found)


def test_bounds_that_hold_no_effect_leave_no_improvement():
    row = (*ASKED, "raises", "", -0.5, 6.0, -1.0, 7.0, 0.5, 0.7, 0.8)
    apart = (*ASKED, "nothing", "", -3.0, 9.0, -4.0, 9.9, 0.5, 0.7, 0.8, UNSURE)
    ask = ("survivor_bounds", "survivor_bounds", f"{SURVIVOR} verdict")
    unsure = answer(output(*ask, (*row, UNSURE), apart))
    assert "improvement" not in unsure and "do not settle which way" in unsure
    # The narrowest bounds are what counts; and being like the others is what the answer assumes.
    clear = answer(output(*ask, (*ASKED, "raises", "", 0.5, *row[6:], "above no effect"), apart))
    assert "improvement" in clear
    alike = (*ASKED, "alike", 1.5, 1.5, 1.0, 2.0, 0.2, 0.1, "above no effect")
    wide = (*ASKED, "no_better", -1.0, 1.5, -1.5, 2.0, 0.2, 0.1, UNSURE)
    assert "improvement" not in answer(
        output("unassessed_bounds", "unassessed_bounds", UNASSESSED, wide, alike)
    )


def test_the_smallest_shift_is_told_with_its_arm():
    rows = (
        ("aipw", *ASKED, "support", "down", -12.0, -9.5, -200.0),
        ("aipw", *ASKED, "none", "up", 16.0, 12.5, 200.0),
        ("aipw", *ASKED, "both alike", "up", None, None, 200.0),
    )
    words = delta_words(output("delta_adjusted", "delta_tipping", TIPPING, *rows))
    assert "the imputed outcomes of support alone are shifted by −9.50" in words
    assert "opposite" not in words
    nothing = delta_words(output("delta_adjusted", "delta_tipping", TIPPING, rows[2]))
    assert "no shift of imputed outcomes up to 200" in nothing


def test_shifts_in_opposite_ways_are_told_beside_the_smallest_of_one_arm():
    rows = (
        ("aipw", *ASKED, "support", "down", -12.0, -9.5, -200.0),
        ("aipw", *ASKED, "opposite ways", "down", -7.0, -5.5, -200.0),
        ("aipw", *ASKED, "opposite ways", "up", None, None, 200.0),
    )
    words = delta_words(output("delta_adjusted", "delta_tipping", TIPPING, *rows))
    assert "of support alone are shifted by −9.50" in words
    assert words.endswith("in opposite ways, support by −5.50 and none by 5.50.")
    alone = delta_words(output("delta_adjusted", "delta_tipping", TIPPING, rows[1]))
    assert "changes once those imputed are shifted in opposite ways, support by" in alone
    nothing = delta_words(output("delta_adjusted", "delta_tipping", TIPPING, rows[2]))
    assert "of both alike or of both in opposite ways, changes" in nothing


def test_without_the_analyses_nothing_is_told():
    bare = made(of(Term("maths", PAIR, ATE), 1.5))
    assert not survivor_words(bare) and not unassessed_words(bare) and not delta_words(bare)


def test_the_picture_shows_the_grid_along_its_four_ways():
    rows = lines(delta_grid(), ("support", "none"), 1.0)
    by = {(row["name"], row["shift"]): row["value"] for row in rows}
    assert by["support shifted", 5.0] == 3.5 and by["none shifted", 5.0] == 1.5
    assert by["both alike", -5.0] == 1.0 and len(rows) == 12
    # The first arm up and the second down: what either does alone, together.
    assert by["opposite ways (support as shown)", 5.0] == 3.5 + 2.5 - 2.0
    found = made(of(Term("reading", PAIR, ATE), 2.0))
    (figure,) = shifts(found, delta_grid())
    assert "support shifted: −5: 0.500; 0: 2.00; 5: 3.50" in figure.picture.description
