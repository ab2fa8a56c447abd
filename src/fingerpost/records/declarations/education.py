"""Schools and what they record: censuses, absence, exclusions, assessments, the school register."""

from __future__ import annotations

from dataclasses import replace

from fingerpost.records.fields import (
    CHILD,
    LA,
    TERM,
    URN,
    YEAR,
    Checks,
    Field,
    coded,
    flag,
    plain,
    table,
)

SEN_PROVISION = (
    ("N", "no special educational needs"),
    ("A", "School Action (to 2014/15)"),
    ("P", "School Action Plus (to 2014/15)"),
    ("K", "SEN Support (from 2014/15)"),
    ("S", "statement of special educational needs (to 2017/18)"),
    ("E", "Education, Health and Care plan (from 2014/15)"),
)
# The first and last academic year in which each code was in use; None is any.
SEN_ERAS = (
    ("A", None, 2015),
    ("P", None, 2015),
    ("K", 2015, None),
    ("S", None, 2018),
    ("E", 2015, None),
)
SEN_TYPE = (
    ("SPLD", "specific learning difficulty"),
    ("MLD", "moderate learning difficulty"),
    ("SLD", "severe learning difficulty"),
    ("PMLD", "profound and multiple learning difficulty"),
    ("SEMH", "social, emotional and mental health"),
    ("BESD", "behaviour, emotional and social difficulties (to 2013/14)"),
    ("SLCN", "speech, language and communication needs"),
    ("HI", "hearing impairment"),
    ("VI", "vision impairment"),
    ("MSI", "multi-sensory impairment"),
    ("PD", "physical disability"),
    ("ASD", "autistic spectrum disorder"),
    ("DS", "Down syndrome (from 2024/25)"),
    ("OTH", "other difficulty or disability"),
    ("NSA", "support, but no specialist assessment of the type of need"),
)
ENROLMENT = (("C", "current, single registration"), ("M", "main"), ("S", "subsidiary"))
SETTING = (
    ("mainstream", "mainstream school"),
    ("special", "special school"),
    ("pru", "pupil referral unit"),
    ("ap", "alternative provision"),
)
REGISTER_TYPE = plain("community", "academy_converter", "academy_sponsor", "voluntary", "special")
EARLY_YEARS = plain("private", "voluntary", "maintained", "childminder")
SHARE = "0 to 1"


def sen_provision() -> Field:
    """Return the code of special educational provision, and when each of its codes was in use."""
    declared = coded("sen_provision", "special educational provision", SEN_PROVISION, missing=True)
    return replace(declared, eras=SEN_ERAS)


def sessions(name: str, words: str, *, required: bool = True) -> Field:
    """Return a count of half-day sessions in a term."""
    return Field(
        name, "int", words, low=0, high=420, unit="sessions", required=required, missing=True
    )


def sen_type(number: int, words: str) -> Field:
    """Return the type of need of one rank."""
    return coded(f"sen_type{number}", words, SEN_TYPE, required=False, missing=True)


def standardised(name: str, words: str) -> Field:
    """Return a score in standard deviations."""
    return Field(name, "float", words, low=-8, high=8, unit="SD", missing=True)


def scaled(name: str, words: str) -> Field:
    """Return a scaled score of key stage 2."""
    return Field(name, "float", words, low=80, high=120, unit="scaled score", missing=True)


ASSESSED = (
    flag("maths_expected", "reached the expected standard in mathematics", missing=True),
    flag("reading_expected", "reached the expected standard in reading", missing=True),
    flag("assessed", "was assessed"),
    Field("reason", "code", "why the child was not assessed", required=False, missing=True),
)

EDUCATION = (
    table(
        "school_census",
        "child × school × term",
        CHILD,
        YEAR,
        TERM,
        URN,
        LA,
        Field(
            "nc_year",
            "int",
            "national curriculum year followed: -2 and -1 nursery, 0 Reception",
            low=-2,
            high=14,
            missing=True,
        ),
        coded("enrolment", "status of the enrolment", ENROLMENT, missing=True),
        sen_provision(),
        sen_type(1, "primary type of need"),
        sen_type(2, "secondary type of need"),
        flag("sen_unit", "member of a SEN unit", required=False, missing=True),
        flag("resourced_provision", "in resourced provision", required=False, missing=True),
        flag("fsm", "eligible for free school meals", missing=True),
        Field(
            "idaci_score",
            "float",
            "income deprivation of the child's neighbourhood: share of children in income-deprived "
            "families",
            low=0,
            high=1,
            unit=SHARE,
            required=False,
            missing=True,
        ),
        coded("school_type", "kind of school", SETTING, missing=True),
        Field("entry_date", "date", "day of entry", required=False, missing=True),
        Field("leave_date", "date", "day of leaving", required=False, missing=True),
        key=("child_id", "academic_year", "term", "urn"),
        words="One row for each enrolment of each child on a school census day. State-funded "
        "schools only. A child registered at two schools has two rows.",
        source="education",
        years=(2001, None),
        checks=Checks(order=(("entry_date", "leave_date"),), known="term"),
    ),
    table(
        "early_years_census",
        "child × setting × year",
        CHILD,
        YEAR,
        Field("setting_id", "id", "the setting's reference number", missing=True),
        LA,
        coded("setting_type", "kind of setting", EARLY_YEARS, missing=True),
        Field(
            "funded_hours",
            "float",
            "funded hours",
            low=0,
            high=60,
            unit="hours a week",
            missing=True,
        ),
        sen_provision(),
        key=("child_id", "academic_year", "setting_id"),
        words="Children aged 2 to 4 in funded early years places, January each year.",
        source="education",
        years=(2008, None),
        checks=Checks(known=1),
    ),
    table(
        "ap_census",
        "child × year",
        CHILD,
        YEAR,
        LA,
        Field("setting_type", "text", "kind of alternative provision", missing=True),
        sen_provision(),
        key=("child_id", "academic_year"),
        words="Children in alternative provision paid for by the local authority, January each "
        "year; pupil referral units to 2012/13 too.",
        source="education",
        years=(2008, None),
        checks=Checks(known=1),
    ),
    table(
        "absence",
        "child × school × term",
        CHILD,
        YEAR,
        TERM,
        URN,
        sessions("sessions_possible", "sessions that the child could have attended"),
        sessions("authorised", "sessions missed with the school's leave"),
        sessions("unauthorised", "sessions missed without it"),
        sessions("overall", "sessions missed"),
        sessions("illness", "sessions missed for illness (code I)", required=False),
        sessions("medical", "sessions missed for medical appointments (code M)", required=False),
        key=("child_id", "academic_year", "term", "urn"),
        words="Half-day sessions possible and missed, each term at each school.",
        source="education",
        years=(2006, None),
        checks=Checks(
            totals=(
                ("overall", "sessions_possible"),
                ("authorised", "overall"),
                ("unauthorised", "overall"),
                ("illness", "overall"),
                ("medical", "overall"),
            ),
            known="term",
        ),
    ),
    table(
        "exclusion",
        "event",
        CHILD,
        YEAR,
        TERM,
        URN,
        coded("kind", "kind of exclusion", plain("suspension", "permanent")),
        sessions("sessions", "sessions excluded"),
        Field("reason", "code", "main reason", required=False, missing=True),
        key=(),
        words="Suspensions and permanent exclusions. A child with none has no row.",
        source="education",
        years=(2002, None),
        checks=Checks(known="term"),
    ),
    table(
        "eyfsp",
        "child",
        CHILD,
        YEAR,
        URN,
        Field("total", "float", "total points", low=0, high=117, unit="points", missing=True),
        flag("gld", "good level of development", missing=True),
        flag("emerging_all", "emerging in every early learning goal", missing=True),
        key=("child_id",),
        words="Early years foundation stage profile, at the end of Reception.",
        source="education",
        years=(2003, None),
        checks=Checks(known=5),
    ),
    table(
        "phonics",
        "child",
        CHILD,
        YEAR,
        URN,
        Field("mark", "int", "mark", low=0, high=40, unit="words read", missing=True),
        flag("met", "met the expected standard", missing=True),
        key=("child_id",),
        words="Phonics screening check, at the end of Year 1.",
        source="education",
        years=(2012, None),
        checks=Checks(known=5),
    ),
    table(
        "ks1",
        "child",
        CHILD,
        YEAR,
        URN,
        standardised("reading", "reading, standardised within the academic year"),
        standardised("maths", "mathematics, standardised within the academic year"),
        *ASSESSED,
        key=("child_id",),
        words="Key stage 1 assessments, at the end of Year 2.",
        source="education",
        years=(1998, None),
        checks=Checks(known=5),
    ),
    table(
        "ks2",
        "child",
        CHILD,
        YEAR,
        URN,
        scaled("reading", "reading"),
        scaled("maths", "mathematics"),
        *ASSESSED,
        key=("child_id",),
        words="Key stage 2 assessments, at the end of Year 6.",
        source="education",
        years=(1996, None),
        checks=Checks(known=5),
    ),
    table(
        "school",
        "school × spell",
        Field("urn", "id", "the school's unique reference number"),
        LA,
        Field("region", "text", "region of England", missing=True),
        coded(
            "phase",
            "phase",
            plain("primary", "secondary", "special", "nursery", "ap"),
            missing=True,
        ),
        coded("school_type", "how the school is run", REGISTER_TYPE, missing=True),
        flag("sen_unit", "has a SEN unit", required=False, missing=True),
        flag("resourced_provision", "has resourced provision", required=False, missing=True),
        Field(
            "fsm_share",
            "float",
            "share of pupils eligible for free school meals",
            low=0,
            high=1,
            unit=SHARE,
            required=False,
            missing=True,
        ),
        Field(
            "size",
            "int",
            "pupils on roll",
            low=0,
            high=10000,
            unit="pupils",
            required=False,
            missing=True,
        ),
        Field("opened", "date", "day the school opened", required=False, missing=True),
        Field("closed", "date", "day the school closed", required=False, missing=True),
        key=("urn", "valid_from"),
        words="The register of schools, a row for each spell in which what it says held.",
        source="education",
        years=(2001, None),
        checks=Checks(order=(("opened", "closed"),)),
    ),
)
