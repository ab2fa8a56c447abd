"""Who is studied in linked records, in plain words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fingerpost.core.leaves import Phenotype, menu
from fingerpost.core.linked import Linked, TimeZero
from fingerpost.studies.document import read_study
from fingerpost.studies.linked import spelt
from fingerpost.studies.population import population_words

CLEFT = Path(__file__).parents[3] / "examples" / "hope" / "cleft.yaml"


def test_the_keys_of_the_document_become_a_sentence():
    study = spelt(read_study(CLEFT))
    assert study.population_words == (
        "children born with a cleft lip or palate and no other major anomaly, born September 2003 "
        "to August 2008, in a state-funded school at the spring census of Year 1"
    )


def test_an_authors_own_words_stay():
    study = replace(read_study(CLEFT), population_words="children of the pilot")
    assert spelt(study).population_words == "children of the pilot"


def test_arms_that_the_document_says_by_keys_are_said_in_words():
    study = read_study(CLEFT.with_name("delay.yaml"))
    assert dict(study.arms.words)["late"].startswith("provision support")
    assert spelt(study).arms.words == (
        ("late", "SEN Support, begun 3 terms or more after first concern"),
        ("prompt", "SEN Support, begun within 1 term of first concern"),
    )
    cleft = read_study(CLEFT)
    assert spelt(cleft).arms == cleft.arms


def test_the_registered_study_is_the_one_that_was_written():
    study = read_study(CLEFT)
    assert study.population_words.startswith("phenotype cleft_isolated")


@pytest.mark.parametrize(
    ("linked", "words"),
    [
        (Linked(), "children, in a state-funded school at the spring census of Year 1"),
        (
            Linked(born=("2003-09", "2008-08"), school="mainstream", concern=True),
            "children born September 2003 to August 2008, in a mainstream state-funded school at "
            "the spring census of Year 1, with a concern raised by then",
        ),
        (
            Linked(zero=TimeZero(1, "spring", 4)),
            "children, in a state-funded school at the spring census of each year from Year 1 to "
            "Year 4 and not yet provided for",
        ),
        (
            Linked(phenotype="preterm", groups=("24-27",)),
            "children born preterm (24 to 27 weeks only), in a state-funded school at the spring "
            "census of Year 1",
        ),
    ],
)
def test_population_words(linked, words):
    assert population_words(linked) == words


def test_every_phenotype_names_its_children():
    for name, leaf in menu("phenotypes", Phenotype).items():
        if name == "code_list":
            continue
        words = population_words(Linked(phenotype=name))
        assert words.startswith("children ") and "_" not in words
        assert not leaf.who or leaf.who.startswith("children ")
