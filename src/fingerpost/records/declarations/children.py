"""Children, their births, deaths and wishes, and what social care knows of them."""

from __future__ import annotations

from fingerpost.records.fields import CHILD, Checks, Field, coded, flag, table

SEX = (("M", "male"), ("F", "female"))
ETHNICITY = (
    ("WHIT", "white"),
    ("MIXD", "mixed"),
    ("ASIA", "Asian"),
    ("BLAC", "Black"),
    ("CHIN", "Chinese"),
    ("AOEG", "any other ethnic group"),
    ("UNCL", "unclassified: refused or not obtained"),
)
LANGUAGE = (("ENG", "English"), ("OTH", "other than English"))
SOCIAL_CARE = (
    ("cin", "child in need"),
    ("cpp", "child protection plan"),
    ("cla", "child looked after"),
)

CHILDREN = (
    table(
        "child",
        "child",
        CHILD,
        Field("birth_month", "date", "month of birth, as its first day"),
        coded("sex", "sex as recorded", SEX, missing=True),
        coded("ethnicity", "major ethnic group, as most often recorded", ETHNICITY, missing=True),
        coded("first_language", "first language", LANGUAGE, missing=True),
        Field(
            "mother_id",
            "id",
            "the mother's pseudonym, where her records are linked to the baby's",
            required=False,
            missing=True,
        ),
        Field(
            "added_for",
            "text",
            "the condition for which the child was added to the records beside a sample of all "
            "children; missing where it is one of the sample",
            required=False,
            missing=True,
        ),
        key=("child_id",),
        words="Every child whose records are held, once. All other tables of children lead here.",
        source="births and deaths",
        years=(1984, None),
    ),
    table(
        "birth",
        "child",
        CHILD,
        Field("birth_date", "date", "day of birth"),
        Field(
            "gestation_weeks",
            "int",
            "completed weeks of gestation",
            low=22,
            high=45,
            unit="weeks",
            missing=True,
        ),
        Field(
            "birth_weight_g",
            "int",
            "birth weight",
            low=200,
            high=9000,
            unit="grams",
            missing=True,
        ),
        Field(
            "mother_age",
            "int",
            "the mother's age at birth",
            low=10,
            high=60,
            unit="years",
            required=False,
            missing=True,
        ),
        flag("multiple", "one of twins or more", required=False, missing=True),
        flag("live", "born alive", required=False, missing=True),
        key=("child_id",),
        words="One cleaned record of birth a child, from hospital births and birth notifications.",
        source="births and deaths",
        years=(1997, None),
        checks=Checks(known="birth_date"),
    ),
    table(
        "death",
        "child",
        CHILD,
        Field("death_date", "date", "day of death"),
        *(
            Field(
                f"cause_{number:02}",
                "text",
                "cause of death, ICD-10 without dot" + (", underlying" if number == 1 else ""),
                required=False,
                missing=True,
            )
            for number in range(1, 6)
        ),
        key=("child_id",),
        words="Registered deaths.",
        source="births and deaths",
        years=(1997, None),
        checks=Checks(known="death_date"),
    ),
    table(
        "opt_out",
        "child",
        CHILD,
        Field("opted_out_date", "date", "day from which records may no longer be used"),
        key=("child_id",),
        words="Children whose families opted out of the use of health records for research.",
        source="health",
        years=(2018, None),
        checks=Checks(known="opted_out_date"),
    ),
    table(
        "social_care",
        "child × spell",
        CHILD,
        coded("kind", "kind of social care", SOCIAL_CARE),
        Field("start_date", "date", "first day of the spell"),
        Field("end_date", "date", "last day; blank while it lasts", missing=True),
        key=("child_id", "kind", "start_date"),
        words="Spells as a child in need, under a protection plan, or looked after.",
        source="social care",
        years=(2006, None),
        checks=Checks(order=(("start_date", "end_date"),), known="start_date"),
    ),
)
