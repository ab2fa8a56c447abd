"""Hospital and community health records."""

from __future__ import annotations

from fingerpost.records.fields import CHILD, Checks, Field, coded, flag, table

DIAGNOSES = 20
PROCEDURES = 24
DIAGNOSIS_COLUMNS = tuple(f"diag_{number:02}" for number in range(1, DIAGNOSES + 1))
PROCEDURE_COLUMNS = tuple(f"opertn_{number:02}" for number in range(1, PROCEDURES + 1))
ADMISSION_METHOD = (
    ("11", "elective: from the waiting list"),
    ("12", "elective: booked"),
    ("13", "elective: planned"),
    ("21", "emergency: through an emergency department"),
    ("22", "emergency: through a general practitioner"),
    ("23", "emergency: through a bed bureau"),
    ("24", "emergency: through a consultant's clinic"),
    ("25", "emergency: through a mental health crisis team (from 2013/14)"),
    ("28", "emergency: other means"),
    ("2A", "emergency: through another provider's emergency department (from 2013/14)"),
    ("2B", "emergency: transfer of an admitted patient (from 2013/14)"),
    ("2C", "baby born at home as intended (from 2013/14)"),
    ("2D", "emergency: other emergency (from 2013/14)"),
    ("31", "maternity: before the birth"),
    ("32", "maternity: after the birth"),
    ("81", "transfer that is not an emergency"),
    ("82", "baby born in this provider"),
    ("83", "baby born outside this provider"),
    ("84", "admitted from abroad or other"),
    ("89", "admission method other"),
    ("98", "does not apply"),
    ("99", "not known"),
)
# Methods of admissions that nobody planned. 2C, a birth at home, is a birth and is not among them.
EMERGENCY = ("21", "22", "23", "24", "25", "28", "2A", "2B", "2D")
EPISODE_TYPE = (
    ("1", "general"),
    ("2", "delivery"),
    ("3", "birth"),
    ("4", "formally detained under mental health law"),
    ("5", "other delivery event"),
    ("6", "other birth event"),
)
CLASS_PATIENT = (
    ("1", "ordinary admission"),
    ("2", "day case"),
    ("3", "regular day attender"),
    ("4", "regular night attender"),
    ("5", "mother and baby using delivery facilities only"),
    ("8", "does not apply"),
    ("9", "not known"),
)
TEAM = (
    ("speech_language", "speech and language therapy"),
    ("occupational", "occupational therapy"),
    ("physio", "physiotherapy"),
    ("community_paediatrics", "community paediatrics"),
    ("other", "other"),
)


def optional(name: str, words: str, kind: str = "text") -> Field:
    """Return a column that a table may lack and a row may leave blank."""
    return Field(name, kind, words, required=False, missing=True)


def contact_date(words: str) -> tuple[Field, Field]:
    """Return the dates of a referral and of a contact."""
    return optional("referral_date", "day of referral", "date"), Field(
        "contact_date", "date", words
    )


HEALTH = (
    table(
        "hes_apc",
        "episode",
        CHILD,
        Field("episode_id", "id", "the episode's key"),
        Field("episode_start", "date", "first day of the consultant episode", missing=True),
        Field("episode_end", "date", "last day", missing=True),
        Field("admission_date", "date", "day of admission", missing=True),
        Field("discharge_date", "date", "day of discharge", missing=True),
        Field(
            "episode_order",
            "int",
            "place of the episode in its admission",
            low=1,
            high=99,
            missing=True,
        ),
        coded("episode_type", "type of episode", EPISODE_TYPE, required=False, missing=True),
        coded("class_patient", "class of patient", CLASS_PATIENT, required=False, missing=True),
        coded(
            "admission_method", "how the child came to be admitted", ADMISSION_METHOD, missing=True
        ),
        Field(
            "start_age",
            "int",
            "age at the start of the episode: years, or below one year 7001 "
            "(less than a day) to 7007 (nine months to a year)",
            low=0,
            high=7007,
            required=False,
            missing=True,
        ),
        *(
            optional(name, "diagnosis, ICD-10 without dot" + (", main" if place == 0 else ""))
            for place, name in enumerate(DIAGNOSIS_COLUMNS)
        ),
        *(
            optional(name, "procedure, OPCS-4 without dot" + (", main" if place == 0 else ""))
            for place, name in enumerate(PROCEDURE_COLUMNS)
        ),
        Field(
            "gestation",
            "int",
            "weeks of gestation, on episodes of birth",
            low=22,
            high=45,
            unit="weeks",
            required=False,
            missing=True,
        ),
        Field(
            "birth_weight",
            "int",
            "birth weight, on episodes of birth",
            low=200,
            high=9000,
            unit="grams",
            required=False,
            missing=True,
        ),
        Field(
            "mother_age",
            "int",
            "the mother's age, on episodes of birth",
            low=10,
            high=60,
            unit="years",
            required=False,
            missing=True,
        ),
        optional("region", "region of residence"),
        Field(
            "imd_tenth",
            "int",
            "tenth of area deprivation, 1 the most deprived",
            low=1,
            high=10,
            required=False,
            missing=True,
        ),
        key=("child_id", "episode_id"),
        words="Finished consultant episodes of admitted care. Several episodes make an admission; "
        "diagnoses and procedures stand in numbered columns and may be fewer than declared.",
        source="health",
        years=(1997, None),
        checks=Checks(
            order=(
                ("episode_start", "episode_end"),
                ("admission_date", "discharge_date"),
                ("admission_date", "episode_start"),
            ),
            known="episode_start",
        ),
    ),
    table(
        "hes_ae",
        "attendance",
        CHILD,
        Field("attendance_date", "date", "day of attendance"),
        optional("arrival_mode", "how the child arrived", "code"),
        optional("disposal", "how the attendance ended", "code"),
        optional("diag_01", "first diagnosis, as the department codes it"),
        key=(),
        words="Attendances at emergency departments.",
        source="health",
        years=(2007, None),
        checks=Checks(known="attendance_date"),
    ),
    table(
        "hes_op",
        "attendance",
        CHILD,
        Field("attendance_date", "date", "day of the appointment"),
        optional("specialty", "treatment specialty", "code"),
        optional("attended", "whether the child was seen, as the source codes it", "code"),
        flag("first_attendance", "first appointment of a course", required=False, missing=True),
        key=(),
        words="Outpatient appointments. Diagnoses are too rarely coded to be declared.",
        source="health",
        years=(2003, None),
        checks=Checks(known="attendance_date"),
    ),
    table(
        "csds",
        "contact",
        CHILD,
        *contact_date("day of the contact"),
        coded("team", "team", TEAM, missing=True),
        flag("attended", "the child was seen", missing=True),
        Field(
            "minutes",
            "float",
            "length of the contact",
            low=0,
            high=1440,
            unit="minutes",
            required=False,
            missing=True,
        ),
        key=(),
        words="Contacts with community health services; unreliable before 2018/19.",
        source="health",
        years=(2016, None),
        checks=Checks(order=(("referral_date", "contact_date"),), known="contact_date"),
    ),
    table(
        "mhsds",
        "contact",
        CHILD,
        *contact_date("day of the contact"),
        optional("team", "team", "code"),
        flag("attended", "the child was seen", missing=True),
        key=(),
        words="Contacts with mental health services. A referral is not a treatment.",
        source="health",
        years=(2016, None),
        checks=Checks(order=(("referral_date", "contact_date"),), known="contact_date"),
    ),
)
