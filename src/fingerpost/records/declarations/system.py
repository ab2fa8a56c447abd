"""What local authorities and tribunals decide: requests for assessment, disputes."""

from __future__ import annotations

from fingerpost.records.fields import CHILD, LA, Checks, Field, coded, flag, plain, table

REQUESTED_BY = plain("parent", "school", "health", "social_care", "other")
DECISION = (("assessed", "will be assessed"), ("refused", "assessment refused"))

SYSTEM = (
    table(
        "assessment_request",
        "event",
        CHILD,
        LA,
        Field("received_date", "date", "day the request was received"),
        coded("source", "who asked", REQUESTED_BY, missing=True),
        Field("decided_date", "date", "day of the decision; blank where not yet", missing=True),
        coded("outcome", "decision", DECISION, missing=True),
        Field(
            "plan_date",
            "date",
            "day the plan was issued; blank where none",
            required=False,
            missing=True,
        ),
        flag(
            "within_20_weeks", "the plan was issued within 20 weeks", required=False, missing=True
        ),
        key=(),
        words="Requests for an Education, Health and Care needs assessment. Held for each person "
        "from 2023.",
        source="local authority",
        years=(2023, None),
        checks=Checks(
            order=(("received_date", "decided_date"), ("received_date", "plan_date")),
            known="received_date",
        ),
    ),
    table(
        "dispute",
        "event",
        CHILD,
        coded("kind", "kind of dispute", plain("mediation", "tribunal")),
        Field("registered_date", "date", "day it was registered"),
        Field("decided_date", "date", "day it was decided; blank where not yet", missing=True),
        Field("outcome", "code", "how it ended", required=False, missing=True),
        key=(),
        words="Mediations and appeals to the tribunal.",
        source="local authority",
        years=(2023, None),
        checks=Checks(order=(("registered_date", "decided_date"),), known="registered_date"),
    ),
)
